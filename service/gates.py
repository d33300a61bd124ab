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

from service.core.documents import Document, Strict, Text, fault, load_document
from service.core.features import is_finite
from service.errors import DocumentError, Problem


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

ENOUGH_ROWS = (Bound(metric="positives", low=10), Bound(metric="negatives", low=10))
"""In every contract too: of a handful of rows, any model may get all right."""

ALWAYS = (*ENOUGH_ROWS, BEATS_BASE_RATE)

DEFAULT_CONTRACT = (
    Bound(metric="auc", low=0.5, strict=True),
    Bound(metric="calibration_ratio", low=0.8, high=1.25),
)
"""What a candidate must keep where no contract is given. It stops what is broken; it can't know what is good enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of a report: a bound and the metric's value (``None``: not defined on these rows)."""

    bound: Bound
    value: float | None

    @property
    def passed(self) -> bool:
        """Whether the value is there and keeps the bound."""
        return self.value is not None and self.bound.holds(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A verdict on one version.

    Attributes:
        rows: how many rows were judged.
        left_out: how many were not, because the version may have learned them.
        allow_overlap: whether rows that the version may have learned were judged too.
        events: SHA-256 and size of each file of events.
    """

    version: str
    rows: int
    left_out: int
    allow_overlap: bool
    events: Sequence[Mapping[str, str | int]]
    checks: Sequence[Check]

    @property
    def passed(self) -> bool:
        """Whether every check passed, and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def to_document(self) -> dict[str, Any]:
        """The report as the plain document that the store keeps."""
        document = asdict(self)
        for check, shown in zip(self.checks, document["checks"], strict=True):
            shown["passed"] = check.passed
        return {**document, "passed": self.passed}


def refusal(document: object, version: str) -> str | None:
    """Why a stored report does not bless a version, or ``None`` when it does.

    The verdict is not taken from the report but drawn again, from its values and bounds. A report that was written by
    hand, with values of somebody's wishes, can't be told from a true one: whoever may write to the store is trusted.
    """
    try:
        report = load_document(_ReportDocument(), document, source="its gate report")
        checks = [_check(check) for check in report["checks"]]
    except DocumentError as error:
        return str(error)
    if report["version"] != version:
        return "its gate report is about another version"
    if not set(ALWAYS) <= {check.bound for check in checks}:
        return "its gate report leaves out what is asked of every version"
    failed = [check.bound.metric for check in checks if not check.passed]
    if failed or report["passed"] is not True or report["rows"] < 1:
        return f"it failed its gate: {', '.join(failed) or 'no verdict'}"
    return None


def _check(document: object) -> Check:
    check = load_document(_CheckDocument(), document, source="a check of its gate report")
    bound = load_document(_StoredBoundDocument(), check["bound"], source="a bound of its gate report")
    return Check(bound=Bound(**bound), value=check["value"])


def judge(metrics: Mapping[str, float], contract: Sequence[Bound]) -> list[Check]:
    """A check for each bound of the contract and each in ``ALWAYS``; a metric that is absent fails."""
    checks = []
    for bound in (*ALWAYS, *contract):
        value = metrics.get(bound.metric, math.nan)
        checks.append(Check(bound=bound, value=None if math.isnan(value) else value))
    return checks


def load_contract(document: object, *, source: str) -> tuple[Bound, ...]:
    """The bounds of a gate contract: a table for each metric, with ``min``, ``max`` or both.

    Raises:
        DocumentError: the document breaks a rule; it names ``source`` and lists every place.
    """
    bounds: dict[str, tuple[float | None, float | None]] = load_document(_ContractDocument(), document, source=source)
    return tuple(Bound(metric=metric, low=low, high=high) for metric, (low, high) in bounds.items())


class _StoredBoundDocument(Document):
    metric = Text(required=True)
    low = Strict((int, float), "a number", required=True, allow_none=True)
    high = Strict((int, float), "a number", required=True, allow_none=True)
    strict = Strict(bool, "true or false", required=True)


class _CheckDocument(Document):
    bound = Strict(dict, "a bound", required=True)
    value = Strict((int, float), "a number", required=True, allow_none=True)
    passed = Strict(bool, "true or false", required=True)


class _ReportDocument(Document):
    version = Text(required=True)
    rows = Strict(int, "a number of rows", required=True)
    left_out = Strict(int, "a number of rows", required=True)
    allow_overlap = Strict(bool, "true or false", required=True)
    events = Strict(list, "digests of the events", required=True)
    checks = Strict(list, "a list of checks", required=True)
    passed = Strict(bool, "true or false", required=True)


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
