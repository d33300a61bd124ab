"""The gate: bounds, contracts, verdicts; whatever is in doubt fails."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DocumentError
from service.gates import BEATS_BASE_RATE, DEFAULT_CONTRACT, Bound, Check, Report, judge, load_contract

GOOD = {"log_loss": 0.5, "normalized_entropy": 0.9, "auc": 0.7, "calibration_ratio": 1.0}


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


def test_every_bound_and_the_base_rate_give_a_check():
    contract = (Bound(metric="auc", low=0.65), Bound(metric="log_loss", high=0.4))
    assert judge(GOOD, contract) == [
        Check(metric="normalized_entropy", value=0.9, bound="< 1", passed=True),
        Check(metric="auc", value=0.7, bound=">= 0.65", passed=True),
        Check(metric="log_loss", value=0.5, bound="<= 0.4", passed=False),
    ]


def test_a_metric_that_is_missing_or_nan_fails_and_has_no_value():
    for metrics in ({}, {"auc": math.nan, "normalized_entropy": math.nan}):
        checks = judge(metrics, (Bound(metric="auc", high=math.inf),))
        assert [(check.metric, check.value, check.passed) for check in checks] == [
            ("normalized_entropy", None, False),
            ("auc", None, False),
        ]


def test_a_metric_that_nobody_knows_fails():
    assert not judge(GOOD, (Bound(metric="accuracy", low=0.0),))[-1].passed


@pytest.mark.parametrize(("entropy", "passed"), [(0.999, True), (1.0, False), (1.001, False), (math.nan, False)])
def test_no_contract_lets_a_model_through_that_does_not_beat_the_base_rate(entropy, passed):
    checks = judge({**GOOD, "normalized_entropy": entropy}, ())
    assert [check.passed for check in checks] == [passed]
    assert BEATS_BASE_RATE.holds(entropy) is passed


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({}, []),
        ({"auc": 0.5}, ["auc"]),
        ({"auc": 0.4}, ["auc"]),
        ({"calibration_ratio": 0.79}, ["calibration_ratio"]),
        ({"calibration_ratio": 1.26}, ["calibration_ratio"]),
        ({"auc": math.nan, "normalized_entropy": 1.0}, ["normalized_entropy", "auc"]),
    ],
)
def test_the_default_contract_stops_what_is_broken(change, failed):
    assert [check.metric for check in judge({**GOOD, **change}, DEFAULT_CONTRACT) if not check.passed] == failed


# Reports

PASSED = Check(metric="auc", value=0.7, bound="> 0.5", passed=True)
FAILED = Check(metric="auc", value=None, bound="> 0.5", passed=False)


@pytest.mark.parametrize(
    ("checks", "passed"),
    [([], False), ([PASSED], True), ([FAILED], False), ([PASSED, FAILED], False), ([PASSED, PASSED], True)],
)
def test_a_report_passes_when_all_of_its_checks_did_and_there_was_one(checks, passed):
    report = Report(version="v", rows=3, left_out=1, events=[{"sha256": "0", "bytes": 7}], checks=checks)
    assert report.passed is passed
    assert orjson.loads(orjson.dumps(report.to_document())) == {
        "version": "v",
        "rows": 3,
        "left_out": 1,
        "events": [{"sha256": "0", "bytes": 7}],
        "checks": [
            {"metric": c.metric, "value": c.value, "bound": c.bound, "passed": c.passed} for c in checks
        ],
        "passed": passed,
    }


def test_the_store_takes_the_word_of_a_report(store, content):
    version = store.add(**content(1))
    for checks, blessed in (([PASSED], True), ([PASSED, FAILED], False), ([], False)):
        report = Report(version=version, rows=3, left_out=0, events=[], checks=checks)
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
