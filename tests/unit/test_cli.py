"""``andon``: what is printed where, and the exit codes. The whole line runs in tests/component."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from service import __version__
from service.cli import main
from service.core import bucketer

COMMANDS = ["bucket", "demo", "gate", "list", "promote", "rollback", "score", "serve", "train"]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([command, "--help"] for command in COMMANDS)])
def test_help_is_on_standard_output_and_no_failure(capsys, arguments):
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: andon")
    assert err == ""


def test_the_commands_are_these(capsys):
    main(["--help"])
    listed = capsys.readouterr().out.split("Commands:\n")[1]
    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == COMMANDS


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["--nonsense"],
        ["train"],
        ["train", "missing.csv", "--schema", "missing.toml"],
        ["train", ".", "--schema", "."],
        ["gate", "abc"],
        ["promote"],
        ["rollback", "extra"],
        ["score", "missing.csv", "--out", "out.csv"],
        ["serve", "--port", "0"],
        ["serve", "--port", "70000"],
        ["serve", "--workers", "0"],
        ["bucket"],
        ["bucket", "f", "v", "--n-buckets", "1000"],
        ["bucket", "f", "v", "--n-buckets", "1"],
        ["bucket", "f", "v", "--n-buckets", "many"],
        ["bucket", "f", "\udcff"],
        ["list", "--store", __file__],
    ],
)
def test_a_wrong_command_line_is_2_with_a_message_and_nothing_on_standard_output(capsys, arguments):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage: andon" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rollback"], "nothing was ever promoted"),
        (["score", "EVENTS", "--out", "OUT"], "no version was promoted in the store"),
    ],
)
def test_a_store_that_says_no_is_1_with_a_message(tmp_path, capsys, arguments, message):
    assert_ends(tmp_path, capsys, arguments, 1, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["promote", "abc"], "no version 'abc'"),
        (["promote", ""], "no version ''"),
        (["score", "EVENTS", "--out", "OUT", "--version", "abc"], "no version 'abc'"),
        (["gate", "abc", "--events", "EVENTS"], "no version 'abc'"),
    ],
)
def test_an_id_that_names_no_version_is_2_with_a_message(tmp_path, capsys, arguments, message):
    assert_ends(tmp_path, capsys, arguments, 2, message)


def assert_ends(tmp_path, capsys, arguments, code, message):
    """The command ends with the code and the message, and no output is written."""
    events = tmp_path / "events.csv"
    events.write_text("a\n1\n")
    given = {"EVENTS": str(events), "OUT": str(tmp_path / "out.csv")}
    assert main([*(given.get(word, word) for word in arguments), "--store", str(tmp_path / "store")]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("andon: error: ")
    assert message in err
    assert not (tmp_path / "out.csv").exists()


def test_an_empty_store_lists_nothing(tmp_path, capsys):
    assert main(["list", "--store", str(tmp_path / "none")]) == 0
    assert main(["list", "--json", "--store", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_versions_are_listed_with_their_verdicts(store, blessed, content, capsys):
    current, judged, unjudged = blessed(1), blessed(2), store.add(**content(3))
    store.promote(current, actor="tests")
    assert main(["list", "--json", "--store", str(store.root)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["version"]: (row["current"], row["blessed"]) for row in rows} == {
        current: (True, True),
        judged: (False, True),
        unjudged: (False, False),
    }
    assert main(["list", "--store", str(store.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[2:34] for line in lines if line.startswith("* ")] == [current]
    assert len(lines) == 3


def test_a_damaged_version_is_listed_as_such(store, blessed, capsys):
    version = blessed(1)
    (store.versions / version / "manifest.json").write_text("{}")
    assert main(["list", "--store", str(store.root)]) == 0
    assert "is refused" in capsys.readouterr().out


def test_promote_and_rollback_print_the_version_that_is_current_then(store, blessed, capsys):
    first, second = blessed(1), blessed(2)
    place = ["--store", str(store.root)]
    for arguments, current in [
        (["promote", first, "--reason", "the first"], first),
        (["promote", second[:12]], second),
        (["rollback", "--reason", "too late"], first),
    ]:
        assert main([*arguments, *place]) == 0
        assert capsys.readouterr().out == f"{current}\n"
        assert store.pointer().current == current
    assert [(change.action, change.reason) for change in store.audit()] == [
        ("promote", "the first"),
        ("promote", ""),
        ("rollback", "too late"),
    ]
    assert main(["rollback", *place]) == 1
    assert "no predecessor" in capsys.readouterr().err


def test_a_version_without_a_gate_is_not_promoted(store, content, capsys):
    version = store.add(**content(1))
    assert main(["promote", version, "--store", str(store.root)]) == 1
    assert "run `andon gate` first" in capsys.readouterr().err
    assert store.pointer() is None


def test_a_prefix_of_two_versions_is_refused(store, content, capsys):
    versions = [store.add(**content(seed)) for seed in range(17)]  # of 17, two begin alike
    firsts = [version[0] for version in versions]
    twice = next(first for first in firsts if firsts.count(first) > 1)
    assert main(["promote", twice, "--store", str(store.root)]) == 2
    assert f"{firsts.count(twice)} versions begin with {twice!r}" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["b8a", "", "007", "é 東京", "it's", "a\\b", None])
def test_bucket_shows_what_the_bucketer_computes(capsys, value):
    arguments = ["bucket", "user_id", "--n-buckets", "1048576"] + ([] if value is None else ["--", value])
    assert main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    hashed = bucketer.hash_value("user_id", bucketer.canonical(value))
    assert answer == {
        "field": "user_id",
        "value": value,
        "hash": str(hashed),
        "bucket": hashed % 2**20,
        "n_buckets": 2**20,
        "spark_sql": bucketer.spark_sql("user_id", value, 2**20),
    }


def test_the_store_comes_from_the_environment_unless_it_is_said(store, blessed, monkeypatch, tmp_path, capsys):
    version = blessed(1)
    monkeypatch.setenv("ANDON_STORE", str(store.root))
    assert main(["promote", version]) == 0
    assert main(["list", "--store", str(tmp_path / "other")]) == 0
    assert capsys.readouterr().out == f"{version}\n"


def test_a_setting_out_of_bounds_is_2(monkeypatch, capsys):
    monkeypatch.setenv("ANDON_PORT", "high")
    assert main(["list"]) == 2
    assert "ANDON_PORT: expected an integer from 1 to 65535, found 'high'" in capsys.readouterr().err


def test_demo_does_nothing_in_a_store_that_has_a_current_version_if_told_so(store, blessed, capsys):
    version = blessed(1)
    store.promote(version, actor="tests")
    assert main(["demo", "--if-empty", "--store", str(store.root)]) == 0
    assert capsys.readouterr().out == f"{version}\n"
    assert store.version_ids() == [version]


def test_what_is_missing_from_the_installation_is_said(tmp_path):
    """Without the ``train`` extra, training says what to install."""
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')")
    (tmp_path / "events.csv").write_text("a\n")
    (tmp_path / "schema.toml").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "service", "train", str(tmp_path / "events.csv")]
        + ["--schema", str(tmp_path / "schema.toml"), "--store", str(tmp_path / "store")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == "andon: error: pyarrow is not installed; this command needs it: pip install 'andon[train]'\n"


def test_a_reader_that_has_had_enough_gets_no_verdict_and_no_traceback(store, content):
    for seed in range(3):
        store.add(**content(seed))
    listing = shlex.join([sys.executable, "-m", "service", "list", "--json", "--store", str(store.root)])
    done = subprocess.run(["bash", "-c", f"{listing} | true; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (141, "")


def test_starting_the_command_loads_neither_arrow_nor_a_compiler():
    code = "import sys, service.cli; print({'numba', 'pyarrow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
