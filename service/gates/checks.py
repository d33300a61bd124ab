"""A bound, and a check: one line of a gate's report, which passes or stops the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from service.core.features import is_finite

Gate = Literal[
    "baseline", "schema", "data", "value", "change", "slice", "behaviour", "collisions", "artefact", "reproducibility"
]
GATES: tuple[Gate, ...] = get_args(Gate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a value must keep: at least ``low``, at most ``high``, and with ``strict`` neither of them exactly."""

    low: float | None = None
    high: float | None = None
    strict: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value keeps the bound. NaN keeps none, and nothing keeps a bound that is NaN."""
        # NaN equals and exceeds nothing, itself included: each comparison asks for what must be true.
        above = self.low is None or (value > self.low if self.strict else value >= self.low)
        below = self.high is None or (value < self.high if self.strict else value <= self.high)
        return above and below and value == value

    def __str__(self) -> str:
        equal = "" if self.strict else "="
        ends = [(f">{equal}", self.low), (f"<{equal}", self.high)]
        return " and ".join(f"{sign} {end:,.15g}" for sign, end in ends if end is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of a report.

    Attributes:
        gate: which kind of gate asks.
        metric: what is measured.
        slice: on which of the judged rows; empty: on all.
        value: what it is; ``None`` and what is not finite: not defined, which fails.
        interval: the confidence interval of a change. All of it must keep the bound, so that noise passes nothing.
        rows: how many rows it was measured on; on none, nothing was measured, and it fails.
        note: what a reader needs to know of how it was measured, or why there is no value.
        waived: why it need not hold ("first release"); empty: it must.
    """

    gate: Gate
    metric: str
    bound: Bound
    value: float | None
    slice: str = ""
    interval: tuple[float, float] | None = None
    rows: int | None = None
    note: str = ""
    waived: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is there and keeps the bound, with its whole interval; or the check was waived."""
        if self.waived:
            return True
        if self.rows is not None and self.rows < 1:
            return False
        values = [self.value, *(self.interval or ())]
        return all(value is not None and is_finite(value) and self.bound.holds(value) for value in values)

    @property
    def verdict(self) -> str:
        """``passed``, ``FAILED`` or ``waived``."""
        return "waived" if self.waived else "passed" if self.passed else "FAILED"

    def __str__(self) -> str:
        return f"{self.metric} ({self.slice})" if self.slice else self.metric

    def to_document(self) -> dict[str, Any]:
        """The check as a plain document, with its verdict."""
        return {
            "gate": self.gate,
            "metric": self.metric,
            "slice": self.slice,
            "value": self.value,
            "bound": {"low": self.bound.low, "high": self.bound.high, "strict": self.bound.strict},
            "interval": None if self.interval is None else list(self.interval),
            "rows": self.rows,
            "note": self.note,
            "waived": self.waived,
            "passed": self.passed,
        }


def measured(value: float | None) -> float | None:
    """A value for a check: what is not a finite number is no value, for JSON has no other."""
    return None if value is None or not is_finite(value) else value
