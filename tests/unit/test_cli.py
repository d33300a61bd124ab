"""``andon``: what is printed where, and the exit codes. The whole line runs in tests/component."""

import json
import os
import re
import shlex
import subprocess
import sys

from service import __version__
from service.cli import main
from service.core import bucketer
from service.revision import revision
from service.tables import human_bytes

COMMANDS = ["audit", "bucket", "check", "config", "demo", "gate", "list", "promote", "prune"]
COMMANDS += ["replay", "rollback", "score", "serve", "train", "verify"]


def test_help_is_on_standard_output_and_no_failure(capsys, subtests):
    for arguments in (["--help"], ["-h"], *([command, "--help"] for command in COMMANDS)):
        with subtests.test(arguments=arguments):
            assert main(arguments) == 0
            out, err = capsys.readouterr()
            assert out.startswith(" ".join(["Usage: andon", *arguments[:-1]]))
            assert err == ""


def test_the_commands_are_these(capsys):
    main(["--help"])
    listed = capsys.readouterr().out.split("Commands:\n")[1]
    assert re.findall(r"^  (\w+)", listed, re.MULTILINE) == COMMANDS


def test_the_version_is_the_packages_with_the_revision_if_it_is_known(capsys):
    known = revision()
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"andon {__version__}" + (f" (revision {known})" if known else "") + "\n"


WRONG = [
    [],
    ["nonsense"],
    ["--nonsense"],
    ["train"],
    ["train", "missing.csv", "--schema", "missing.toml"],
    ["train", ".", "--schema", "."],
    ["gate", "abc"],
    ["promote"],
    ["promote", "abc", "--override", ""],
    ["promote", "abc", "--override", " \t\n"],
    ["promote", "abc", "--override", "\udcff"],
    ["promote", "abc", "--reason", "\udcff"],
    ["rollback", "extra"],
    ["prune", "extra"],
    ["prune", "--keep", "-1"],
    ["prune", "--keep", "some"],
    ["prune", "--keep-days", "-1"],
    ["prune", "--keep-days", "nan"],
    ["audit", "extra"],
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
]


def test_a_wrong_command_line_is_2_with_a_message_and_nothing_on_standard_output(capsys, subtests):
    for arguments in WRONG:
        with subtests.test(arguments=arguments):
            assert main(arguments) == 2
            out, err = capsys.readouterr()
            assert out == ""
            assert "Usage: andon" in err


ENDS = [
    (["rollback"], 1, "nothing was ever promoted"),
    (["score", "EVENTS", "--out", "OUT"], 1, "no version was promoted in the store"),
    (["promote", "abc"], 2, "no version 'abc'"),
    (["promote", ""], 2, "no version ''"),
    (["promote", "abc", "--override", "it burns"], 2, "no version 'abc'"),
    (["rollback", "--from", "abc"], 2, "no version 'abc'"),
    (["verify", "abc"], 2, "no version 'abc'"),
    (["score", "EVENTS", "--out", "OUT", "--version", "abc"], 2, "no version 'abc'"),
    (["gate", "abc", "--events", "EVENTS"], 2, "no version 'abc'"),
]


def test_a_store_that_says_no_is_1_and_an_id_that_names_no_version_2_with_a_message(tmp_path, capsys, subtests):
    events = tmp_path / "events.csv"
    events.write_text("a\n1\n")
    given = {"EVENTS": str(events), "OUT": str(tmp_path / "out.csv")}
    for arguments, code, message in ENDS:
        with subtests.test(arguments=arguments):
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
    current = blessed(1)
    store.promote(current, actor="tests")
    judged, unjudged = blessed(2), store.add(**content(3))
    assert main(["list", "--json", "--store", str(store.root)]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["version"]: (row["current"], row["blessed"]) for row in rows} == {
        current: (True, True),
        judged: (False, True),
        unjudged: (False, False),
    }
    assert main(["list", "--store", str(store.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[3:35] for line in lines if line.startswith("* ")] == [current]
    assert [line.split()[0] for line in lines[:1]] == ["version"]
    assert len(lines) == 4


def test_a_list_says_what_the_current_version_was_overridden_with_and_what_it_weighs(store, content, capsys):
    version = store.add(**content(1))
    assert main(["promote", version, "--override", "it burns", "--store", str(store.root)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{version}\n"
    assert f"no gate has passed version {version}" in err and "overridden: it burns" in err
    assert main(["list", "--json", "--store", str(store.root)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["current"], row["blessed"], row["override"]) == (True, False, "it burns")
    folder = store.versions / version
    assert row["bytes"] == sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    assert main(["list", "--store", str(store.root)]) == 0
    assert capsys.readouterr().out.endswith("run `andon gate` first; overridden: it burns\n")


def test_what_the_gate_passed_needs_no_override_and_that_is_said(store, blessed, capsys):
    version = blessed(1)
    assert main(["promote", version, "--override", "to be sure", "--store", str(store.root)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (
        f"{version}\n",
        "andon: its gate passed it: nothing was overridden, and no override is recorded\n",
    )


def test_an_override_does_not_promote_what_is_damaged(store, blessed, damage, capsys):
    version = blessed(1)
    damage(version)
    assert main(["promote", version, "--override", "it burns", "--store", str(store.root)]) == 1
    assert "is refused: weights.npy" in capsys.readouterr().err
    assert store.pointer() is None


def test_versions_are_verified_to_the_last_bit(store, blessed, damage, capsys):
    sound, damaged = blessed(1), blessed(2)
    place = ["--store", str(store.root)]
    assert main(["verify", *place]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted([f"{sound}  ok", f"{damaged}  ok"])
    damage(damaged)
    assert main(["verify", *place]) == 1
    reason = "weights.npy does not have the digest in its manifest"
    assert sorted(capsys.readouterr().out.splitlines()) == sorted([f"{sound}  ok", f"{damaged}  {reason}"])
    assert main(["verify", sound[:12], *place]) == 0
    assert main(["verify", damaged, sound, *place]) == 1
    assert capsys.readouterr().out.endswith(f"{damaged}  {reason}\n{sound}  ok\n")


def test_what_the_pointer_names_is_verified_even_if_it_is_not_there(store, blessed, release, capsys):
    first, second = blessed(1), blessed(2)
    release(first)
    release(second)
    (store.versions / first).rename(store.root / "elsewhere")
    assert main(["verify", "--store", str(store.root)]) == 1
    assert f"{first}  manifest.json can't be opened: No such file or directory" in capsys.readouterr().out


def test_where_there_is_nothing_to_verify_nothing_is_sound(tmp_path, capsys):
    assert main(["verify", "--store", str(tmp_path / "none")]) == 1
    assert capsys.readouterr() == ("", f"andon: there is no version in {tmp_path / 'none'}\n")


def test_the_audit_log_is_a_table_or_a_json_object_a_line(store, content, blessed, capsys):
    first, second = blessed(1), store.add(**content(2))
    place = ["--store", str(store.root)]
    assert main(["audit", *place]) == main(["audit", "--json", *place]) == 0
    assert capsys.readouterr().out == ""
    store.promote(first, actor="me", reason="the first")
    store.promote(second, actor="you", override="it burns")
    assert main(["audit", "--json", *place]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["sequence"], line["actor"]) for line in lines] == [(1, "me"), (2, "you")]
    assert [line["reason"] for line in lines] == ["the first", ""]
    assert [(line["from_version"], line["to_version"]) for line in lines] == [(None, first), (first, second)]
    assert [line["override"] for line in lines] == [None, "it burns"]
    assert main(["audit", *place]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3
    assert table[2].startswith("2  2013-01-01T00:00:01+00:00  you") and "override: it burns" in table[2]


def test_a_damaged_log_shows_what_it_holds_and_is_1(store, blessed, capsys):
    version = blessed(1)
    store.promote(version, actor="me")
    with open(store.root / "audit.ndjson", "ab") as file:
        file.write(b"garbage\n")
    assert main(["audit", "--store", str(store.root)]) == 1
    out, err = capsys.readouterr()
    assert version[:12] in out
    assert "the audit log is damaged: line 2 is no change" in err


def test_pruning_prints_what_it_removed_and_how_much_it_freed(store, blessed, capsys):
    current, unused = blessed(1), blessed(2)
    store.promote(current, actor="me")
    place = ["--store", str(store.root)]
    assert main(["prune", *place]) == 0
    assert capsys.readouterr() == ("", "andon: freed 0 B\n"), "both are among the newest"
    size = sum(path.stat().st_size for path in (store.versions / unused).rglob("*") if path.is_file())
    everything = ["prune", "--keep", "0", "--keep-days", "0", *place]
    for word, arguments in (("would free", [*everything, "--dry-run"]), ("freed", everything)):
        assert main(arguments) == 0
        shown = human_bytes(size)
        assert capsys.readouterr() == (f"versions/{unused}  {shown}\n", f"andon: {word} {shown}\n")
    assert store.version_ids() == [current]


def test_a_rollback_away_from_a_version_may_be_said_twice(store, blessed, release, capsys):
    versions = blessed(1), blessed(2), blessed(3)
    for version in versions:
        release(version)
    for _ in range(2):
        assert main(["rollback", "--from", versions[2], "--store", str(store.root)]) == 0
        assert capsys.readouterr().out == f"{versions[1]}\n"


def test_a_damaged_version_is_listed_as_such(store, blessed, capsys):
    version = blessed(1)
    (store.versions / version / "manifest.json").write_text("{}")
    assert main(["list", "--store", str(store.root)]) == 0
    assert "refused: manifest.json" in capsys.readouterr().out


def test_promote_and_rollback_print_the_version_that_is_current_then(store, blessed, content, good_report, capsys):
    first, second = blessed(1), store.add(**content(2))
    store.write_report(second, good_report(second, first))
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


def test_a_prefix_of_two_versions_is_refused(store, capsys):
    for version in ("a" * 32, "a" * 31 + "b", "c" * 32):
        (store.versions / version).mkdir(parents=True)
    assert main(["promote", "aa", "--store", str(store.root)]) == 2
    assert "2 versions begin with 'aa'" in capsys.readouterr().err


def test_bucket_shows_what_the_bucketer_computes(capsys, subtests):
    for value in ("b8a", "", "007", "é 東京", "it's", "a\\b", None):
        with subtests.test(value=value):
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


def test_a_list_loads_no_arrow_and_a_reader_that_has_had_enough_gets_no_verdict_and_no_traceback(store, tmp_path):
    (store.versions / ("0" * 32)).mkdir(parents=True)
    (tmp_path / "pyarrow.py").write_text("import sys; print('arrow is loaded', file=sys.stderr)")
    listing = shlex.join([sys.executable, "-m", "service", "list", "--json", "--store", str(store.root)])
    done = subprocess.run(
        ["bash", "-c", f"{listing} | true; exit ${{PIPESTATUS[0]}}"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (141, "")
