"""Reports, and the verdict that is drawn again from a stored one: what is in doubt blesses nothing."""

import math
import sys
from dataclasses import replace
from itertools import product

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from service.gates import (
    ALWAYS,
    BREAKING_ALLOWED,
    COMPARED,
    FEW_ROWS_ALLOWED,
    FIRST_RELEASE,
    GATES,
    NEW_FIELD,
    Bound,
    Check,
    Report,
    refusal,
)

VERSION, BASELINE, OTHER = "0" * 32, "1" * 32, "2" * 32
LARGEST = sys.float_info.max
VALUES = {"versions": 1, "positives": 10, "negatives": 30, "normalized_entropy": 0.9}


def test_what_is_asked_of_every_version():
    assert [(gate, metric, str(bound)) for gate, metric, bound in ALWAYS] == [
        ("baseline", "versions", ">= 1"),
        ("schema", "breaking_changes", "<= 0"),
        ("value", "positives", ">= 10"),
        ("value", "negatives", ">= 10"),
        ("value", "normalized_entropy", "< 1"),
        ("behaviour", "field_order", "<= 0"),
        ("behaviour", "unused_field", "<= 0"),
        ("behaviour", "missing_values", "<= 0"),
        ("behaviour", "row_and_batch", "<= 0"),
        ("behaviour", "row_and_file", "<= 0"),
        ("behaviour", "row_and_http", "<= 0"),
    ]


def line(gate, metric, value, low=None, high=None, **options):
    return Check(gate=gate, metric=metric, value=value, bound=Bound(low=low, high=high), **options)


def always(first_release=False):
    waived = {"baseline": (0, FIRST_RELEASE), "schema": (None, FIRST_RELEASE)} if first_release else {}
    for gate, metric, bound in ALWAYS:
        value, reason = waived.get(gate, (VALUES.get(metric, 0), ""))
        yield Check(gate=gate, metric=metric, bound=bound, value=value, waived=reason)


def of_contract(first_release=False):
    """A line of every kind that a contract may ask for."""
    unknown = {"value": None, "waived": FIRST_RELEASE} if first_release else {}
    interval = None if first_release else (-0.01, 0.01)
    few = {"waived": FEW_ROWS_ALLOWED, "note": "too few rows to judge the slice"}
    return [
        line("data", "rows", 1000, low=10),
        line("data", "missing", 0.5, high=0.5, slice="hour"),
        line("data", "rows_ratio", **{"value": 0.9, **unknown}, low=0.5),
        line("data", "distinct_ratio", **{"value": 0.9, **unknown}, low=0.5, slice="hour"),
        line("value", "auc", 0.7, low=0.6, rows=40),
        line("change", "log_loss relative change", **{"value": 0.0, **unknown}, high=0.02, interval=interval, rows=40),
        line("slice", "auc", 0.7, low=0.6, slice="carrier = UA", rows=20),
        line("slice", "auc change", **{"value": 0.0, **unknown}, low=-0.02, slice="carrier = UA", interval=interval),
        line("slice", "rows", 0, low=100, slice="carrier = B6", rows=0, **few),
        line("slice", "compared_rows", 3, low=100, slice="carrier = AA", rows=3, **few),
        line("behaviour", "hour 6 to 19: increase", 0.95, low=0.9, rows=200),
        line("collisions", "values", 0.05, high=0.1),
        line("artefact", "artefact_bytes", 900, high=1000),
        line("artefact", "row_time_ratio", **{"value": 1.1, **unknown}, high=2),
        line("reproducibility", "same_digest", 1, low=1),
    ]


def report(checks=None, *, first_release=False, **changed):
    whole = {
        "version": VERSION,
        "name": "flights",
        "baseline": None if first_release else BASELINE,
        "first_release": first_release,
        "contract": {"name": "gate.toml", "sha256": "0" * 64},
        "rows": 40,
        "left_out": 2,
        "allow_overlap": False,
        "events": [{"sha256": "0" * 64, "bytes": 7}],
        "checks": [*always(first_release), *of_contract(first_release)] if checks is None else checks,
        "shown": {"metrics": {"candidate": {"rows": 40}}, "calibration": {"baseline": None}, "slices": []},
    }
    return Report(**{**whole, **changed})


def stored(*args, **changed):
    """A report as the store gives it back."""
    return orjson.loads(orjson.dumps(report(*args, **changed).to_document()))


WHOLE = stored()
FIRST = stored(first_release=True)
SHORT, FIRST_SHORT = stored(list(always())), stored(list(always(first_release=True)), first_release=True)
"""With what is asked of every version and nothing else, for what does not depend on a contract's lines."""


def verdict(document, version=VERSION, *, current=BASELINE, served=()):
    return refusal(document, version, current=current, served=served)


# The report

PASSED, FAILED, WAIVED = (
    line("value", "auc", 0.7, low=0.6),
    line("value", "auc", None, low=0.6),
    line("baseline", "versions", 0, low=1, waived=FIRST_RELEASE),
)


def test_a_report_passes_when_all_of_its_checks_did_and_there_was_one(subtests):
    for checks, failed in (
        ([], None),
        ([PASSED], []),
        ([FAILED], [FAILED]),
        ([PASSED, FAILED, WAIVED], [FAILED]),
        ([PASSED, WAIVED], []),
        ([FAILED, PASSED, FAILED], [FAILED, FAILED]),
    ):
        with subtests.test(checks=[check.verdict for check in checks]):
            found = report(checks)
            assert found.passed is (failed == [])
            assert found.failed == (failed or [])
            assert found.to_document()["passed"] is found.passed


def test_a_report_is_a_plain_document():
    assert stored([PASSED, FAILED], allow_overlap=True) == {
        "version": VERSION,
        "name": "flights",
        "baseline": BASELINE,
        "first_release": False,
        "contract": {"name": "gate.toml", "sha256": "0" * 64},
        "rows": 40,
        "left_out": 2,
        "allow_overlap": True,
        "events": [{"sha256": "0" * 64, "bytes": 7}],
        "checks": [PASSED.to_document(), FAILED.to_document()],
        "passed": False,
        "metrics": {"candidate": {"rows": 40}},
        "calibration": {"baseline": None},
        "slices": [],
    }


# What blesses


def test_a_report_that_passed_blesses_its_version():
    assert {check["gate"] for check in WHOLE["checks"]} == set(GATES)
    assert verdict(WHOLE) is None
    assert verdict(SHORT) is None
    assert verdict(stored(allow_overlap=True)) is None
    assert verdict(stored(rows=1)) is None
    assert verdict(with_line(line("value", "auc", 0.7, low=0.6, interval=(0.7, 0.7)))) is None


def test_a_first_release_is_blessed_where_nothing_is_current():
    assert verdict(FIRST, current=None) is None
    assert verdict(FIRST_SHORT, current=None) is None


def test_a_version_is_judged_against_the_one_that_it_would_replace_or_has_served(subtests):
    for document, current, served, reason in (
        (SHORT, None, (), None),
        (SHORT, BASELINE, (), None),
        (SHORT, VERSION, (), None),
        (SHORT, OTHER, (VERSION,), None),
        (SHORT, OTHER, (BASELINE, VERSION), None),
        (SHORT, OTHER, (), f"it was judged against {BASELINE}, but {OTHER} is current now; run `andon gate` again"),
        (SHORT, OTHER, (BASELINE,), f"it was judged against {BASELINE}, but {OTHER} is current now; run"),
        (FIRST_SHORT, None, (), None),
        (FIRST_SHORT, VERSION, (), None),
        (FIRST_SHORT, OTHER, (VERSION,), None),
        (FIRST_SHORT, OTHER, (), f"it was judged as a first release, but {OTHER} is current now; run `andon"),
    ):
        with subtests.test(first=document["first_release"], current=current, served=served):
            found = verdict(document, current=current, served=served)
            assert found is None if reason is None else found.startswith(reason)


def test_what_did_not_pass_is_not_blessed_for_having_served():
    documents = (stored([*always(), FAILED]), stored(list(always())[1:]), {}, None)
    for document, current, served in product(documents, (None, VERSION, BASELINE, OTHER), ((), (VERSION,))):
        assert verdict(document, current=current, served=served) is not None, (document, current, served)


def test_a_report_may_not_compare_a_version_with_itself():
    document = {**SHORT, "baseline": VERSION}
    for current in (None, VERSION, BASELINE):
        assert verdict(document, current=current) == "its gate report does not say what it was compared with"


def test_a_report_has_a_baseline_or_is_a_first_release(subtests):
    neither = {**SHORT, "baseline": None}
    both = ({**SHORT, "first_release": True}, {**FIRST_SHORT, "baseline": BASELINE})
    for document, current in product((neither, *both), (None, VERSION, BASELINE)):
        with subtests.test(baseline=document["baseline"], first=document["first_release"], current=current):
            assert verdict(document, current=current) == "its gate report does not say what it was compared with"


def test_a_gate_that_failed_for_want_of_a_baseline_says_so():
    checks = [
        line("baseline", "versions", 0, low=1),
        line("schema", "breaking_changes", None, high=0),
        *list(always())[2:],
    ]
    assert verdict(stored(checks, baseline=None), current=None) == "it failed its gate: versions, breaking_changes"


# What does not


def with_line(check, document=SHORT):
    """A report with one more line."""
    shown = check.to_document() if isinstance(check, Check) else check
    return {**document, "checks": [*document["checks"], shown]}


def index_of(gate, metric, slice=""):
    checks = WHOLE["checks"]
    wanted = (gate, metric, slice)
    [index] = [at for at, one in enumerate(checks) if (one["gate"], one["metric"], one["slice"]) == wanted]
    return index


def at(gate, metric, *path, slice=""):
    """The path of a line of the whole report, or to something in it."""
    return ("checks", index_of(gate, metric, slice), *path)


LINE = PASSED.to_document()
SHAPE, LINE_SHAPE = "its gate report: ", "a check of its gate report: "
NO_REPORT = [None, True, 7, "passed", [], [WHOLE], math.nan]
INCOMPLETE = "its gate report leaves out what is asked of every version"
WAIVES = "its gate report waives what no gate does: "


def test_what_is_no_object_is_no_report():
    for document in NO_REPORT:
        assert verdict(document) == SHAPE + "expected an object, found something else", document


def test_a_report_without_one_of_its_keys_blesses_nothing(put):
    for key in WHOLE:
        assert verdict(put(WHOLE, (key,), put.absent)).startswith(f"{SHAPE}{key}: expected")


def test_a_line_without_one_of_its_keys_blesses_nothing(put):
    for key in LINE:
        assert verdict(put(SHORT, ("checks", 0, key), put.absent)).startswith(f"{LINE_SHAPE}{key}: expected")
    for key in ("low", "high", "strict"):
        found = verdict(put(SHORT, ("checks", 0, "bound", key), put.absent))
        assert found.startswith(f"{LINE_SHAPE}bound.{key}: expected")


KINDS = {
    "text": "",
    "number": 0.5,
    "count": 7,
    "switch": True,
    "list": [],
    "object": {},
    "null": None,
    "not finite": math.nan,
    "infinite": math.inf,
    "huge": 10**400,
}
REPORT_KINDS = {
    "version": "a string that is not empty",
    "name": "a string that is not empty",
    "baseline": "a string that is not empty",
    "first_release": "true or false",
    "contract": "a name and a digest",
    "rows": "a number of rows",
    "left_out": "a number of rows",
    "allow_overlap": "true or false",
    "events": "digests of the events",
    "checks": "a list of checks",
    "passed": "true or false",
    "metrics": "metrics of candidate and baseline",
    "calibration": "calibration of candidate and baseline",
    "slices": "metrics of the slices",
}
LINE_KINDS = {
    "gate": f"one of {', '.join(GATES)}",
    "metric": "a string that is not empty",
    "slice": "a slice's name",
    "value": "a finite number",
    "bound": "a bound",
    "interval": "two numbers, the lower one first",
    "rows": "a number of rows",
    "note": "a note",
    "waived": "a reason",
    "passed": "true or false",
}
BOUND_KINDS = {"low": "a finite number", "high": "a finite number", "strict": "true or false"}
"""What is expected at each key, in the words of the refusal."""

TAKEN = {
    "true or false": ("switch",),
    "a finite number": ("number", "count", "null"),
    "a slice's name": ("text",),
    "a note": ("text",),
    "a reason": ("text",),
    "two numbers, the lower one first": ("null",),
    "a list of checks": ("list",),
    "digests of the events": ("list",),
    "metrics of the slices": ("list",),
    "metrics of candidate and baseline": ("object",),
    "calibration of candidate and baseline": ("object",),
}
"""The kinds that are taken, beside those that a single key takes."""

TAKEN_BY_KEY = {
    (SHAPE, "baseline"): ("null",),
    (SHAPE, "rows"): ("count", "huge"),
    (SHAPE, "left_out"): ("count", "huge"),
    (LINE_SHAPE, "rows"): ("count", "null"),
}


def of_other_kinds(shape, kinds):
    return [
        (key, kind, expected)
        for key, expected in kinds.items()
        for kind in KINDS
        if kind not in (*TAKEN.get(expected, ()), *TAKEN_BY_KEY.get((shape, key), ()))
    ]


def test_a_value_of_another_kind_makes_it_no_report(put):
    for key, kind, expected in of_other_kinds(SHAPE, REPORT_KINDS):
        found = verdict(put(WHOLE, (key,), KINDS[kind]))
        assert found.startswith(f"{SHAPE}{key}: expected {expected}, found "), (key, kind)


def test_a_value_of_another_kind_makes_it_no_line_or_no_bound_of_one(put):
    """Of a line of a value and of one of a change, which has an interval besides."""
    lines = [WHOLE["checks"][index_of(*line)] for line in (("value", "auc"), ("change", "log_loss relative change"))]
    kinds = [((key,), kind, expected) for key, kind, expected in of_other_kinds(LINE_SHAPE, LINE_KINDS)]
    kinds += [(("bound", key), kind, expected) for key, kind, expected in of_other_kinds(LINE_SHAPE, BOUND_KINDS)]
    for sound, (path, kind, expected) in product(lines, kinds):
        found = verdict({**SHORT, "checks": [put(sound, path, KINDS[kind])]})
        assert found.startswith(f"{LINE_SHAPE}{'.'.join(path)}: expected {expected}, found "), (sound, path, kind)


SHAPES = {
    "an empty object": ({}, SHAPE + "version: expected"),
    "an unknown key": ({**WHOLE, "comment": "fine"}, SHAPE + "comment: expected one of the keys"),
    "no digest": ({**WHOLE, "contract": {"name": "gate.toml"}}, SHAPE + "contract.sha256: expected"),
    "a contract without a name": ({**WHOLE, "contract": {"sha256": "0" * 64}}, SHAPE + "contract.name: expected"),
    "rows below zero": ({**WHOLE, "rows": -1}, SHAPE + "rows: expected a number of rows, found -1"),
    "fewer than no rows left out": ({**WHOLE, "left_out": -1}, SHAPE + "left_out: expected a number of rows, found -1"),
    "a line null": (with_line(None), LINE_SHAPE + "expected an object"),
    "a line true": (with_line(True), LINE_SHAPE + "expected an object"),
    "an unknown key of a line": (with_line({**LINE, "verdict": "passed"}), LINE_SHAPE + "verdict: expected"),
    "an unknown gate": (with_line({**LINE, "gate": "quality"}), LINE_SHAPE + "gate: expected one of baseline, "),
    "no metric": (with_line({**LINE, "metric": ""}), LINE_SHAPE + "metric: expected"),
    "a slice of no text": (with_line({**LINE, "slice": "\ud800"}), LINE_SHAPE + "slice: expected"),
    "a bound that asks nothing": (
        with_line({**LINE, "bound": {"low": None, "high": None, "strict": False}}),
        LINE_SHAPE + "bound: expected a number for low, high or both, found neither",
    ),
    "a bound that is NaN": (
        with_line({**LINE, "bound": {"low": math.nan, "high": None, "strict": False}}),
        LINE_SHAPE + "bound.low: expected a finite number",
    ),
    "an unknown key of a bound": (
        with_line({**LINE, "bound": {**LINE["bound"], "slack": 1}}),
        LINE_SHAPE + "bound.slack: expected one of the keys low, high, strict",
    ),
    "an interval of none": (with_line({**LINE, "interval": []}), LINE_SHAPE + "interval: expected two numbers"),
    "an interval of one": (with_line({**LINE, "interval": [0.7]}), LINE_SHAPE + "interval: expected two numbers"),
    "an interval of three": (with_line({**LINE, "interval": [0.7, 0.7, 0.7]}), LINE_SHAPE + "interval: expected two"),
    "an interval backwards": (
        with_line({**LINE, "interval": [0.8, 0.7]}),
        LINE_SHAPE + "interval: expected two numbers, the lower one first, found others",
    ),
    "an interval with null": (with_line({**LINE, "interval": [0.7, None]}), LINE_SHAPE + "interval.1: expected"),
    "an interval with NaN": (with_line({**LINE, "interval": [math.nan, 0.7]}), LINE_SHAPE + "interval.0: expected"),
    "an endless interval": (with_line({**LINE, "interval": [0.7, math.inf]}), LINE_SHAPE + "interval.1: expected"),
    "rows of a line below zero": (with_line({**LINE, "rows": -1}), LINE_SHAPE + "rows: expected a number of rows"),
    "another version": ({**WHOLE, "version": OTHER}, "its gate report is about another version"),
    "a prefix of the version": ({**WHOLE, "version": VERSION[:-1]}, "its gate report is about another version"),
    "no lines": ({**WHOLE, "checks": []}, INCOMPLETE),
    "the contract's lines only": ({**WHOLE, "checks": WHOLE["checks"][len(ALWAYS) :]}, INCOMPLETE),
}


def test_a_report_that_no_gate_writes_blesses_nothing(subtests):
    for name, (document, reason) in SHAPES.items():
        with subtests.test(case=name):
            assert verdict(document).startswith(reason)


LOOSER = {
    ("bound", "low"): (0.5, -1),
    ("bound", "high"): (0.5, 2),
    ("bound", "strict"): (False, True),
    ("gate",): ("data",),
    ("slice",): ("a = b",),
}


def test_no_line_that_is_asked_of_every_version_may_be_left_out_nor_loosened_nor_asked_of_something_else(put):
    """A copy of it on a slice, or with a looser bound, does not count, whatever its value."""
    for document, (index, (_, metric, bound)) in product((SHORT, FIRST_SHORT), enumerate(ALWAYS)):
        assert verdict(put(document, ("checks", index), put.absent), current=None) == INCOMPLETE, metric
        for path, values in LOOSER.items():
            for value in values:
                if value is not bound.strict:
                    found = verdict(put(document, ("checks", index, *path), value), current=None)
                    assert found == INCOMPLETE, (metric, path, value)


def test_nor_may_it_be_left_out_where_a_contract_asks_for_much_else(put):
    for document, index in product((WHOLE, FIRST), range(len(ALWAYS))):
        assert verdict(put(document, ("checks", index), put.absent), current=None) == INCOMPLETE, ALWAYS[index]


def test_a_looser_copy_beside_the_line_that_is_asked_excuses_nothing(put):
    for metric in ("positives", "negatives", "normalized_entropy"):
        looser = line("value", metric, VALUES[metric], low=0, high=1e9)
        assert verdict(with_line(looser)) is None, metric
        failing = put(WHOLE, at("value", metric, "value"), 5)
        assert verdict(with_line(looser, failing)) == f"it failed its gate: {metric}"


FAILING = {
    "passed false": (("passed",), False, "no verdict"),
    "no rows": (("rows",), 0, "no verdict"),
    "nine positives": (at("value", "positives", "value"), 9, "positives"),
    "nine negatives": (at("value", "negatives", "value"), 9, "negatives"),
    "the base rate": (at("value", "normalized_entropy", "value"), 1, "normalized_entropy"),
    "a value null": (at("value", "auc", "value"), None, "auc"),
    "a value below its bound": (at("value", "auc", "value"), 0.59, "auc"),
    "a bound above its value": (at("value", "auc", "bound", "low"), 0.71, "auc"),
    "a bound that its value is on": (at("value", "auc", "bound"), {"low": 0.7, "high": None, "strict": True}, "auc"),
    "a bound that nothing keeps": (at("value", "auc", "bound"), {"low": 0.8, "high": 0.6, "strict": False}, "auc"),
    "a value on no rows": (at("value", "auc", "rows"), 0, "auc"),
    "a line that says that it failed": (at("value", "auc", "passed"), False, "auc"),
    "a waived line that says that it failed": (
        at("slice", "rows", "passed", slice="carrier = B6"),
        False,
        "rows (carrier = B6)",
    ),
    "an answer that differs": (at("behaviour", "row_and_http", "value"), 5e-324, "row_and_http"),
    "a change whose interval is too wide": (
        at("change", "log_loss relative change", "interval"),
        [-0.01, 0.0201],
        "log_loss relative change",
    ),
    "a change without an interval": (
        at("change", "log_loss relative change", "interval"),
        None,
        "log_loss relative change",
    ),
    "a slice's change without an interval": (
        at("slice", "auc change", "interval", slice="carrier = UA"),
        None,
        "auc change (carrier = UA)",
    ),
    "too few rows": (at("slice", "rows", "waived", slice="carrier = B6"), "", "rows (carrier = B6)"),
    "another digest": (at("reproducibility", "same_digest", "value"), 0, "same_digest"),
    "a breaking change": (at("schema", "breaking_changes", "value"), 1, "breaking_changes"),
    "no baseline": (at("baseline", "versions", "value"), 0, "versions"),
}


def test_what_did_not_keep_its_bound_blesses_nothing_whatever_it_says(put, subtests):
    for name, (path, value, failed) in FAILING.items():
        with subtests.test(case=name):
            assert verdict(put(WHOLE, path, value)) == f"it failed its gate: {failed}"


def test_no_change_of_a_slice_is_told_from_noise_without_an_interval():
    for metric in [f"{metric} {kind}" for metric in COMPARED for kind in ("change", "relative change")]:
        changed = line("slice", metric, 0.0, low=-1, high=1, slice="a = b")
        assert verdict(with_line(replace(changed, interval=(0.0, 0.0)))) is None, metric
        assert verdict(with_line(changed)) == f"it failed its gate: {metric} (a = b)"


def test_all_that_failed_is_named():
    document = with_line(FAILED, with_line(line("slice", "auc", 0.5, low=0.6, slice="a = b")))
    assert verdict(document) == "it failed its gate: auc (a = b), auc"


# Waivers


def test_what_a_first_release_waives_is_only_waived_in_a_first_release(put):
    """Every waiver of a first release, in a report that says that it is none."""
    for index, check in enumerate(FIRST["checks"]):
        if check["waived"] == FIRST_RELEASE:
            found = verdict(put(WHOLE, ("checks", index), check))
            assert found.startswith(f"{WAIVES}{check['metric']}")


REASONS = [FIRST_RELEASE, BREAKING_ALLOWED, FEW_ROWS_ALLOWED, NEW_FIELD]


def test_the_reasons_for_a_waiver_are_those_that_stored_reports_give():
    assert REASONS == [
        "first release",
        "the contract allows breaking changes",
        "the contract allows few rows",
        "the baseline has no such field",
    ]


def test_no_line_is_waived_but_those_that_a_gate_waives_and_for_no_other_reason(subtests):
    """With a value that fails and without one: all lines at once, which names those that are not; then the others."""
    for document, reason, known in product((WHOLE, FIRST), (*REASONS, "we know", " ", "First release"), (True, False)):
        waived, refused, sound = [], [], []
        for check in document["checks"]:
            failing = (-1e9 if check["bound"]["high"] is None else 1e9) if known else None
            changed = {**check, "value": failing, "waived": reason, "passed": True}
            waived.append(changed)
            if may_be_waived(changed, first=document is FIRST):
                sound.append(changed)
            else:
                sound.append(check)
                refused.append(f"{check['metric']} ({check['slice']})" if check["slice"] else check["metric"])
        with subtests.test(first=document is FIRST, reason=reason, known=known):
            assert verdict({**document, "checks": waived}, current=None) == WAIVES + ", ".join(refused)
            assert verdict({**document, "checks": sound}, current=None) is None


def may_be_waived(check, first):
    """Whether a gate waives a line that does not keep its bound."""
    gate, metric, unknown = check["gate"], check["metric"], check["value"] is None
    needs_baseline = gate in ("baseline", "schema", "change") or metric in UNKNOWN_AT_FIRST
    allowed = {
        FIRST_RELEASE: first and needs_baseline and (unknown or gate == "baseline"),
        BREAKING_ALLOWED: metric == "breaking_changes" and not unknown,
        FEW_ROWS_ALLOWED: metric in ("rows", "compared_rows") and gate == "slice" and not unknown,
        NEW_FIELD: gate == "data" and metric == "distinct_ratio" and check["slice"] != "" and unknown,
    }
    return allowed.get(check["waived"], False)


UNKNOWN_AT_FIRST = ("rows_ratio", "distinct_ratio", "row_time_ratio", "auc change")


def test_few_rows_are_only_waived_of_a_slice():
    def judged(gate, metric, slice="a = b"):
        return verdict(with_line(line(gate, metric, 0, low=1, slice=slice, waived=FEW_ROWS_ALLOWED)))

    assert judged("slice", "rows") is None
    assert judged("slice", "rows", slice="").startswith(WAIVES)
    for gate, metric in (("slice", "positives"), ("slice", "auc"), ("value", "rows"), ("data", "rows")):
        assert judged(gate, metric).startswith(WAIVES), (gate, metric)


def test_a_field_with_too_many_values_for_slices_is_not_waived():
    many = line("slice", "slices", 9999, high=200, slice="carrier", waived=FEW_ROWS_ALLOWED)
    assert verdict(with_line(many)).startswith(WAIVES)


def test_breaking_changes_are_waived_where_the_contract_allows_them(put):
    change = put(WHOLE, at("schema", "breaking_changes", "value"), 3)
    assert verdict(put(change, at("schema", "breaking_changes", "waived"), BREAKING_ALLOWED)) is None


def test_what_keeps_its_bound_in_a_first_release_may_be_waived_besides(put):
    """The gate itself waives the schema's line of a first release, whatever its value."""
    kept = put(FIRST, at("schema", "breaking_changes", "value"), 0)
    broken = put(FIRST, at("schema", "breaking_changes", "value"), 1)
    assert verdict(kept, current=None) is None
    assert verdict(broken, current=None) == f"{WAIVES}breaking_changes"


def test_all_that_no_gate_waives_is_named():
    one, another = (line("value", metric, 0.7, low=0.6, waived="because") for metric in ("auc", "log_loss"))
    assert verdict(with_line(one, with_line(another))) == f"{WAIVES}log_loss, auc"


# Laws

NUMBERS = st.none() | st.floats() | st.integers(-(2**70), 2**70) | st.sampled_from([10**400, -(10**400)])


@given(value=NUMBERS, said=st.booleans(), index=st.integers(0, len(WHOLE["checks"]) - 1))
def test_the_verdict_is_drawn_again_from_values_and_bounds(put, value, said, index):
    """Whatever a line says of itself: a value that does not keep its bound is refused."""
    document = put(WHOLE, ("checks", index, "value"), value)
    document["checks"][index]["passed"] = said
    bound = document["checks"][index]["bound"]
    low, high = (math.inf * sign if end is None else end for sign, end in ((-1, bound["low"]), (1, bound["high"])))
    finite = value is not None and abs(value) <= LARGEST
    kept = finite and (low < value < high if bound["strict"] else low <= value <= high)
    if document["checks"][index]["waived"]:
        kept = finite
    assert (verdict(document) is None) is (kept and said)


def is_number(value):
    return type(value) in (int, float) and abs(value) <= LARGEST


def is_text(value, empty=False):
    return type(value) is str and (empty or value != "") and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_sound_line(given_line, first):
    """The same rules, written down once more and otherwise: of a line of a report."""
    if type(given_line) is not dict or given_line.keys() != LINE.keys():
        return False
    gate, metric, where, value, bound, interval, rows, note, waived, passed = (given_line[key] for key in LINE)
    if gate not in GATES or not is_text(metric) or not all(is_text(text, True) for text in (where, note, waived)):
        return False
    if passed is not True or type(bound) is not dict or bound.keys() != LINE["bound"].keys():
        return False
    ends = [end for end in (bound["low"], bound["high"]) if end is not None]
    if not ends or not all(map(is_number, ends)) or type(bound["strict"]) is not bool:
        return False
    if interval is not None and (
        type(interval) is not list
        or len(interval) != 2
        or not all(map(is_number, interval))
        or interval[0] > interval[1]
    ):
        return False
    if not (rows is None or type(rows) is int and 0 <= rows < 2**63) or not (value is None or is_number(value)):
        return False
    change = gate == "change" or gate == "slice" and metric.endswith(" change")

    def kept():
        values = [value, *(interval or [])]
        if None in values or rows == 0 or change and interval is None:
            return False
        low = -math.inf if bound["low"] is None else bound["low"]
        high = math.inf if bound["high"] is None else bound["high"]
        return all(low < one < high if bound["strict"] else low <= one <= high for one in values)

    ratio = gate in ("data", "artefact") and metric in {*UNKNOWN_AT_FIRST, "label_rate_ratio", "missing_change"}
    excused = {
        "": kept(),
        FIRST_RELEASE: first
        and (gate == "baseline" or (value is None or kept()) and (gate == "schema" or change or ratio)),
        BREAKING_ALLOWED: (gate, metric, where) == ("schema", "breaking_changes", "") and value is not None,
        FEW_ROWS_ALLOWED: gate == "slice"
        and metric in ("rows", "compared_rows")
        and where != ""
        and value is not None,
        NEW_FIELD: gate == "data" and ratio and where != "" and value is None,
    }
    return excused.get(waived, False)


def is_sound(document):
    """The same rules, written down once more and otherwise: of a report, where nothing is current."""
    if type(document) is not dict or document.keys() != WHOLE.keys():
        return False
    kinds = {"first_release": bool, "allow_overlap": bool, "events": list, "checks": list, "metrics": dict}
    kinds |= {"calibration": dict, "slices": list, "contract": dict, "rows": int, "left_out": int}
    if any(type(document[key]) is not kind for key, kind in kinds.items()):
        return False
    baseline, first, contract = document["baseline"], document["first_release"], document["contract"]
    if not is_text(document["name"]) or document["version"] != VERSION or document["passed"] is not True:
        return False
    if not (1 <= document["rows"] < 2**63 and 0 <= document["left_out"] < 2**63):
        return False
    if contract.keys() != {"name", "sha256"} or not all(map(is_text, contract.values())):
        return False
    if not (baseline is None if first else is_text(baseline) and baseline != VERSION):
        return False
    if not all(is_sound_line(one, first) for one in document["checks"]):
        return False
    there = [(one["gate"], one["metric"], one["bound"]) for one in document["checks"] if one["slice"] == ""]
    asked = [
        (gate, metric, {"low": bound.low, "high": bound.high, "strict": bound.strict}) for gate, metric, bound in ALWAYS
    ]
    return all(one in there for one in asked)


FEW_LINES, FIRST_FEW_LINES = (
    {**short, "checks": [*short["checks"], *(one for one in whole["checks"] if one["gate"] in ("change", "slice"))]}
    for short, whole in ((SHORT, WHOLE), (FIRST_SHORT, FIRST))
)


@settings(max_examples=2 * settings.default.max_examples)
@given(data=st.data(), whole=st.sampled_from([FEW_LINES, FIRST_FEW_LINES]))
def test_anything_is_refused_with_words_unless_it_is_a_sound_report(data, whole, anything, damaged):
    for document in (data.draw(anything), *damaged(data, whole)):
        found = verdict(document, current=None)
        assert found is None or (isinstance(found, str) and found)
        assert (found is None) is is_sound(document), found


@given(
    version=st.sampled_from([VERSION, OTHER]),
    baseline=st.sampled_from([None, VERSION, BASELINE, OTHER]),
    first=st.booleans(),
    current=st.sampled_from([None, VERSION, BASELINE, OTHER]),
    served=st.lists(st.sampled_from([VERSION, BASELINE, OTHER])),
)
def test_a_report_blesses_what_it_compared_with_what_would_be_replaced(version, baseline, first, current, served):
    document = {**(FIRST_SHORT if first else SHORT), "version": version, "baseline": baseline}
    sound = first is (baseline is None) and baseline != version
    compared = current in (None, version, baseline) or version in served
    assert (verdict(document, version, current=current, served=served) is None) is (sound and compared)


def test_the_store_draws_the_verdict_from_the_report(store, content):
    version = store.add(**content(1))
    good = list(always(first_release=True))
    for checks, blessed in ((good, True), ([*good, FAILED], False), ([PASSED], False), ([], False)):
        store.write_report(version, report(checks, first_release=True, version=version).to_document())
        assert (store.blessing(version, None) is None) is blessed
