"""The gate: bounds, contracts, verdicts; whatever is in doubt fails."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DocumentError
from service.gates import (
    ALWAYS,
    BEATS_BASE_RATE,
    DEFAULT_CONTRACT,
    ENOUGH_ROWS,
    Bound,
    Check,
    Report,
    judge,
    load_contract,
    refusal,
)

GOOD = {
    "positives": 10,
    "negatives": 10,
    "log_loss": 0.5,
    "normalized_entropy": 0.9,
    "auc": 0.7,
    "calibration_ratio": 1.0,
}


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        (Bound(metric="m", low=0.5), 0.5, True),
        (Bound(metric="m", low=0.5), math.nextafter(0.5, 0), False),
        (Bound(metric="m", low=0.5), math.nextafter(0.5, 1), True),
        (Bound(metric="m", low=0.5, strict=True), 0.5, False),
        (Bound(metric="m", low=0.5, strict=True), math.nextafter(0.5, 1), True),
        (Bound(metric="m", high=0.5), 0.5, True),
        (Bound(metric="m", high=0.5), math.nextafter(0.5, 1), False),
        (Bound(metric="m", high=0.5, strict=True), 0.5, False),
        (Bound(metric="m", high=0.5, strict=True), math.nextafter(0.5, 0), True),
        (Bound(metric="m", low=0.8, high=1.25), 0.8, True),
        (Bound(metric="m", low=0.8, high=1.25), 1.25, True),
        (Bound(metric="m", low=0.8, high=1.25), 0.79, False),
        (Bound(metric="m", low=0.8, high=1.25), 1.26, False),
        (Bound(metric="m", low=0.8, high=1.25, strict=True), 0.8, False),
        (Bound(metric="m", low=1.0, high=1.0), 1.0, True),
        (Bound(metric="m", low=0.0), 0.0, True),
        (Bound(metric="m", high=0.0), -0.0, True),
        (Bound(metric="m", low=0.0, strict=True), 0.0, False),
        (Bound(metric="m", low=0.5), math.inf, True),
        (Bound(metric="m", high=0.5), -math.inf, True),
        (Bound(metric="m", high=0.5), math.inf, False),
    ],
)
def test_a_bound_holds_on_its_edge_unless_it_is_strict(bound, value, holds):
    assert bound.holds(value) is holds


@given(
    low=st.none() | st.floats(allow_nan=False),
    high=st.none() | st.floats(allow_nan=False),
    strict=st.booleans(),
)
def test_nan_keeps_no_bound(low, high, strict):
    assert not Bound(metric="m", low=low, high=high, strict=strict).holds(math.nan)


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (Bound(metric="m", low=0.5), ">= 0.5"),
        (Bound(metric="m", high=1.0, strict=True), "< 1"),
        (Bound(metric="m", low=0.8, high=1.25), ">= 0.8 and <= 1.25"),
        (Bound(metric="m", low=0, high=2, strict=True), "> 0 and < 2"),
        (Bound(metric="m", low=0.12345678901), ">= 0.12345678901"),
    ],
)
def test_a_bound_says_what_it_asks_with_all_its_digits(bound, text):
    assert str(bound) == text


def test_what_is_asked_of_every_version():
    assert ALWAYS == (
        Bound(metric="positives", low=10),
        Bound(metric="negatives", low=10),
        Bound(metric="normalized_entropy", high=1.0, strict=True),
    )


def test_every_bound_and_what_is_always_asked_give_a_check():
    contract = (Bound(metric="auc", low=0.65), Bound(metric="log_loss", high=0.4))
    checks = judge(GOOD, contract)
    assert checks == [
        Check(bound=Bound(metric="positives", low=10), value=10),
        Check(bound=Bound(metric="negatives", low=10), value=10),
        Check(bound=Bound(metric="normalized_entropy", high=1.0, strict=True), value=0.9),
        Check(bound=Bound(metric="auc", low=0.65), value=0.7),
        Check(bound=Bound(metric="log_loss", high=0.4), value=0.5),
    ]
    assert [check.passed for check in checks] == [True, True, True, True, False]


@pytest.mark.parametrize("value", [None, math.nan, 0.5, 0.4, -math.inf])
def test_a_check_passes_only_with_a_value_that_keeps_its_bound(value):
    assert Check(bound=Bound(metric="auc", low=0.5, strict=True), value=0.6).passed
    assert not Check(bound=Bound(metric="auc", low=0.5, strict=True), value=value).passed
    with pytest.raises(TypeError):
        Check(bound=Bound(metric="auc", low=0.5), value=value, passed=True)


def test_a_metric_that_is_missing_or_nan_fails_and_has_no_value():
    for metrics in ({}, {"auc": math.nan, "normalized_entropy": math.nan}):
        checks = judge(metrics, (Bound(metric="auc", high=math.inf),))
        assert [(check.bound.metric, check.value, check.passed) for check in checks] == [
            ("positives", None, False),
            ("negatives", None, False),
            ("normalized_entropy", None, False),
            ("auc", None, False),
        ]


def test_a_metric_that_nobody_knows_fails():
    assert not judge(GOOD, (Bound(metric="accuracy", low=0.0),))[-1].passed


@pytest.mark.parametrize(("entropy", "passed"), [(0.999, True), (1.0, False), (1.001, False), (math.nan, False)])
def test_no_contract_lets_a_model_through_that_does_not_beat_the_base_rate(entropy, passed):
    checks = judge({**GOOD, "normalized_entropy": entropy}, ())
    assert [check.passed for check in checks] == [True, True, passed]
    assert BEATS_BASE_RATE.holds(entropy) is passed


@pytest.mark.parametrize("metric", ["positives", "negatives"])
@pytest.mark.parametrize(("count", "passed"), [(0, False), (9, False), (10, True), (11, True), (math.nan, False)])
def test_no_contract_lets_a_model_through_on_fewer_than_ten_of_a_class(metric, count, passed):
    checks = judge({**GOOD, metric: count}, ())
    assert {check.bound.metric: check.passed for check in checks} == {
        "positives": True,
        "negatives": True,
        "normalized_entropy": True,
        metric: passed,
    }
    assert {bound.metric: bound.holds(count) for bound in ENOUGH_ROWS}[metric] is passed


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, []),
        ({"auc": 0.5}, ["auc"]),
        ({"auc": 0.4}, ["auc"]),
        ({"calibration_ratio": 0.79}, ["calibration_ratio"]),
        ({"calibration_ratio": 1.26}, ["calibration_ratio"]),
        ({"auc": math.nan, "normalized_entropy": 1.0}, ["normalized_entropy", "auc"]),
        ({"positives": 9}, ["positives"]),
        ({"negatives": 9}, ["negatives"]),
    ],
)
def test_the_default_contract_stops_what_is_broken(change, failed):
    checks = judge({**GOOD, **change}, DEFAULT_CONTRACT)
    assert [check.bound.metric for check in checks if not check.passed] == failed


# Reports

AUC = Bound(metric="auc", low=0.5, strict=True)
PASSED = Check(bound=AUC, value=0.7)
FAILED = Check(bound=AUC, value=None)


@pytest.mark.parametrize(
    ("checks", "passed"),
    [([], False), ([PASSED], True), ([FAILED], False), ([PASSED, FAILED], False), ([PASSED, PASSED], True)],
)
@pytest.mark.parametrize("overlap", [False, True])
def test_a_report_passes_when_all_of_its_checks_did_and_there_was_one(checks, passed, overlap):
    events = [{"sha256": "0", "bytes": 7}]
    report = Report(version="v", rows=3, left_out=1, allow_overlap=overlap, events=events, checks=checks)
    assert report.passed is passed
    assert orjson.loads(orjson.dumps(report.to_document())) == {
        "version": "v",
        "rows": 3,
        "left_out": 1,
        "allow_overlap": overlap,
        "events": [{"sha256": "0", "bytes": 7}],
        "checks": [
            {
                "bound": {"metric": "auc", "low": 0.5, "high": None, "strict": True},
                "value": check.value,
                "passed": check is PASSED,
            }
            for check in checks
        ],
        "passed": passed,
    }


VERSION = "0" * 32


def stored(metrics=GOOD, contract=DEFAULT_CONTRACT, **changed):
    """A report as the store gives it back, with some of its values changed."""
    checks = judge(metrics, contract)
    report = Report(version=VERSION, rows=20, left_out=0, allow_overlap=False, events=[], checks=checks)
    return {**orjson.loads(orjson.dumps(report.to_document())), **changed}


def checks_with(metric, bound=None, **changed):
    """The checks of a good report, one of them changed, or its bound."""
    checks = stored()["checks"]
    for check in checks:
        if check["bound"]["metric"] == metric:
            check["bound"].update(bound or {})
            check.update(changed)
    return checks


def less(mapping, *names):
    return {name: value for name, value in mapping.items() if name not in names}


def test_a_report_that_passed_blesses_its_version():
    assert stored()["passed"] is True
    assert refusal(stored(), VERSION) is None
    assert refusal(stored(allow_overlap=True), VERSION) is None
    assert refusal(stored(contract=()), VERSION) is None


CHECK = {"bound": {"metric": "auc", "low": 0.5, "high": None, "strict": True}, "value": 0.7, "passed": True}
SHAPE = "its gate report: "
CHECK_SHAPE = "a check of its gate report: "
BOUND_SHAPE = "a bound of its gate report: "
INCOMPLETE = "its gate report leaves out what is asked of every version"

FORGED = {
    # no report at all
    "null": (None, SHAPE + "expected an object"),
    "a list": ([], SHAPE + "expected an object"),
    "true": (True, SHAPE + "expected an object"),
    "an empty object": ({}, SHAPE + "version: expected"),
    "two lines": ({"version": VERSION, "passed": True}, SHAPE + "rows: expected"),
    "three lines": ({"version": VERSION, "checks": [CHECK], "passed": True}, SHAPE + "rows: expected"),
    "of the old form": (
        {"version": VERSION, "checks": [{"metric": "auc", "value": 0.7, "bound": "> 0.5", "passed": True}]},
        SHAPE + "rows: expected",
    ),
    **{f"without {name}": (less(stored(), name), f"{SHAPE}{name}: expected") for name in stored()},
    # keys and types
    "an unknown key": (stored(comment="fine"), SHAPE + "comment: expected one of the keys"),
    "version a number": (stored(version=7), SHAPE + "version: expected"),
    "rows as text": (stored(rows="20"), SHAPE + "rows: expected"),
    "rows true": (stored(rows=True), SHAPE + "rows: expected"),
    "rows a fraction": (stored(rows=20.0), SHAPE + "rows: expected"),
    "rows null": (stored(rows=None), SHAPE + "rows: expected"),
    "left_out as text": (stored(left_out="none"), SHAPE + "left_out: expected"),
    "allow_overlap 0": (stored(allow_overlap=0), SHAPE + "allow_overlap: expected true or false"),
    "events an object": (stored(events={}), SHAPE + "events: expected"),
    "checks an object": (stored(checks={"auc": True}), SHAPE + "checks: expected a list of checks"),
    "checks as text": (stored(checks="passed"), SHAPE + "checks: expected a list of checks"),
    "checks null": (stored(checks=None), SHAPE + "checks: expected a list of checks"),
    "passed 1": (stored(passed=1), SHAPE + "passed: expected true or false"),
    "passed as text": (stored(passed="true"), SHAPE + "passed: expected true or false"),
    "a check true": (stored(checks=[*stored()["checks"], True]), CHECK_SHAPE + "expected an object"),
    "a check null": (stored(checks=[*stored()["checks"], None]), CHECK_SHAPE + "expected an object"),
    "a check of the old form": (
        stored(checks=[*stored()["checks"], {"metric": "auc", "value": 0.7, "bound": "> 0.5", "passed": True}]),
        CHECK_SHAPE + "bound: expected a bound, found a string; metric: expected one of the keys",
    ),
    **{
        f"a check without {name}": (
            stored(checks=[*stored()["checks"], less(CHECK, name)]),
            f"{CHECK_SHAPE}{name}: expected",
        )
        for name in CHECK
    },
    "an unknown key of a check": (stored(checks=checks_with("auc", note="x")), CHECK_SHAPE + "note: expected"),
    "passed of a check 1": (stored(checks=checks_with("auc", passed=1)), CHECK_SHAPE + "passed: expected"),
    "a value as text": (stored(checks=checks_with("auc", value="0.7")), CHECK_SHAPE + "value: expected a number"),
    "a value true": (stored(checks=checks_with("positives", value=True)), CHECK_SHAPE + "value: expected a number"),
    "a value a list": (stored(checks=checks_with("auc", value=[0.7])), CHECK_SHAPE + "value: expected a number"),
    "a bound as text": (stored(checks=checks_with("auc", None) + [{**CHECK, "bound": "> 0.5"}]), CHECK_SHAPE),
    **{
        f"a bound without {name}": (
            stored(checks=[*stored()["checks"], {**CHECK, "bound": less(CHECK["bound"], name)}]),
            f"{BOUND_SHAPE}{name}: expected",
        )
        for name in CHECK["bound"]
    },
    "an unknown key of a bound": (stored(checks=checks_with("auc", {"slack": 1})), BOUND_SHAPE + "slack: expected"),
    "strict 0": (stored(checks=checks_with("auc", {"strict": 0})), BOUND_SHAPE + "strict: expected"),
    "low as text": (stored(checks=checks_with("auc", {"low": "0"})), BOUND_SHAPE + "low: expected a number"),
    "low false": (stored(checks=checks_with("auc", {"low": False})), BOUND_SHAPE + "low: expected a number"),
    "a metric without a name": (stored(checks=checks_with("auc", {"metric": ""})), BOUND_SHAPE + "metric: expected"),
    # another version
    "another version": (stored(version="1" * 32), "its gate report is about another version"),
    "a prefix of the version": (stored(version=VERSION[:-1]), "its gate report is about another version"),
    # not all that is asked of every version
    "no checks": (stored(checks=[]), INCOMPLETE),
    "only the contract's checks": (stored(checks=[CHECK]), INCOMPLETE),
    **{
        f"no check of {bound.metric}": (
            stored(checks=[c for c in stored()["checks"] if c["bound"]["metric"] != bound.metric]),
            INCOMPLETE,
        )
        for bound in ALWAYS
    },
    "fewer positives asked": (stored(checks=checks_with("positives", {"low": 1})), INCOMPLETE),
    "negatives from nothing": (stored(checks=checks_with("negatives", {"low": None})), INCOMPLETE),
    "a looser entropy": (stored(checks=checks_with("normalized_entropy", {"high": 2})), INCOMPLETE),
    "an entropy that may be 1": (stored(checks=checks_with("normalized_entropy", {"strict": False})), INCOMPLETE),
    # the verdict
    "passed false": (stored(passed=False), "it failed its gate: no verdict"),
    "no rows": (stored(rows=0), "it failed its gate: no verdict"),
    "rows below zero": (stored(rows=-1), "it failed its gate: no verdict"),
    "a value that is no good": (stored(checks=checks_with("auc", value=0.5)), "it failed its gate: auc"),
    "a value null": (stored(checks=checks_with("auc", value=None)), "it failed its gate: auc"),
    "a value NaN": (stored(checks=checks_with("auc", value=math.nan)), "it failed its gate: auc"),
    "nine positives": (stored(checks=checks_with("positives", value=9)), "it failed its gate: positives"),
    "nine negatives": (stored(checks=checks_with("negatives", value=9)), "it failed its gate: negatives"),
    "the base rate": (
        stored(checks=checks_with("normalized_entropy", value=1)),
        "it failed its gate: normalized_entropy",
    ),
    "above a stored max": (
        stored(checks=checks_with("calibration_ratio", value=1.26)),
        "it failed its gate: calibration_ratio",
    ),
    "a second, failing check of a metric": (
        stored(checks=[*stored()["checks"], {**CHECK, "value": 0.5}]),
        "it failed its gate: auc",
    ),
    "several": (
        stored(metrics={**GOOD, "positives": 9, "auc": 0.5}, passed=True),
        "it failed its gate: positives, auc",
    ),
}


@pytest.mark.parametrize(("document", "reason"), FORGED.values(), ids=FORGED)
def test_a_report_that_was_forged_or_is_in_doubt_blesses_nothing(document, reason):
    found = refusal(document, VERSION)
    assert found is not None
    assert found.startswith(reason)


@given(
    value=st.none() | st.floats() | st.integers(-(2**63), 2**63 - 1),
    check=st.booleans(),
    index=st.integers(0, len(stored()["checks"]) - 1),
)
def test_the_verdict_is_drawn_again_from_values_and_bounds(value, check, index):
    """Whatever a report says of itself: a value that does not keep its bound is refused."""
    document = stored()
    document["checks"][index].update(value=value, passed=check)
    bound = Bound(**document["checks"][index]["bound"])
    kept = value is not None and bound.holds(value)
    assert (refusal(document, VERSION) is None) is kept


def test_the_store_draws_the_verdict_from_the_report(store, content):
    version = store.add(**content(1))
    good = judge(GOOD, DEFAULT_CONTRACT)
    for checks, blessed in ((good, True), ([*good, FAILED], False), ([PASSED], False), ([], False)):
        report = Report(version=version, rows=20, left_out=0, allow_overlap=False, events=[], checks=checks)
        store.write_report(version, report.to_document())
        assert (store.blessing(version) is None) is blessed


# Contracts


def test_a_contract_gives_a_bound_for_each_metric():
    document = {"auc": {"min": 0.6}, "log_loss": {"max": 0.5}, "calibration_ratio": {"min": 1, "max": 1}}
    bounds = load_contract(document, source="gate.toml")
    assert sorted(bounds, key=lambda bound: bound.metric) == [
        Bound(metric="auc", low=0.6),
        Bound(metric="calibration_ratio", low=1, high=1),
        Bound(metric="log_loss", high=0.5),
    ]


KNOWN = "one of the keys log_loss, normalized_entropy, auc, calibration_ratio"
TABLE = "a table with min, max or both"

BAD_CONTRACTS = [
    (None, "", "an object"),
    ([], "", "an object"),
    ("auc", "", "an object"),
    ({}, "", "a threshold for at least one metric"),
    ({"accuracy": {"min": 0.5}}, "accuracy", KNOWN),
    ({"rows": {"min": 5}}, "rows", KNOWN),
    ({"auc": 0.6}, "auc", TABLE),
    ({"auc": None}, "auc", TABLE),
    ({"auc": []}, "auc", TABLE),
    ({"auc": {}}, "auc", TABLE),
    ({"auc": {"low": 0.6}}, "auc.low", "one of the keys min, max"),
    ({"auc": {"min": "0.6"}}, "auc.min", "a number"),
    ({"auc": {"min": True}}, "auc.min", "a number"),
    ({"auc": {"min": None}}, "auc.min", "a number"),
    ({"auc": {"min": [0.6]}}, "auc.min", "a number"),
    ({"auc": {"min": math.nan}}, "auc", "finite numbers"),
    ({"auc": {"min": 0.5, "max": math.inf}}, "auc", "finite numbers"),
    ({"auc": {"min": -math.inf}}, "auc", "finite numbers"),
    ({"auc": {"max": 10**400}}, "auc", "finite numbers"),
    ({"auc": {"min": 0.7, "max": 0.6}}, "auc", "a min of at most max"),
]


@pytest.mark.parametrize(("document", "path", "expected"), BAD_CONTRACTS)
def test_a_bad_contract_is_refused_with_the_place_and_what_is_allowed(document, path, expected):
    with pytest.raises(DocumentError) as caught:
        load_contract(document, source="gate.toml")
    assert caught.value.document == "gate.toml"
    assert [(problem.path, problem.expected) for problem in caught.value.problems] == [(path, expected)]


def test_every_problem_of_a_contract_is_listed():
    with pytest.raises(DocumentError) as caught:
        load_contract({"auc": {}, "log_loss": {"min": "x"}, "recall": {}}, source="gate.toml")
    assert sorted(problem.path for problem in caught.value.problems) == ["auc", "log_loss.min", "recall"]
