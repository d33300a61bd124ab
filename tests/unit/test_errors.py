"""One tree of errors: each carries its data, builds its own message, and is caught as an AndonError."""

import inspect

from service import errors
from service.errors import Problem

PROBLEM = Problem(path="instances.3.hour", expected="an integer", found="a string")
BARE = Problem(path="", expected="an object", found="something else")

TABLE = [
    (
        errors.FeatureError(field="hour", expected="an integer", found="a string"),
        {"field": "hour", "expected": "an integer", "found": "a string"},
        "hour: expected an integer, found a string",
    ),
    (
        errors.DocumentError(document="gate.toml", problems=iter([PROBLEM, BARE])),
        {"document": "gate.toml", "problems": (PROBLEM, BARE)},
        "gate.toml: instances.3.hour: expected an integer, found a string; expected an object, found something else",
    ),
    (
        errors.InvalidRequest(iter([PROBLEM])),
        {"problems": (PROBLEM,)},
        "instances.3.hour: expected an integer, found a string",
    ),
    (
        errors.TooManyRows(rows=151, most=150),
        {"rows": 151, "most": 150},
        "expected at most 150 instances, found 151",
    ),
    (
        errors.EventsError(file="a.csv", row=7, column="late", message="is no label"),
        {"file": "a.csv", "row": 7, "column": "late", "reason": "is no label"},
        "a.csv, row 7, column 'late': is no label",
    ),
    (
        errors.EventsError(file="a.csv", message="is empty"),
        {"file": "a.csv", "row": None, "column": None, "reason": "is empty"},
        "a.csv: is empty",
    ),
    (
        errors.BadSettingFile(variable="ANDON_TOKENS", file="/t", line=2, expected="a token", found="another thing"),
        {"variable": "ANDON_TOKENS", "file": "/t", "line": 2, "what": "line 2: expected a token, found another thing"},
        "ANDON_TOKENS: /t, line 2: expected a token, found another thing",
    ),
    (
        errors.ConfigError(variable="ANDON_PORT", value="x", expected="an integer"),
        {"variable": "ANDON_PORT", "value": "x", "expected": "an integer"},
        "ANDON_PORT: expected an integer, found 'x'",
    ),
    (
        errors.NotFirstRelease(baseline="0a"),
        {"baseline": "0a"},
        "this is no first release: it would replace version 0a and is compared with that one",
    ),
    (errors.StoreError("broken"), {}, "broken"),
    (
        errors.VersionNotFound(version="0a"),
        {"version": "0a"},
        "no version '0a'; `andon list` shows those there are",
    ),
    (
        errors.VersionNotFound(version="0a", candidates=2),
        {"version": "0a"},
        "2 versions begin with '0a'; `andon list` shows those there are",
    ),
    (
        errors.ArtefactInvalid(version="0a", reason="a bit flipped"),
        {"version": "0a", "reason": "a bit flipped"},
        "version 0a is refused: a bit flipped",
    ),
    (
        errors.NotBlessed(version="0a", reason="no report"),
        {"version": "0a", "reason": "no report"},
        "version 0a is not promoted: no report",
    ),
    (
        errors.ChangeUnconfirmed(version="0a", reason="No space left on device"),
        {"version": "0a", "reason": "No space left on device"},
        "version 0a is current now, but the disk has not confirmed all of it: No space left on device",
    ),
    (
        errors.AuditDamaged(damage=iter(["line 3 is no change", "line 7 is no change"])),
        {"damage": ("line 3 is no change", "line 7 is no change")},
        "the audit log is damaged: line 3 is no change; line 7 is no change",
    ),
    (errors.MalformedRequest("no JSON"), {}, "no JSON"),
    (errors.UnsupportedRequest("compressed"), {}, "compressed"),
    (errors.NoModel("no pointer"), {"reason": "no pointer"}, "no pointer"),
    (errors.NoPredecessor(), {}, "the current version has no predecessor to roll back to"),
]


def test_an_error_carries_its_data_and_builds_its_message(subtests):
    for error, data, message in TABLE:
        with subtests.test(error=type(error).__name__):
            assert {name: getattr(error, name) for name in data} == data
            assert str(error) == message
            assert isinstance(error, errors.AndonError)


def test_every_error_is_in_the_table():
    classes = {error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, Exception)}
    assert {type(error) for error, _, _ in TABLE} == classes - {errors.AndonError}


def test_what_concerns_the_store_is_a_store_error():
    for error in (errors.VersionNotFound, errors.ArtefactInvalid, errors.NotBlessed, errors.ChangeUnconfirmed):
        assert issubclass(error, errors.StoreError)
    for error in (errors.AuditDamaged, errors.NoModel, errors.NoPredecessor):
        assert issubclass(error, errors.StoreError)
