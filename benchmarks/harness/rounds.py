"""Rounds in which all sides take turns, and what is said of them: the median and the spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.results import Figure
from harness.say import say


def take_turns(sides: Mapping[str, Callable[[], float]], n_rounds: int) -> dict[str, list[float]]:
    """Call every side once a round; who begins changes from round to round. What each gave, by side."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(n_rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            value = sides[name]()
            found[name].append(value)
            say(f"  round {number + 1} of {n_rounds}: {name}: {shown(value)}")
    return found


def compared(name: str, ours: Sequence[float], peer: Sequence[float], **more: Any) -> Figure:
    """The medians of two sides' rounds, with the spread of both; ``more`` is the rest of the figure."""
    return Figure(
        name=name, ours=median(ours), peer=median(peer), spread=f"{spread(ours)}; {spread(peer)}", **more
    )


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def spread(values: Sequence[float]) -> str:
    """The least and the largest, in words."""
    return f"{shown(min(values))} to {shown(max(values))}"


def shown(value: float | None) -> str:
    """A figure with as many digits as one cares to read."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 1_000_000:
        return f"{value / 1e6:,.2f} M"
    if size >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 100 else f"{value:.4g}" if size < 1 else f"{value:.3g}"
