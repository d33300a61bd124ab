"""How good the candidate is, and whether it is worse than the baseline: value and change thresholds, and slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core import metrics
from service.core.comparison import Change, Comparison, compare
from service.evaluation.baseline import NO_BASELINE
from service.evaluation.rows import Judged, Mask
from service.evaluation.slices import MAX_SLICES, Slices
from service.gates import (
    ALWAYS,
    FEW_ROWS_ALLOWED,
    Bound,
    ChangeBound,
    Check,
    Contract,
    Gate,
    SliceRule,
    measured,
)

Rows: TypeAlias = "NDArray[np.intp] | slice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The checks, and the figures that a reader sees beside them (see ``Report.shown``)."""

    checks: list[Check]
    shown: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Some of the judged rows: all of them (no name) or a slice."""

    name: str
    rows: Rows

    def gate(self, gate: Gate) -> Gate:
        return "slice" if self.name else gate


def judge_quality(judged: Judged, contract: Contract, *, waived: str) -> Quality:
    """All checks on the judged rows.

    Args:
        judged: with the slices of the contract's rules, in their order.
        waived: why the baseline need not be there; empty: it must.
    """
    whole = _Part(name="", rows=slice(None))
    figures = _figures(judged, whole)
    always = [(metric, bound) for gate, metric, bound in ALWAYS if gate == "value"]
    checks = [_value(whole, metric, bound, figures) for metric, bound in (*always, *contract.quality.items())]
    checks += _changes(judged, whole, contract.changes, contract, waived=waived)
    shown_slices = []
    for slices in judged.slices:
        if not slices.names or not slices.complete:
            checks.append(_no_list(slices))
            continue
        for name, rows in slices.parts():
            found, shown = _slice(judged, _Part(name=name, rows=rows), slices.rule, contract, waived=waived)
            checks += found
            shown_slices.append(shown)
    return Quality(
        checks=checks,
        shown={
            "metrics": {name: figures[name] for name in ("candidate", "baseline")},
            "calibration": {
                "candidate": _curve(judged.labels, judged.candidate),
                "baseline": None if judged.baseline is None else _curve(judged.labels, judged.baseline),
            },
            "slices": shown_slices,
        },
    )


def _slice(
    judged: Judged, part: _Part, rule: SliceRule, contract: Contract, *, waived: str
) -> tuple[list[Check], dict[str, Any]]:
    shown = _figures(judged, part)
    if shown["rows"] < rule.min_rows:
        return [_few(part, "rows", shown["rows"], rule)], shown
    checks = [_value(part, metric, bound, shown) for metric, bound in rule.quality.items()]
    compared = int(np.count_nonzero(judged.compared[part.rows]))
    if rule.changes and judged.baseline is not None and compared < rule.min_rows:
        return [*checks, _few(part, "compared_rows", compared, rule)], shown
    return checks + _changes(judged, part, rule.changes, contract, waived=waived), shown


def _value(part: _Part, metric: str, bound: Bound, figures: Mapping[str, Any]) -> Check:
    value = figures["candidate"].get(metric)
    return Check(
        gate=part.gate("value"),
        metric=metric,
        slice=part.name,
        value=value,
        bound=bound,
        rows=figures["rows"],
        note="" if value is not None else "these rows do not define it" if figures["rows"] else "there are no rows",
    )


def _changes(
    judged: Judged, part: _Part, bounds: Mapping[str, ChangeBound], contract: Contract, *, waived: str
) -> list[Check]:
    """A check for each bound on a change; the change of ``auc`` is the metric ``auc change``."""
    asked = [
        (metric, kind, bound)
        for metric, change in bounds.items()
        for kind, bound in (("change", change.absolute), ("relative change", change.relative))
        if bound is not None
    ]
    compared = _compared(judged, part, contract) if asked else None
    checks = []
    for metric, kind, bound in asked:
        change = _change(compared[metric], kind) if compared else None
        # Without an interval there is no telling a change from noise, and no verdict.
        ends = [measured(end) for end in change.interval] if change else []
        interval = (ends[0], ends[1]) if ends and ends[0] is not None and ends[1] is not None else None
        checks.append(
            Check(
                gate=part.gate("change"),
                metric=f"{metric} {kind}",
                slice=part.name,
                value=measured(change.value) if change and interval else None,
                interval=interval,
                bound=bound,
                rows=change.rows if change else None,
                note=_power(change, bound) if change else NO_BASELINE,
                waived="" if change else waived,
            )
        )
    return checks


def _compared(judged: Judged, part: _Part, contract: Contract) -> Mapping[str, Comparison] | None:
    if judged.baseline is None:
        return None
    rows: Mask = judged.compared[part.rows]
    return compare(
        judged.labels[part.rows][rows],
        judged.candidate[part.rows][rows],
        judged.baseline[part.rows][rows],
        confidence=contract.confidence,
        replicates=contract.replicates,
    )


def _change(comparison: Comparison, kind: str) -> Change:
    return comparison.change if kind == "change" else comparison.relative


def _power(change: Change, bound: Bound) -> str:
    """What these rows can tell, and how many would be needed to tell a change as small as the bound."""
    if not change.rows:
        return "there are no rows that neither version may have learned"
    detectable = measured(change.detectable())
    if detectable is None:
        return "these rows are too few for an interval, or do not define it"
    if detectable == 0.0:
        return "no resample of these rows gives another change"
    edge = min((abs(edge) for edge in (bound.low, bound.high) if edge), default=0.0)
    needed = change.rows_needed(edge)
    told = f"{100.0 * change.confidence:g}% interval; these {change.rows:,} rows tell a change of {detectable:.2g}"
    return told if needed is None else f"{told}, to tell {edge:g} takes {needed:,}"


def _few(part: _Part, metric: str, rows: int, rule: SliceRule) -> Check:
    return Check(
        gate="slice",
        metric=metric,
        slice=part.name,
        value=rows,
        bound=Bound(low=rule.min_rows),
        rows=rows,
        note="too few rows to judge the slice",
        waived=FEW_ROWS_ALLOWED if rule.allow_few_rows else "",
    )


def _no_list(slices: Slices) -> Check:
    """What fails where the values found are none, or too many for a slice each."""
    found = len(slices.names) + (not slices.complete)
    few, many = "there are no rows", "at least; name the values that matter in `values`, or ask by `seen`"
    return Check(
        gate="slice",
        metric="slices",
        slice=slices.rule.field,
        value=found,
        bound=Bound(low=1, high=MAX_SLICES),
        note=many if found else few,
    )


def _figures(judged: Judged, part: _Part) -> dict[str, Any]:
    """The metrics of both versions on some rows, the class counts among them."""

    def of(probabilities: NDArray[np.float64]) -> dict[str, float]:
        found = metrics.evaluate(judged.labels[part.rows], probabilities[part.rows])
        return {**found.to_document(), "negatives": found.rows - found.positives}

    candidate = of(judged.candidate)
    baseline = None if judged.baseline is None else of(judged.baseline)
    return {"slice": part.name, "rows": candidate["rows"], "candidate": candidate, "baseline": baseline}


def _curve(labels: metrics.Labels, probabilities: NDArray[np.float64]) -> list[dict[str, Any]]:
    return [asdict(part) for part in metrics.calibration_curve(labels, probabilities)]
