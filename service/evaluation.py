"""Judge a candidate on events that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from service import gates
from service.core import metrics
from service.core.metrics import Labels
from service.core.model import Probabilities
from service.errors import EventsError
from service.events import Batch, Events
from service.gates import Bound, Report
from service.store import Store


def evaluate(
    store: Store,
    version: str,
    events: Events,
    contract: Sequence[Bound],
    *,
    allow_overlap: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> Report:
    """Judge a version, keep the report beside it in the store, and return it.

    What the version may have learned is left out and counted: rows that are not later than its last training event, or,
    where the schema has no timestamp, all rows of a file that it was trained on.

    Args:
        events: read with the version's own schema.
        allow_overlap: judge such rows too; the report says so.
        progress: called with the share of the events read, from 0 to 1.

    Raises:
        ArtefactInvalid: the version does not verify.
        EventsError: the events can't be used, or changed meanwhile.
    """
    artefact = store.load(version)
    predictor = artefact.predictor
    training = artefact.manifest["training"]
    span = None if allow_overlap else training.get("time_range")
    stamps, digests = events.stamps(), events.digests()
    learned = () if allow_overlap or span else training.get("events", ())
    labels: list[Labels] = [np.empty(0, np.int8)]
    probabilities: list[Probabilities] = [np.empty(0, np.float64)]
    left_out = 0
    for whole in events.batches(labels=True, times=span is not None):
        batch = whole if span is None else _later(whole, span, events)
        if digests[whole.file] in learned:
            batch = whole.where(np.zeros(whole.n_rows, dtype=np.bool_))
        left_out += whole.n_rows - batch.n_rows
        assert batch.labels is not None
        labels.append(batch.labels)
        probabilities.append(predictor.predict_buckets(batch.encode(predictor.schema)))
        progress(whole.done)
    if events.stamps() != stamps:
        raise EventsError(file=events.names, message="the events changed while the version was judged on them")
    measured = metrics.evaluate(np.concatenate(labels), np.concatenate(probabilities))
    report = Report(
        version=version,
        rows=measured.rows,
        left_out=left_out,
        allow_overlap=allow_overlap,
        events=digests,
        checks=gates.judge({**measured.to_document(), "negatives": measured.rows - measured.positives}, contract),
    )
    store.write_report(version, report.to_document())
    return report


def _later(batch: Batch, trained: Mapping[str, Any], events: Events) -> Batch:
    assert batch.times is not None
    if batch.times.unit != trained["unit"]:
        message = f"the version was trained on times in {trained['unit']}, these are in {batch.times.unit}"
        raise EventsError(file=events.names, column=events.schema.timestamp, message=message)
    return batch.where(batch.times.values > trained["last"])
