"""The report of a gate, and the verdict that is drawn again from a stored one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from service.core.documents import Document, Strict, Text, fault, load_document
from service.errors import DocumentError
from service.gates.checks import GATES, Bound, Check, Gate
from service.gates.contract import COMPARED, NEED_BASELINE
from service.gates.fields import AnyText, Count, Items, Number, OneOf, Table, checker

ALWAYS: tuple[tuple[Gate, str, Bound], ...] = (
    ("baseline", "versions", Bound(low=1)),
    ("schema", "breaking_changes", Bound(high=0)),
    ("value", "positives", Bound(low=10)),
    ("value", "negatives", Bound(low=10)),
    ("value", "normalized_entropy", Bound(high=1.0, strict=True)),
    ("behaviour", "field_order", Bound(high=0)),
    ("behaviour", "unused_field", Bound(high=0)),
    ("behaviour", "missing_values", Bound(high=0)),
    ("behaviour", "row_and_batch", Bound(high=0)),
    ("behaviour", "row_and_file", Bound(high=0)),
    ("behaviour", "row_and_http", Bound(high=0)),
)
"""What is asked of every version, whatever its contract says, on all judged rows: of a handful of rows any model may
get all right; a log loss below that of always predicting the share of ones; one answer on every path."""

FIRST_RELEASE = "first release"
"""Waives, where the report says that it is one, what can't be known without a baseline."""

BREAKING_ALLOWED = "the contract allows breaking changes"
FEW_ROWS_ALLOWED = "the contract allows few rows"
NEW_FIELD = "the baseline has no such field"

_BY_CONTRACT = (
    ("schema", "breaking_changes", BREAKING_ALLOWED),
    ("slice", "rows", FEW_ROWS_ALLOWED),
    ("slice", "compared_rows", FEW_ROWS_ALLOWED),
)
_CHANGES = [f"{metric} {kind}" for metric in COMPARED for kind in ("change", "relative change")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A verdict on one version.

    Attributes:
        name: the model's name.
        baseline: the version it was compared with.
        first_release: whether it was said that there is none.
        contract: name and SHA-256 of the gate contract.
        rows: how many rows were judged.
        left_out: how many were not, because the version may have learned them.
        allow_overlap: whether rows that the version may have learned were judged too.
        events: SHA-256 and size of each file of events.
        shown: what a reader sees beside the checks: ``metrics``, ``calibration``, ``slices``.
    """

    version: str
    name: str
    baseline: str | None
    first_release: bool
    contract: Mapping[str, str]
    rows: int
    left_out: int
    allow_overlap: bool
    events: Sequence[Mapping[str, str | int]]
    checks: Sequence[Check]
    shown: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every check passed, and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    def to_document(self) -> dict[str, Any]:
        """The report as the plain document that the store keeps."""
        return {
            "version": self.version,
            "name": self.name,
            "baseline": self.baseline,
            "first_release": self.first_release,
            "contract": dict(self.contract),
            "rows": self.rows,
            "left_out": self.left_out,
            "allow_overlap": self.allow_overlap,
            "events": [dict(digest) for digest in self.events],
            "checks": [check.to_document() for check in self.checks],
            "passed": self.passed,
            **self.shown,
        }


def refusal(document: object, version: str, *, current: str | None, served: Collection[str] = ()) -> str | None:
    """Why a stored report does not bless a version, or ``None`` when it does.

    The verdict is not taken from the report but drawn again, from its values and bounds. A report that was written by
    hand, with values of somebody's wishes, can't be told from a true one: whoever may write to the store is trusted.

    Args:
        current: the version that would be replaced. The report must compare with that one.
        served: versions that were current before; they may return on the report that they once passed with.
    """
    try:
        report = load_document(_report_document(), document, source="its gate report")
        lines = [
            load_document(_line_document(), given, source="a check of its gate report") for given in report["checks"]
        ]
    except DocumentError as error:
        return str(error)
    if report["version"] != version:
        return "its gate report is about another version"
    checks = [_check(given) for given in lines]
    if not set(ALWAYS) <= {(check.gate, check.metric, check.bound) for check in checks if not check.slice}:
        return "its gate report leaves out what is asked of every version"
    waived = [str(check) for check in checks if check.waived and not _may_waive(check, report["first_release"])]
    if waived:
        return f"its gate report waives what no gate does: {', '.join(waived)}"
    failed = [str(check) for check, given in zip(checks, lines, strict=True) if not (_kept(check) and given["passed"])]
    if failed or not report["passed"] or report["rows"] < 1:
        return f"it failed its gate: {', '.join(failed) or 'no verdict'}"
    baseline = report["baseline"]
    if baseline == version or (baseline is None) is not report["first_release"]:
        return "its gate report does not say what it was compared with"
    if current is None or version == current or version in served or baseline == current:
        return None
    judged = "as a first release" if baseline is None else f"against {baseline}"
    return f"it was judged {judged}, but {current} is current now; run `andon gate` again"


def _may_waive(check: Check, first_release: bool) -> bool:
    """Whether a gate gives this line's waiver. Measured values, behaviour, reproduction: it waives none of these."""
    if check.waived == FIRST_RELEASE:
        # That there is a baseline need not hold; what was measured without one must.
        excused = check.gate == "baseline" or check.value is None or _kept(replace(check, waived=""))
        return first_release and excused and _needs_baseline(check)
    if check.waived == NEW_FIELD:  # whoever adds a field has said so in the schema; its clients are another gate's
        return check.gate == "data" and check.metric in NEED_BASELINE and bool(check.slice) and check.value is None
    by_contract = (check.gate, check.metric, check.waived) in _BY_CONTRACT and check.value is not None
    return by_contract and (check.gate == "slice") is bool(check.slice)


def _needs_baseline(check: Check) -> bool:
    if check.gate == "data" or check.gate == "artefact":
        return check.metric in NEED_BASELINE
    return check.gate in ("baseline", "schema") or _is_change(check)


def _kept(check: Check) -> bool:
    """Whether a line passed; a change without its interval is not told from noise."""
    return check.passed and not (_is_change(check) and check.interval is None and not check.waived)


def _is_change(check: Check) -> bool:
    return check.gate == "change" or (check.gate == "slice" and check.metric in _CHANGES)


def _check(given: Mapping[str, Any]) -> Check:
    return Check(**{name: value for name, value in given.items() if name != "passed"})


@cache
def _report_document() -> Document:
    rows = "a number of rows"
    contract = {"name": Text(required=True), "sha256": Text(required=True)}
    return checker(
        {
            "version": Text(required=True),
            "name": Text(required=True),
            "baseline": Text(required=True, allow_none=True),
            "first_release": Strict(bool, "true or false", required=True),
            "contract": Table("a name and a digest", contract, required=True),
            "rows": Count(rows, low=0, required=True),
            "left_out": Count(rows, low=0, required=True),
            "allow_overlap": Strict(bool, "true or false", required=True),
            "events": Strict(list, "digests of the events", required=True),
            "checks": Strict(list, "a list of checks", required=True),
            "passed": Strict(bool, "true or false", required=True),
            "metrics": Strict(dict, "metrics of candidate and baseline", required=True),
            "calibration": Strict(dict, "calibration of candidate and baseline", required=True),
            "slices": Strict(list, "metrics of the slices", required=True),
        }
    )


@cache
def _line_document() -> Document:
    bound = {"low": _or_null(), "high": _or_null(), "strict": Strict(bool, "true or false", required=True)}
    return checker(
        {
            "gate": OneOf(*GATES, required=True),
            "metric": Text(required=True),
            "slice": AnyText("a slice's name", required=True),
            "value": _or_null(),
            "bound": Table("a bound", bound, _bound, required=True),
            "interval": _Interval(),
            "rows": Count("a number of rows", low=0, required=True, allow_none=True),
            "note": AnyText("a note", required=True),
            "waived": AnyText("a reason", required=True),
            "passed": Strict(bool, "true or false", required=True),
        }
    )


def _or_null() -> Number:
    return Number(required=True, allow_none=True)


def _bound(given: dict[str, Any]) -> Bound:
    if given["low"] is None and given["high"] is None:
        raise fault("a number for low, high or both", "neither")
    return Bound(**given)


class _Interval(Items):
    def __init__(self) -> None:
        super().__init__("two numbers, the lower one first", Number(), required=True, allow_none=True)

    def check(self, value: list[Any]) -> tuple[Any, ...]:
        ends = super().check(value)
        if len(ends) != 2 or ends[0] > ends[1]:
            raise fault(self.expected, "others")
        return ends
