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

    Rows that are not later than the version's last training event are left out and counted: a model may have learned
    them. Without a timestamp nobody can tell, and all rows are judged.

    Args:
        events: read with the version's own schema.
        allow_overlap: judge rows of the training's time too.
        progress: called with the share of the events read, from 0 to 1.

    Raises:
        ArtefactInvalid: the version does not verify.
        EventsError: the events can't be used.
    """
    artefact = store.load(version)
    predictor = artefact.predictor
    trained = artefact.manifest["training"].get("time_range") if not allow_overlap else None
    digests = events.digests()
    labels: list[Labels] = [np.empty(0, np.int8)]
    probabilities: list[Probabilities] = [np.empty(0, np.float64)]
    left_out = 0
    for whole in events.batches(labels=True, times=trained is not None):
        batch = whole if trained is None else _later(whole, trained, events)
        left_out += whole.n_rows - batch.n_rows
        assert batch.labels is not None
        labels.append(batch.labels)
        probabilities.append(predictor.predict_buckets(batch.encode(predictor.schema)))
        progress(whole.done)
    measured = metrics.evaluate(np.concatenate(labels), np.concatenate(probabilities))
    report = Report(
        version=version,
        rows=measured.rows,
        left_out=left_out,
        events=digests,
        checks=gates.judge(measured.to_document(), contract),
    )
    store.write_report(version, report.to_document())
    return report


def _later(batch: Batch, trained: Mapping[str, Any], events: Events) -> Batch:
    assert batch.times is not None
    if batch.times.unit != trained["unit"]:
        message = f"the version was trained on times in {trained['unit']}, these are in {batch.times.unit}"
        where = ", ".join(path.name for path in events.paths)
        raise EventsError(file=where, column=events.schema.timestamp, message=message)
    return batch.where(batch.times.values > trained["last"])
