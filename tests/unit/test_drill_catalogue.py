"""The catalogue of the drill: every defect in it can be planted, at one place and no other, in the tree as it is now.

A tree with a defect in it fails here whatever the defect is, so that the drill leaves this module out.
"""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from service.toml import read_toml

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = read_toml(ROOT / "tests" / "drill" / "catalogue.toml")["defect"]
KINDS = {"feature", "serving", "learner", "gate", "style", "packaging", "pipeline"}
STAGES = {"lint", "unit", "component", "gate", "image", "container"}


@cache
def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def planted(defect):
    """The files of a defect, by their names, with its edits made one after the other."""
    texts = {}
    for edit in defect["edit"]:
        name = edit["file"]
        text = texts[name] if name in texts else text_of(name)
        assert text.count(edit["find"]) == 1, f"{defect['name']}: {name}: {edit['find']!r}"
        texts[name] = text.replace(edit["find"], edit["replace"])
    return texts


def test_a_defect_is_planted_at_one_place_and_python_still_reads_it(subtests):
    for defect in DEFECTS:
        with subtests.test(defect=defect["name"]):
            for name, text in planted(defect).items():
                if not name.endswith(".py"):
                    continue
                if defect["name"] != "syntax-error":
                    compile(text, name, "exec", dont_inherit=True)
                    continue
                with pytest.raises(SyntaxError):
                    compile(text, name, "exec", dont_inherit=True)


def test_an_entry_says_what_is_wrong_and_which_stage_stops_it():
    for defect in DEFECTS:
        assert set(defect) == {"name", "kind", "stage", "what", "edit"}, defect["name"]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", defect["name"])
        assert defect["kind"] in KINDS, defect["name"]
        assert defect["stage"] in STAGES, defect["name"]
        assert defect["what"] and defect["edit"], defect["name"]
        for edit in defect["edit"]:
            assert set(edit) == {"file", "find", "replace"}, defect["name"]
            assert edit["find"] != edit["replace"], defect["name"]


def test_no_two_defects_have_one_name_or_are_the_same():
    assert [name for name, count in Counter(defect["name"] for defect in DEFECTS).items() if count > 1] == []
    edits = [str(defect["edit"]) for defect in DEFECTS]
    assert len(set(edits)) == len(edits)


def test_there_is_a_defect_of_every_kind_and_the_linters_stop_none_of_the_product():
    assert {defect["kind"] for defect in DEFECTS} == KINDS
    assert {defect["kind"] for defect in DEFECTS if defect["stage"] == "lint"} == {"style", "pipeline"}
