"""The gate: value thresholds on metrics, and a verdict that fails closed.

The words are those of TensorFlow Model Analysis: a *candidate* is judged against *value thresholds* and is *blessed*
when it keeps them all. A metric that is absent or not a number fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import marshmallow as ma

from service.core.documents import Document, Strict, fault, load_document
from service.core.features import is_finite
from service.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a metric must keep: at least ``low``, at most ``high``, and with ``strict`` neither of them exactly."""

    metric: str
    low: float | None = None
    high: float | None = None
    strict: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value keeps the bound; NaN keeps none."""
        if math.isnan(value):
            return False
        if self.low is not None and (value <= self.low if self.strict else value < self.low):
            return False
        return self.high is None or (value < self.high if self.strict else value <= self.high)

    def __str__(self) -> str:
        equal = "" if self.strict else "="
        ends = [(f">{equal}", self.low), (f"<{equal}", self.high)]
        return " and ".join(f"{sign} {end:.15g}" for sign, end in ends if end is not None)


BEATS_BASE_RATE = Bound(metric="normalized_entropy", high=1.0, strict=True)
"""In every contract: a log loss below that of always predicting the share of ones."""

DEFAULT_CONTRACT = (
    Bound(metric="auc", low=0.5, strict=True),
    Bound(metric="calibration_ratio", low=0.8, high=1.25),
)
"""What a candidate must keep where no contract is given. It stops what is broken; it can't know what is good enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of a report: a metric, its value (``None``: not defined on these rows), its bound, whether it passed."""

    metric: str
    value: float | None
    bound: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A verdict on one version.

    Attributes:
        rows: how many rows were judged.
        left_out: how many were not, because they are not later than what the version was trained on.
        events: SHA-256 and size of each file of events.
    """

    version: str
    rows: int
    left_out: int
    events: Sequence[Mapping[str, str | int]]
    checks: Sequence[Check]

    @property
    def passed(self) -> bool:
        """Whether every check passed, and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_document(self) -> dict[str, Any]:
        """The report as the plain document that the store keeps."""
        return {**asdict(self), "passed": self.passed}


def judge(metrics: Mapping[str, float], contract: Sequence[Bound]) -> list[Check]:
    """A check for each bound of the contract and for the base rate; a metric that is absent fails."""
    checks = []
    for bound in (BEATS_BASE_RATE, *contract):
        value = metrics.get(bound.metric, math.nan)
        shown = None if math.isnan(value) else value
        checks.append(Check(metric=bound.metric, value=shown, bound=str(bound), passed=bound.holds(value)))
    return checks


def load_contract(document: object, *, source: str) -> tuple[Bound, ...]:
    """The bounds of a gate contract: a table for each metric, with ``min``, ``max`` or both.

    Raises:
        DocumentError: the document breaks a rule; it names ``source`` and lists every place.
    """
    bounds: dict[str, tuple[float | None, float | None]] = load_document(_ContractDocument(), document, source=source)
    return tuple(Bound(metric=metric, low=low, high=high) for metric, (low, high) in bounds.items())


class _BoundDocument(Document):
    min = Strict((int, float), "a number")
    max = Strict((int, float), "a number")


class _BoundField(Strict):
    def __init__(self) -> None:
        super().__init__(dict, "a table with min, max or both")

    def check(self, value: dict[str, Any]) -> tuple[float | None, float | None]:
        bound = _BoundDocument().load(value)
        low, high = bound.get("min"), bound.get("max")
        if low is None and high is None:
            raise fault(self.expected, "neither")
        if not all(is_finite(end) for end in (low, high) if end is not None):
            raise fault("finite numbers", "NaN, an infinity or an integer too large")
        if low is not None and high is not None and low > high:
            raise fault("a min of at most max", f"{low:g} > {high:g}")
        return low, high


class _ContractDocument(Document):
    log_loss = _BoundField()
    normalized_entropy = _BoundField()
    auc = _BoundField()
    calibration_ratio = _BoundField()

    @ma.validates_schema
    def _holds_something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ma.ValidationError([Problem(path="", expected="a threshold for at least one metric", found="none")])
