"""From a report document to a page. Nothing is trusted to be there, or to be short: values of users name the slices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from statistics import median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from service.page.charts import BAR, PLOT, draw_calibration, draw_interval
from service.page.words import (
    bound_signs,
    is_defined,
    metric_words,
    number,
    percent,
    printable,
    shortfall,
    signed,
    size,
    span,
)

_REPORT: Mapping[str, Any] = {
    "name": None,
    "version": None,
    "baseline": None,
    "first_release": False,
    "contract": None,
    "rows": None,
    "left_out": None,
    "allow_overlap": False,
    "events": (),
}
_CHECK: Mapping[str, Any] = {
    "gate": "",
    "metric": "",
    "slice": "",
    "value": None,
    "bound": {},
    "interval": None,
    "rows": None,
    "note": "",
    "waived": "",
    "passed": False,
}
_SIDES = ("candidate", "baseline")
_SEPARATOR = re.compile(" = |: ")
_CHANGE = re.compile(" (relative )?change$")
_BETTER_BELOW = ("log_loss", "normalized_entropy", "expected_calibration_error")


def render(report: Mapping[str, Any]) -> str:
    """The page of a report document (``Report.to_document``); the same document gives the same page.

    What the document leaves out is left out, or said not to be there. Blessed is only what says ``passed`` and holds
    checks, none of which failed.
    """
    checks = show_checks(report.get("checks") or ())
    metrics = report.get("metrics") or {}
    return _template().render(
        report={**_REPORT, **report},
        checks=checks,
        blessed=report.get("passed") is True and bool(checks) and all(check["passed"] is True for check in checks),
        compared=compare(metrics.get("candidate") or {}, metrics.get("baseline") or {}, checks),
        against=bool(metrics.get("baseline")),
        chart=draw_calibration(report.get("calibration") or {}),
        plot=PLOT,
        slices=show_slices(report.get("slices") or (), checks),
        most=40,
        bar=BAR,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("service.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        bound=bound_signs, number=number, percent=percent, signed=signed, size=size, span=span, words=metric_words
    )
    return environment.get_template("gate.html")


def show_checks(checks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each check with its verdict, why it failed, and the picture of its interval.

    Intervals of the same metric on slices share a scale, so that one can look down them.
    """
    shown = [{**_CHECK, **check} for check in checks]
    marks: dict[object, list[float]] = {}
    for check in shown:
        if not all(map(is_defined, check["interval"] or ())):
            check["interval"] = None
        if check["interval"] and check["slice"]:
            ends = [*check["interval"], check["value"], check["bound"].get("low"), check["bound"].get("high")]
            marks.setdefault((check["gate"], check["metric"]), []).extend(end for end in ends if is_defined(end))
    for check in shown:
        value, bound, interval = check["value"], check["bound"], check["interval"]
        shared = marks.get((check["gate"], check["metric"]), ()) if check["slice"] else ()
        check["verdict"] = "waived" if check["waived"] else "passed" if check["passed"] is True else "FAILED"
        check["rank"] = ("FAILED", "waived", "passed").index(check["verdict"])
        check["why"] = shortfall(value, bound, interval) if check["verdict"] == "FAILED" else ""
        check["picture"] = draw_interval(value, interval, bound, marks=shared) if interval else None
    return shown


def compare(
    candidate: Mapping[str, Any], baseline: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A line for each metric of all judged rows: both values, their difference and its sense, the checks of it."""
    changes: dict[str, list[Mapping[str, Any]]] = {}
    for check in checks:
        if check["gate"] == "change" and not check["slice"]:
            changes.setdefault(_CHANGE.sub("", check["metric"]), []).append(check)
    names = dict.fromkeys([*candidate, *baseline, *changes])
    counts = [metric for metric in names if isinstance(candidate.get(metric, baseline.get(metric)), int)]
    return [
        {
            "metric": metric,
            "candidate": candidate.get(metric),
            "baseline": baseline.get(metric),
            "change": _difference(candidate.get(metric), baseline.get(metric)),
            "sense": _sense(metric, candidate.get(metric), baseline.get(metric)),
            "checks": changes.get(metric, []),
        }
        for metric in [*(metric for metric in names if metric not in counts), *counts]
    ]


def show_slices(slices: Iterable[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The slices by group, in a group those of most rows first; each with its bars' lengths as shares of one scale.

    The bars show the normalised entropy, which compares slices of unlike base rates, or else the log loss. Their scale
    ends at the highest value, but at most at twice the median: one odd slice must not flatten all others.
    """
    slices = [{"slice": "", "rows": None, "candidate": None, "baseline": None, **each} for each in slices]
    sides = [each[side] or {} for each in slices for side in _SIDES]
    metric = "normalized_entropy" if any(is_defined(side.get("normalized_entropy")) for side in sides) else "log_loss"
    values = [side[metric] for side in sides if is_defined(side.get(metric))]
    base_rate = [1.0] if metric == "normalized_entropy" else []
    full = min(max([*values, *base_rate]), max([2 * median(values), *base_rate])) if values else 0.0
    failed: dict[str, dict[str, None]] = {}
    for check in checks:
        if check["slice"] and check["verdict"] == "FAILED":
            failed.setdefault(check["slice"], {})[check["metric"]] = None
    against = any(each["baseline"] for each in slices)
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in slices:
        group, name = _parts(each["slice"])
        pair = {side: (each[side] or {}).get(metric) for side in _SIDES[: 2 if against else 1]}
        groups.setdefault(group, []).append(
            {
                "name": name,
                "rows": each["rows"],
                "values": pair,
                "lengths": {side: value / (full or 1.0) if is_defined(value) else 0.0 for side, value in pair.items()},
                "change": _difference(pair["candidate"], pair.get("baseline")),
                "failed": list(failed.get(each["slice"], ())),
            }
        )
    for rows in groups.values():
        rows.sort(key=lambda row: -(row["rows"] or 0))
    return {"metric": metric, "full": full, "base_rate": bool(base_rate), "groups": groups, "against": against}


def _parts(name: str) -> tuple[str, str]:
    """A slice's group and its name there: ``carrier = UA`` is ``UA`` of ``carrier``, ``tailnum: cold`` is ``cold``."""
    group, *rest = _SEPARATOR.split(name, maxsplit=1)
    return (group, rest[0]) if rest else ("", group)


def _difference(new: float | None, old: float | None) -> float | None:
    return new - old if is_defined(new) and is_defined(old) else None


def _sense(metric: str, new: float | None, old: float | None) -> str:
    """``better``, ``worse``, ``same``, or empty where none is meant."""
    if not is_defined(new) or not is_defined(old):
        return ""
    if metric in _BETTER_BELOW:
        gain = old - new
    elif metric == "auc":
        gain = new - old
    elif metric == "calibration_ratio":
        gain = abs(old - 1) - abs(new - 1)
    else:
        return ""
    return "better" if gain > 0 else "worse" if gain < 0 else "same"
