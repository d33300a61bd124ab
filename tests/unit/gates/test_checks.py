"""Bounds and checks: what is on the edge passes, what is in doubt does not."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.gates import GATES, Bound, Check, measured

NUMBERS = st.floats() | st.integers(-(2**70), 2**70) | st.sampled_from([10**400, -(10**400)])
ENDS = st.none() | st.floats(allow_nan=False) | st.integers(-(2**70), 2**70)


HOLDS = [
    (Bound(low=0.5), 0.5, True),
    (Bound(low=0.5), math.nextafter(0.5, 0), False),
    (Bound(low=0.5), math.nextafter(0.5, 1), True),
    (Bound(low=0.5, strict=True), 0.5, False),
    (Bound(low=0.5, strict=True), math.nextafter(0.5, 1), True),
    (Bound(high=0.5), 0.5, True),
    (Bound(high=0.5), math.nextafter(0.5, 1), False),
    (Bound(high=0.5, strict=True), 0.5, False),
    (Bound(high=0.5, strict=True), math.nextafter(0.5, 0), True),
    (Bound(low=0.8, high=1.25), 0.8, True),
    (Bound(low=0.8, high=1.25), 1.25, True),
    (Bound(low=0.8, high=1.25), 0.79, False),
    (Bound(low=0.8, high=1.25), 1.26, False),
    (Bound(low=0.8, high=1.25, strict=True), 0.8, False),
    (Bound(low=0.8, high=1.25, strict=True), 1.25, False),
    (Bound(low=1.0, high=1.0), 1.0, True),
    (Bound(low=1.0, high=1.0, strict=True), 1.0, False),
    (Bound(low=2, high=1), 1.5, False),
    (Bound(low=0.0), 0.0, True),
    (Bound(high=0.0), -0.0, True),
    (Bound(low=0.0, strict=True), 0.0, False),
    (Bound(low=0.0, strict=True), 5e-324, True),
    (Bound(low=0.5), math.inf, True),
    (Bound(high=0.5), -math.inf, True),
    (Bound(high=0.5), math.inf, False),
    (Bound(low=2**53 + 1), 2**53, False),
    (Bound(low=0.5), 10**400, True),
    (Bound(high=0.5), 10**400, False),
    (Bound(), -1e308, True),
]


def test_a_bound_holds_on_its_edge_unless_it_is_strict(subtests):
    for bound, value, holds in HOLDS:
        with subtests.test(bound=str(bound), value=value):
            assert bound.holds(value) is holds


@given(low=ENDS, high=ENDS, value=NUMBERS, strict=st.booleans())
def test_nan_keeps_no_bound_and_nothing_keeps_a_bound_that_is_nan(low, high, value, strict):
    assert not Bound(low=low, high=high, strict=strict).holds(math.nan)
    for ends in ({"low": math.nan}, {"high": math.nan}, {"low": -1e300, "high": math.nan}):
        assert not Bound(**ends, strict=strict).holds(value), ends


@given(low=ENDS, high=ENDS, value=NUMBERS)
def test_a_strict_bound_is_the_other_one_without_its_ends(low, high, value):
    loose, strict = (Bound(low=low, high=high, strict=strict).holds(value) for strict in (False, True))
    assert strict is (loose and value not in (low, high))


SAID = [
    (Bound(low=0.5), ">= 0.5"),
    (Bound(high=1.0, strict=True), "< 1"),
    (Bound(low=0.8, high=1.25), ">= 0.8 and <= 1.25"),
    (Bound(low=0, high=2, strict=True), "> 0 and < 2"),
    (Bound(low=0.12345678901), ">= 0.12345678901"),
    (Bound(high=16_000_000), "<= 16,000,000"),
    (Bound(high=-0.0), "<= -0"),
]


def test_a_bound_says_what_it_asks_with_all_its_digits():
    for bound, text in SAID:
        assert str(bound) == text


def check(value, low=None, high=None, strict=False, **options):
    return Check(
        **{"gate": "value", "metric": "auc", **options}, value=value, bound=Bound(low=low, high=high, strict=strict)
    )


def test_a_check_passes_only_with_a_finite_value_that_keeps_its_bound():
    assert check(0.6, low=0.5, strict=True).passed
    for value in (None, math.nan, 0.5, 0.4, -math.inf, math.inf, 10**400):
        assert not check(value, low=0.5, strict=True).passed, value
    with pytest.raises(TypeError):
        check(0.6, low=0.5, passed=True)


INTERVALS = [
    (None, True),
    ((-0.01, 0.01), True),
    ((-0.01, 0.02), True),
    ((0.01, 0.02), True),
    ((-0.01, 0.0201), False),
    ((0.0201, 0.03), False),
    ((-9.0, 9.0), False),
    ((0.0, math.inf), False),
    ((-math.inf, 0.0), False),
    ((math.nan, 0.0), False),
    ((0.0, math.nan), False),
    ((None, 0.0), False),
]


def test_all_of_an_interval_must_keep_the_bound(subtests):
    for interval, passed in INTERVALS:
        with subtests.test(interval=interval, passed=passed):
            assert check(0.0, high=0.02, interval=interval).passed is passed


def test_an_interval_without_a_value_passes_nothing():
    assert not check(None, high=0.02, interval=(0.0, 0.01)).passed
    assert not check(0.03, high=0.02, interval=(0.0, 0.01)).passed


def test_both_ends_of_a_bound_are_asked_of_both_ends_of_an_interval():
    assert check(0.0, low=-0.1, high=0.1, interval=(-0.1, 0.1)).passed
    assert not check(0.0, low=-0.1, high=0.1, interval=(-0.11, 0.1)).passed
    assert not check(0.0, low=-0.1, high=0.1, interval=(-0.1, 0.11)).passed


def test_what_was_measured_on_no_rows_passes_nothing(subtests):
    for rows, passed in [(None, True), (1, True), (0, False), (-1, False)]:
        with subtests.test(rows=rows, passed=passed):
            assert check(0.6, low=0.5, rows=rows).passed is passed


VERDICTS = [
    (check(0.6, low=0.5), "passed", True),
    (check(0.4, low=0.5), "FAILED", False),
    (check(None, low=0.5), "FAILED", False),
    (check(0.6, low=0.5, waived="first release"), "waived", True),
    (check(None, low=0.5, waived="first release"), "waived", True),
    (check(0, low=9, rows=0, waived="few"), "waived", True),
]


def test_a_waived_check_passes_and_says_that_it_was_waived(subtests):
    for found, verdict, passed in VERDICTS:
        with subtests.test(value=found.value, waived=found.waived):
            assert (found.verdict, found.passed) == (verdict, passed)


def test_a_check_is_called_by_its_metric_and_its_slice():
    assert str(check(0.6)) == "auc"
    assert str(check(0.6, slice="carrier = UA")) == "auc (carrier = UA)"


def test_a_check_is_a_plain_document_with_its_verdict():
    found = check(
        0.25, low=0, high=0.5, strict=True, slice="carrier = UA", interval=(0.1, 0.4), rows=7, note="n", waived=""
    )
    assert orjson.loads(orjson.dumps(found.to_document())) == {
        "gate": "value",
        "metric": "auc",
        "slice": "carrier = UA",
        "value": 0.25,
        "bound": {"low": 0, "high": 0.5, "strict": True},
        "interval": [0.1, 0.4],
        "rows": 7,
        "note": "n",
        "waived": "",
        "passed": True,
    }
    bare = check(None).to_document()
    assert (bare["interval"], bare["rows"], bare["slice"], bare["note"], bare["waived"]) == (None, None, "", "", "")


MEASURED = [
    (0.5, 0.5),
    (0, 0),
    (-1e308, -1e308),
    (None, None),
    (math.nan, None),
    (math.inf, None),
    (-math.inf, None),
    (10**400, None),
]


def test_what_is_no_finite_number_is_no_value(subtests):
    for value, found in MEASURED:
        with subtests.test(value=value, found=found):
            assert measured(value) == found


def test_the_gates_are_those_of_the_report():
    assert GATES == (
        "baseline",
        "schema",
        "data",
        "value",
        "change",
        "slice",
        "behaviour",
        "collisions",
        "artefact",
        "reproducibility",
    )
