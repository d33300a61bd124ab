"""Numbers and bounds as a person reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

_NOT_TEXT = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]"
)
"""What XML has no place for, and what would turn the order of the letters around."""

_NAME = re.compile("[a-z_ ]+")
_AUC = re.compile(r"\bauc\b")


def is_defined(value: float | None) -> TypeGuard[float]:
    """Whether there is a number: not ``None``, NaN or an infinity."""
    return value is not None and math.isfinite(value)


def number(value: float | None, *, like: float = 0.0) -> str:
    """A number for people: ``0.50862``, ``12,345``, ``−0.0000123``, ``1.2e−9``; ``not defined`` where there is none.

    With no more decimals than ``like`` would have, where that is the larger.
    """
    if not is_defined(value):
        return "not defined"
    if isinstance(value, int):
        text = f"{value:,}"
    elif (value or like) and not 1e-6 <= max(abs(value), abs(like)) < 1e15:
        text = f"{value:.3g}"
    elif value.is_integer():
        text = f"{int(value):,}"
    else:
        power = math.floor(math.log10(max(abs(value), abs(like))))
        text = f"{value:,.{2 - power if power < -3 else min(5, max(0, 4 - power))}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def signed(value: float | None) -> str:
    """A difference, with its sign even where it is positive."""
    return ("+" if is_defined(value) and value > 0 else "") + number(value)


def span(interval: tuple[float, float]) -> str:
    """An interval: its ends, with their signs and as many decimals each."""
    like = max(map(abs, interval))
    return " to ".join(("+" if end > 0 else "") + number(end, like=like) for end in interval)


def percent(share: float) -> str:
    """A share in per cent, with no more digits than it has: ``0.1 %``."""
    return f"{share * 100:.12g}\N{NARROW NO-BREAK SPACE}%"


def size(n_bytes: int) -> str:
    """A file's size, in three digits: ``3.21 MB``."""
    for power, unit in enumerate(("bytes", "kB", "MB")):
        if n_bytes < 999.5 * 1000**power:
            return f"{n_bytes / 1000**power:.3g} {unit}"
    return f"{n_bytes / 1000**3:,.2f} GB"


def metric_words(metric: str) -> str:
    """A metric's name in words: ``log loss``, ``AUC change``; what is more than a name, such as a direction, stays."""
    if not _NAME.fullmatch(metric):
        return metric
    return _AUC.sub("AUC", metric.replace("_", " ").replace("normalized", "normalised"))


def bound_signs(bound: Mapping[str, Any]) -> str:
    """A bound in signs, its numbers exactly as they were asked for: ``≥ 0.75, ≤ 1.33``."""
    at_least, at_most = (">", "<") if bound.get("strict") else ("≥", "≤")
    ends = [(at_least, bound.get("low")), (at_most, bound.get("high"))]
    shown = [f"{sign}\N{NO-BREAK SPACE}{end:,.15g}" for sign, end in ends if end is not None]
    return ", ".join(shown).replace("-", "\N{MINUS SIGN}")


def shortfall(value: float | None, bound: Mapping[str, Any], interval: tuple[float, float] | None) -> str:
    """By how much a value, or only its interval, breaks a bound; empty if neither does."""
    if not is_defined(value):
        return "without a value it fails"
    for sign, end, way in ((1, bound.get("high"), "high"), (-1, bound.get("low"), "low")):
        if end is None:
            continue
        beyond = sign * (value - end)
        if beyond > 0:
            return f"{number(beyond)} too {way}"
        if beyond == 0 and bound.get("strict"):
            return "exactly the bound, which must not be reached"
        reach = max(sign * (other - end) for other in interval) if interval else beyond
        if reach > 0:
            return f"the value keeps it, but its interval goes {number(reach)} beyond"
    return ""


def printable(value: object) -> object:
    """A text without control characters, lone surrogates and overrides of direction; anything else as it is."""
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
