"""The pictures: every point, tick and bar is where its number says, and inside its frame."""

import math
from itertools import pairwise

import numpy as np
import pytest
from gate_reports import REPORTS
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from service.page.charts import BAR, PLOT, Scale, draw_calibration, draw_interval, linear_ticks, log_ticks, wilson
from service.page.words import percent


@given(st.floats(min_value=1e-9, max_value=1.0))
def test_even_ticks_are_round_few_and_cover_all(high):
    ticks = linear_ticks(high)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] == 0 and ticks[-1] >= high * (1 - 1e-6) and ticks[-2] < high
    mantissa = ticks[1] / 10 ** math.floor(math.log10(ticks[1]) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    assert np.diff(ticks) == pytest.approx(ticks[1])


@given(st.floats(min_value=1e-15, max_value=1.0), st.floats(min_value=1e-15, max_value=1.0))
def test_logarithmic_ticks_are_round_few_and_cover_all(one, other):
    low, high = sorted([one, other])
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= low * (1 + 1e-6) and ticks[-1] >= high * (1 - 1e-6)
    assert all(round(tick / 10 ** math.floor(math.log10(tick) + 1e-9), 6) in (1, 2, 3, 5) for tick in ticks)
    assert ticks == sorted(set(ticks))


@given(st.floats(min_value=1e-6, max_value=1.0), st.booleans())
def test_a_scale_keeps_order_and_holds_what_lies_outside(value, logarithmic):
    scale = Scale(low=1e-6, high=1.0, start=PLOT[3], end=PLOT[2], logarithmic=logarithmic)
    assert scale(1e-6) == PLOT[3] and scale(1.0) == PLOT[2]
    assert scale(0.0) == PLOT[3] and scale(2.0) == PLOT[2]
    assert PLOT[2] <= scale(value) <= PLOT[3] and scale(value) >= scale(min(1.0, value * 1.5))


def test_points_lie_inside_the_axes_where_their_shares_say(subtests):
    for name in ["passed", "failed", "hostile"]:
        with subtests.test(name=name):
            calibration = REPORTS[name]()["calibration"]
            chart = draw_calibration(calibration)
            left, right, top, bottom = PLOT
            for side, dots in chart.curves.items():
                assert [dot.predicted for dot in dots] == sorted(each["predicted"] for each in calibration[side])
                for dot in dots:
                    assert left <= dot.x <= right and top <= dot.top <= dot.y <= dot.bottom <= bottom
                    above = (bottom - dot.y) - (dot.x - left)
                    assert abs(above) < 0.2 or (above > 0) is (dot.observed > dot.predicted)
            assert all(x - left == pytest.approx(bottom - y) for _, x, y in chart.ticks)
            assert (chart.ticks[0][1], chart.ticks[-1][1]) == (left, right)


def test_a_share_of_one_in_a_thousand_can_be_read_as_well_as_one_in_five():
    shares = [0.001, 0.002, 0.004, 0.01, 0.03, 0.2]
    bins = [{"rows": 1000, "predicted": share, "observed": share} for share in shares]
    chart = draw_calibration({"candidate": bins})
    assert chart.logarithmic
    assert [text for text, _, _ in chart.ticks] == [percent(tick) for tick in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)]
    xs = [dot.x for dot in chart.curves["candidate"]]
    assert min(after - before for before, after in pairwise(xs)) > 20


def test_shares_that_are_alike_stand_on_even_axes_from_zero():
    for scale, last in ((0.002, "0.2"), (0.7, "80"), (0.97, "100")):
        bins = [{"rows": 10, "predicted": scale * k / 10, "observed": scale * k / 10} for k in range(1, 11)]
        chart = draw_calibration({"candidate": bins, "baseline": None})
        assert not chart.logarithmic, scale
        ticks = [f"{text}\N{NARROW NO-BREAK SPACE}%" for text in ("0", last)]
        assert [chart.ticks[0][0], chart.ticks[-1][0]] == ticks


def test_axes_are_logarithmic_where_most_rows_would_lie_in_the_lowest_tenth():
    for rows, logarithmic in ((99, False), (101, True)):
        low = {"rows": rows, "predicted": 0.04, "observed": 0.04}
        high = {"rows": 100, "predicted": 0.5, "observed": 0.5}
        assert draw_calibration({"candidate": [low, high]}).logarithmic is logarithmic, rows


def test_bins_without_rows_or_ones_are_no_trouble():
    assert draw_calibration({}) is draw_calibration({"candidate": [], "baseline": None}) is None
    nothing = {"rows": 0, "predicted": None, "observed": None}
    none_of = {"rows": 5, "predicted": 0.0, "observed": 0.0}
    assert draw_calibration({"candidate": [nothing]}) is None
    (dot,) = draw_calibration({"candidate": [nothing, none_of]}).curves["candidate"]
    assert (dot.x, dot.y) == (PLOT[0], PLOT[3])
    rare = [{"rows": 900, "predicted": 0.0001, "observed": 0.0}, {"rows": 90, "predicted": 0.1, "observed": 0.2}]
    chart = draw_calibration({"candidate": rare})
    assert chart.logarithmic and chart.curves["candidate"][0].y == PLOT[3]


def test_the_area_of_a_point_is_its_number_of_rows():
    bins = [{"rows": rows, "predicted": 0.1 * k, "observed": 0.1} for k, rows in enumerate((1000, 500, 250), 1)]
    first, second, third = draw_calibration({"candidate": bins}).curves["candidate"]
    assert first.radius**2 / second.radius**2 == pytest.approx(2, rel=0.1)
    assert second.radius**2 / third.radius**2 == pytest.approx(2, rel=0.1)


def test_labels_of_curves_that_end_together_stand_apart_and_inside():
    for end in (0.0, 0.5, 1.0):
        bins = [{"rows": 1, "predicted": 1.0, "observed": end}]
        candidate, baseline = draw_calibration({"candidate": bins, "baseline": bins}).labels.values()
        assert abs(candidate - baseline) >= 16
        assert all(PLOT[2] <= height <= PLOT[3] for height in (candidate, baseline))


@given(st.integers(1, 10**7), st.floats(min_value=0, max_value=1))
def test_the_interval_of_an_observed_share_is_wilsons(rows, share):
    ones = round(rows * share)
    expected = binomtest(ones, rows).proportion_ci(0.95, method="wilson")
    assert wilson(ones / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-4)


@given(
    st.lists(st.floats(min_value=-1, max_value=1), min_size=3, max_size=3),
    st.one_of(st.none(), st.floats(min_value=-1, max_value=1)),
    st.one_of(st.none(), st.floats(min_value=-1, max_value=1)),
)
def test_an_interval_is_drawn_around_zero_with_what_its_bound_forbids(values, least, most):
    low, value, high = sorted(values)
    bar = draw_interval(value, (low, high), {"low": least, "high": most})
    assert 0 < bar.low <= bar.value <= bar.high < BAR and 0 < bar.zero < BAR
    ends = iter(bar.forbidden)
    if least is not None:
        start, edge = next(ends)
        assert start == 0 and (bar.low > edge) <= (low > least) and (bar.low < edge) <= (low < least)
    if most is not None:
        edge, stop = next(ends)
        assert stop == BAR and (bar.high < edge) <= (high < most) and (bar.high > edge) <= (high > most)
    assert not list(ends)
    assert (bar.low > bar.zero) <= (low > 0) and (bar.high < bar.zero) <= (high < 0)
