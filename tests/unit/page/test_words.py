"""Numbers, bounds and names as a person reads them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from html_tree import value_of

from service.page.words import bound_signs, metric_words, number, percent, printable, shortfall, signed, size, span


WRITTEN = [
    (None, "not defined"),
    (math.nan, "not defined"),
    (math.inf, "not defined"),
    (0, "0"),
    (0.0, "0"),
    (12_345, "12,345"),
    (0.508_617_2, "0.50862"),
    (0.5, "0.50000"),
    (1.0, "1"),
    (500.0, "500"),
    (12.345_678, "12.346"),
    (123_456.7, "123,457"),
    (-0.01002, "-0.01002"),
    (0.001_234_56, "0.00123"),
    (0.000_987_65, "0.000988"),
    (0.000_012_345, "0.0000123"),
    (1.234e-9, "1.23e-09"),
    (1e300, "1e+300"),
]


def test_a_number_is_written_for_people(subtests):
    for value, text in WRITTEN:
        with subtests.test(value=value, text=text):
            assert number(value) == text.replace("-", "\N{MINUS SIGN}")


@given(st.floats(min_value=-1e14, max_value=1e14))
def test_a_written_number_is_the_number(value):
    assert value_of(number(value)) == pytest.approx(value, rel=5e-3, abs=1e-12)


def test_differences_intervals_shares_sizes_and_names_are_written_for_people():
    minus, space = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"
    assert [signed(value) for value in (0.01, -0.01, 0.0, None)] == ["+0.01000", f"{minus}0.01000", "0", "not defined"]
    assert span((-0.000_292_4, 0.018_923)) == f"{minus}0.00029 to +0.01892"
    assert span((-2e-4, 3e-4)) == f"{minus}0.000200 to +0.000300"
    assert [percent(share) for share in (0.001, 0.2, 1.0)] == [f"{text}{space}%" for text in ("0.1", "20", "100")]
    assert [size(n) for n in (17, 3_211_264, 999_999, 5 * 10**9)] == ["17 bytes", "3.21 MB", "1 MB", "5.00 GB"]
    names = ("log_loss", "normalized_entropy", "auc", "auc relative change", "dep_hour 6 to 20: increase")
    shown = ["log loss", "normalised entropy", "AUC", "AUC relative change", "dep_hour 6 to 20: increase"]
    assert [metric_words(metric) for metric in names] == shown


BOUNDS = [
    ({"low": 0.655, "high": None, "strict": False}, "≥ 0.655"),
    ({"low": None, "high": 1.0, "strict": True}, "< 1"),
    ({"low": -0.75, "high": 1.33, "strict": False}, "≥ \N{MINUS SIGN}0.75, ≤ 1.33"),
    ({"low": 100_000, "high": None, "strict": True}, "> 100,000"),
    ({"low": None, "high": 0.1 + 0.2}, "≤ 0.3"),
    ({}, ""),
]


def test_a_bound_is_written_as_it_was_asked_for():
    for bound, text in BOUNDS:
        assert bound_signs(bound).replace("\N{NO-BREAK SPACE}", " ") == text


SHORTFALLS = [
    (None, None, {"low": 1}, "without a value it fails"),
    (496, None, {"low": 500}, "4 too low"),
    (0.55, None, {"high": 0.5}, "0.05000 too high"),
    (1.0, None, {"high": 1.0, "strict": True}, "exactly the bound, which must not be reached"),
    (0.1, (0.0, 0.3), {"high": 0.2}, "the value keeps it, but its interval goes 0.10000 beyond"),
    (0.1, (-0.3, 0.2), {"low": -0.1, "high": 0.2}, "the value keeps it, but its interval goes 0.20000 beyond"),
    (0.1, (0.0, 0.2), {"low": 0.0, "high": 0.2}, ""),
    (0.1, None, {"low": None, "high": 0.1}, ""),
]


def test_a_failed_check_says_by_how_much(subtests):
    for value, interval, bound, why in SHORTFALLS:
        with subtests.test(value=value, interval=interval, bound=bound, why=why):
            assert shortfall(value, bound, interval) == why


def test_what_is_no_text_is_replaced_and_what_is_not_text_stays():
    assert printable("a\x00b\x1b\x7f\ud800") == "a\ufffdb\ufffd\ufffd\ufffd"
    assert printable("\u202egpj.exe\u202c") == "\ufffdgpj.exe\ufffd"
    assert printable("two\nlines, 中文, 🛫 and مرحبا") == "two\nlines, 中文, 🛫 and مرحبا"
    assert printable(5) == 5 and printable(None) is None
