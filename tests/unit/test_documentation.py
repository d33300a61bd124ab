"""The reference says what the code does."""

import re
from pathlib import Path

from service.config import BOUNDS, Settings, variable_of

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `(?P<variable>ANDON_\w+)` \| .+ \| (?:`(?P<default>[^`]*)`|none)", re.MULTILINE)


def test_the_configuration_reference_lists_every_setting_with_its_default():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    listed = {match["variable"]: match["default"] or "" for match in ROW.finditer(text)}
    defaults = Settings()
    unset = {variable_of(name): "" for name in BOUNDS if getattr(defaults, name) is None}
    assert listed == {**defaults.to_environ(), **unset}


PURPOSES = ["serve", "train", "test", "lint", "container", "traces", "clients", "audit"]


def test_every_dependency_is_named_in_the_reference():
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for purpose in PURPOSES:
        lines = (ROOT / "requirements" / f"{purpose}.in").read_text(encoding="utf-8").splitlines()
        for line in lines:
            name = re.split(r"[\[;<>= ]", line)[0]
            if name and not name.startswith(("#", "-")):
                assert name in text, name


def test_no_page_has_a_blank_left_to_fill_in():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "service").rglob("*.md")]
    assert len(pages) > 10
    for page in pages:
        assert "@@" not in page.read_text(encoding="utf-8"), page
