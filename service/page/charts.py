"""Where things are on the page's pictures: scales, ticks, dots and bars, in the units of each picture's own frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from service.page.words import is_defined, percent

PLOT = (56.0, 356.0, 14.0, 314.0)
"""Left, right, top and bottom of the calibration plot, a square."""

BAR = 168.0
"""Width of the picture of an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Maps ``low`` to ``start``, ``high`` to ``end``, evenly or by logarithms; what lies outside, to the nearer end."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, at, high = self.low, min(max(value, self.low), self.high), self.high
        if self.logarithmic:
            low, at, high = math.log(low), math.log(at), math.log(high)
        return round(self.start + (self.end - self.start) * (at - low) / (high - low), 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A bin of predictions; ``top`` to ``bottom`` is the 95 % interval of its observed share of ones."""

    x: float
    y: float
    radius: float
    top: float
    bottom: float
    predicted: float
    observed: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The calibration plot.

    Attributes:
        ticks: of both axes: the text, and where it is on the x axis and on the y axis.
        curves: the dots of ``baseline`` and ``candidate``, whichever there are, by rising prediction.
        labels: how high each curve's name stands, at the right of the plot.
    """

    ticks: Sequence[tuple[str, float, float]]
    logarithmic: bool
    curves: Mapping[str, Sequence[Dot]]
    labels: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval: its ends and value, where zero is, and the stretches (from, to) that the bound forbids."""

    low: float
    high: float
    value: float
    zero: float
    forbidden: Sequence[tuple[float, float]]


def linear_ticks(high: float, *, most: int = 6) -> list[float]:
    """From 0 to at least ``high``, in steps of 1, 2 or 5 times a power of ten."""
    first = math.floor(math.log10(high / most))
    for step in (factor * 10.0**power for power in count(first) for factor in (1, 2, 5)):
        steps = math.ceil(high / step - 1e-9)
        if steps < most:
            break
    return [_tidy(step * k) for k in range(steps + 1)]


def log_ticks(low: float, high: float, *, most: int = 7) -> list[float]:
    """From at most ``low`` to at least ``high``: steps of about 2, of about 3, or of a power of ten."""
    for factors, every in [((1, 2, 5), 1), ((1, 3), 1), *(((1,), every) for every in range(1, 400))]:
        powers = range(math.floor(math.log10(low) / every) * every, math.ceil(math.log10(high)) + every + 1, every)
        ticks = [_tidy(factor * 10.0**power) for power in powers for factor in factors]
        start = max(k for k, tick in enumerate(ticks) if tick <= low * (1 + 1e-9))
        end = min(k for k, tick in enumerate(ticks) if tick >= high * (1 - 1e-9) and k > start)
        if end - start < most:
            break
    return ticks[start : end + 1]


def draw_calibration(calibration: Mapping[str, Any]) -> Chart | None:
    """The plot of ``candidate`` and ``baseline``, each a list of bins; ``None`` without a bin that holds rows.

    Both axes are the same. They are logarithmic where even ones would press most rows into their lowest tenth; then
    what is 0 lies on the axis.
    """
    bins = {name: _bins(calibration.get(name) or ()) for name in ("baseline", "candidate")}
    every = [each for of_curve in bins.values() for each in of_curve]
    if not every:
        return None
    shares = [share for each in every for share in (each["predicted"], each["observed"]) if share > 0]
    highest = max(shares, default=1.0)
    pressed = sum(each["rows"] for each in every if each["predicted"] < highest / 10)
    logarithmic = bool(shares) and 2 * pressed > sum(each["rows"] for each in every)
    ticks = log_ticks(min(shares), highest) if logarithmic else linear_ticks(highest)
    left, right, top, bottom = PLOT
    x = Scale(low=ticks[0], high=ticks[-1], start=left, end=right, logarithmic=logarithmic)
    y = Scale(low=ticks[0], high=ticks[-1], start=bottom, end=top, logarithmic=logarithmic)
    most_rows = max(each["rows"] for each in every)
    curves = {
        name: [_dot(each, x, y, math.sqrt(each["rows"] / most_rows)) for each in of_curve]
        for name, of_curve in bins.items()
        if of_curve
    }
    return Chart(
        ticks=[(percent(tick), x(tick), y(tick)) for tick in ticks],
        logarithmic=logarithmic,
        curves=curves,
        labels=_apart({name: dots[-1].y for name, dots in curves.items()}, gap=16.0, top=top + 20.0, bottom=bottom),
    )


def wilson(share: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of the chance behind an observed share (Wilson 1927); sound near 0, where clicks are."""
    z2 = 1.96**2
    middle = share + z2 / (2 * rows)
    half = 1.96 * math.sqrt(max(0.0, share * (1 - share)) / rows + z2 / (4 * rows * rows))
    return (middle - half) / (1 + z2 / rows), (middle + half) / (1 + z2 / rows)


def draw_interval(
    value: float | None, interval: tuple[float, float], bound: Mapping[str, Any], *, marks: Iterable[float] = ()
) -> Bar:
    """The picture of an interval around zero, on a scale that holds all of it, its bound, and ``marks``."""
    low, high = interval
    least, most = bound.get("low"), bound.get("high")
    shown = [0.0, *marks, *(mark for mark in (low, high, value, least, most) if is_defined(mark))]
    margin = 0.08 * (max(shown) - min(shown)) or 1.0
    x = Scale(low=min(shown) - margin, high=max(shown) + margin, start=0.0, end=BAR)
    forbidden = [(0.0, x(least))] if least is not None else []
    forbidden += [(x(most), BAR)] if most is not None else []
    centre = value if is_defined(value) else (low + high) / 2
    return Bar(low=x(low), high=x(high), value=x(centre), zero=x(0.0), forbidden=forbidden)


def _bins(bins: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    held = [each for each in bins if each["rows"] and is_defined(each["predicted"]) and is_defined(each["observed"])]
    return sorted(held, key=lambda each: float(each["predicted"]))


def _dot(each: Mapping[str, Any], x: Scale, y: Scale, size: float) -> Dot:
    low, high = wilson(each["observed"], each["rows"])
    return Dot(
        x=x(each["predicted"]),
        y=y(each["observed"]),
        radius=round(max(2.0, 5.5 * size), 1),
        top=y(high),
        bottom=y(low),
        predicted=each["predicted"],
        observed=each["observed"],
        rows=each["rows"],
    )


def _apart(heights: Mapping[str, float], *, gap: float, top: float, bottom: float) -> dict[str, float]:
    """The heights, moved as little as it takes for labels to stand ``gap`` apart and within the plot."""
    placed: dict[str, float] = {}
    for name in sorted(heights, key=lambda name: heights[name]):
        placed[name] = max(heights[name], max(placed.values(), default=top - gap) + gap)
    excess = max(0.0, max(placed.values()) - bottom)
    return {name: round(height - excess, 1) for name, height in placed.items()}


def _tidy(value: float) -> float:
    return float(f"{value:.9g}")
