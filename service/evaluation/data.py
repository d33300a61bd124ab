"""The data gate and the collisions: the profile of the training events against the contract.

The same checks are drawn twice: before training, so that nothing is learned from bad events, and again by every gate,
from the profile in the version's own manifest, so that a version trained without the first can't evade them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from service.core.profile import Profiler
from service.errors import ConfigError, DocumentError, Problem
from service.evaluation.baseline import NO_BASELINE
from service.events import Events, holdout_cutoff
from service.gates import NEW_FIELD, Bound, Check, Contract, DataRules
from service.store import Store

Training: TypeAlias = Mapping[str, Any]
"""The ``training`` part of a manifest: ``rows``, ``positives`` and ``profile``."""

NOTHING_CURRENT = "no version is current"

_COLLISION_NOTES = {
    "values": "share of the training's distinct values that share their bucket",
    "traffic": "share of the training's lookups that land on a shared bucket",
}


def check_events(
    store: Store,
    events: Events,
    contract: Contract,
    *,
    holdout: float = 0.0,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Check]:
    """The data gate on events that are to be learned: all of them, or without the latest that ``holdout`` keeps back.

    Args:
        progress: called with the share of the events read, from 0 to 1.

    Raises:
        ConfigError: ``holdout`` is not from 0 to below 1.
        DocumentError: the contract asks nothing of the events, or names a field that the schema has not.
        EventsError: the events can't be used.
        StoreError: the current version's manifest can't be read.
    """
    schema = events.schema
    if not contract.data:
        problem = Problem(path="data", expected="a bound on the events", found="none")
        raise DocumentError(document=contract.name, problems=[problem])
    if not 0.0 <= holdout < 1.0:
        raise ConfigError(variable="holdout", value=f"{holdout:g}", expected="a share from 0 to below 1")
    contract.check_fields(schema)
    pointer = store.pointer()
    baseline = None if pointer is None else store.manifest(pointer.current)["training"]
    cutoff = holdout_cutoff(events, holdout) if holdout else None
    profiler = Profiler(schema)
    rows = positives = 0
    for whole in events.batches(labels=True, times=schema.timestamp is not None):
        batch = whole if cutoff is None else whole.up_to(cutoff)
        assert batch.labels is not None
        profiler.update(batch.hash(schema), batch.labels, None if batch.times is None else batch.times.values)
        rows += batch.n_rows
        positives += int(np.count_nonzero(batch.labels))
        progress(whole.done)
    training = {"rows": rows, "positives": positives, "profile": profiler.to_document()}
    names = [field.name for field in schema.fields]
    return judge_data(training, baseline, contract.data, names, waived=NOTHING_CURRENT)


def judge_data(
    training: Training, baseline: Training | None, rules: DataRules, fields: Sequence[str], *, waived: str
) -> list[Check]:
    """A check for each bound on the events that were, or are to be, learned.

    Args:
        baseline: of the version that would be replaced.
        fields: names of the schema's fields.
        waived: why the baseline need not be there; empty: it must.
    """
    found, before = _whole(training), None if baseline is None else _whole(baseline)
    excuse = waived if baseline is None else ""
    checks = [_check(metric, "", found, before, bound, excuse) for metric, bound in rules.whole.items()]
    known = {} if baseline is None else baseline.get("profile", {}).get("fields", {})
    for name in fields:
        found, before = _of_field(training, name), None if baseline is None else _of_field(baseline, name)
        excuse = waived if baseline is None else NEW_FIELD if known and name not in known else ""
        for metric, bound in {**rules.every_field, **rules.fields.get(name, {})}.items():
            checks.append(_check(metric, name, found, before, bound, excuse))
    return checks


def judge_collisions(training: Training, contract: Contract) -> list[Check]:
    """A check for each bound on the values that share a bucket, and on the traffic that lands on shared ones."""
    found = training.get("profile", {}).get("collisions", {})
    return [
        Check(gate="collisions", metric=metric, value=found.get(metric), bound=bound, note=_COLLISION_NOTES[metric])
        for metric, bound in contract.collisions.items()
    ]


Figures: TypeAlias = Mapping[str, float | None]


def _whole(training: Training) -> Figures:
    rows, positives = training.get("rows"), training.get("positives")
    label_rate = positives / rows if rows and positives is not None else None
    return {"rows": rows, "label_rate": label_rate, "out_of_order": training.get("profile", {}).get("out_of_order")}


def _of_field(training: Training, name: str) -> Figures:
    found: Figures = training.get("profile", {}).get("fields", {}).get(name, {})
    return found


def _check(metric: str, field: str, found: Figures, before: Figures | None, bound: Bound, waived: str) -> Check:
    """One bound: on a figure, or on its ``_ratio`` to or ``_change`` from the baseline's."""
    kind = next((kind for kind in ("_ratio", "_change") if metric.endswith(kind)), "")
    figure = metric.removesuffix(kind)
    value = now = found.get(figure)
    note = "these events do not define it" if now is None else ""
    if kind:
        then = None if before is None else before.get(figure)
        value = _ratio(now, then) if kind == "_ratio" else _difference(now, then)
        if before is None:
            note = NO_BASELINE
        elif value is None and waived != NEW_FIELD:
            note = "these events or the baseline's do not define it"
    return Check(
        gate="data",
        metric=metric,
        slice=field,
        value=value,
        bound=bound,
        note=note,
        waived=waived if kind else "",
    )


def _ratio(value: float | None, to: float | None) -> float | None:
    if value is None or to is None:
        return None
    if value == to:
        return 1.0  # nothing is as much as nothing: a field that is always missing has not changed
    return value / to if to else None


def _difference(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other
