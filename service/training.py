"""Train: events in, a candidate out.

The first pass is progressive validation: each row is predicted before it is learned, so the metrics of the run are
those of predicting tomorrow from yesterday (Blum et al. 1999). Later passes see the rows in a seeded, mixed order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np

from service import __version__
from service.artefact import Golden
from service.core.encoder import Buckets
from service.core.features import Schema
from service.core.learner import FTRL, Learner
from service.core.metrics import Labels, RunningMetrics
from service.core.model import LinearModel, Probabilities
from service.core.predictor import Predictor
from service.core.profile import Profiler
from service.core.seen import Hashes
from service.durable import make_folder
from service.errors import EventsError
from service.events import Events, RowSample, holdout_cutoff
from service.events.values import MICROSECONDS, Times
from service.kernels.hashing import fold_hashes
from service.pipeline import Aside, Behind, ahead
from service.spool import Spool
from service.store import Store

GOLDEN_ROWS = 24
"""How many training rows, drawn by the seed, become golden requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How to train.

    Attributes:
        passes: how often the events are gone over.
        seed: of the order of rows from the second pass on, and of the choice of golden requests.
        holdout: share of the events, the latest, that is kept from the model (0: none).
    """

    learner: FTRL = FTRL()
    passes: int = 2
    seed: int = 0
    holdout: float = 0.0

    def __post_init__(self) -> None:
        if self.passes < 1:
            raise ValueError(f"passes must be at least 1, not {self.passes}")
        if not 0.0 <= self.holdout < 1.0:
            raise ValueError(f"holdout must be from 0 to below 1, not {self.holdout}")


def train(store: Store, events: Events, run: Run, *, progress: Callable[[float], None] = lambda done: None) -> str:
    """Train a candidate, put it into the store, and return its version id.

    The same events, schema, run and code give the same id. The store is written to at the very end, at once.

    Args:
        progress: called with the share of the work done, from 0 to 1.

    Raises:
        EventsError: the events can't be used, hold no rows, or changed meanwhile.
    """
    schema = events.schema
    stamps = events.stamps()
    cutoff = holdout_cutoff(events, run.holdout) if run.holdout else None
    learner = Learner(n_buckets=schema.n_buckets, parameters=run.learner)
    witness = _Witness(schema)
    sample = RowSample(size=GOLDEN_ROWS, seed=[run.seed, 1])
    make_folder(store.root)
    with Aside() as digests, Spool(store.root, n_slots=len(schema.slots)) as spool:
        digests.submit(lambda: events.digests(proceed=lambda: digests.wanted))
        with Behind() as behind:
            for batch in ahead(_encoded(events, cutoff, sample)):
                behind.submit(witness.take, batch, learner.learn(batch.buckets, batch.labels))
                if run.passes > 1:
                    spool.append(batch.buckets, batch.labels)
                progress(batch.done / run.passes)
        random = np.random.default_rng([run.seed, 0])
        for number in range(1, run.passes):
            for buckets, labels, done in ahead(spool.shuffled(random)):
                learner.learn(buckets, labels)
                progress((number + done) / run.passes)
        measured = witness.metrics.result()
        if not measured.rows:
            raise EventsError(file=events.names, message="there are no rows to learn from")
        training = {
            "code_version": __version__,
            "events": digests.result(),
            "rows": measured.rows,
            "positives": measured.positives,
            "time_range": witness.span.to_document(),
            "holdout": run.holdout,
            "passes": run.passes,
            "seed": run.seed,
            "learner": {"algorithm": "ftrl-proximal", **asdict(run.learner)},
            # Rounded, for the last digits of a sum differ between versions of numpy, and the id should not.
            "progressive_validation": {name: round(value, 9) for name, value in measured.to_document().items()},
            "profile": witness.profiler.to_document(),
        }
    if events.stamps() != stamps:
        raise EventsError(file=events.names, message="the events changed while they were learned")
    weights = learner.weights()
    instances = _golden_instances(sample.rows(), schema)
    predictor = Predictor(schema=schema, model=LinearModel(weights), version="candidate")
    golden = Golden(instances=instances, probabilities=predictor.predict_rows(instances))
    return store.add(schema=schema, weights=weights, golden=golden, seen=witness.profiler.seen(), training=training)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoded:
    """What is learned of a batch, and no longer the text that it came of.

    Attributes:
        hashes: by slot, shape ``(n_slots, n_rows)``.
        buckets: by row, shape ``(n_rows, n_slots)``.
        labels, times, done: as of the batch.
    """

    hashes: Hashes
    buckets: Buckets
    labels: Labels
    times: Times | None
    done: float


def _encoded(events: Events, cutoff: int | None, sample: RowSample) -> Iterator[_Encoded]:
    """The batches to learn from, up to ``cutoff``; ``sample`` draws from their rows."""
    schema = events.schema
    for whole in events.batches(labels=True, times=schema.timestamp is not None):
        batch = whole if cutoff is None else whole.up_to(cutoff)
        assert batch.labels is not None
        sample.offer(batch)
        hashes = batch.hash(schema)
        buckets = fold_hashes(hashes, schema.n_buckets)
        yield _Encoded(hashes=hashes, buckets=buckets, labels=batch.labels, times=batch.times, done=batch.done)


class _Witness:
    """Sees every batch of the first pass with the predictions made for it: metrics, profile, times."""

    def __init__(self, schema: Schema) -> None:
        self.metrics = RunningMetrics()
        self.profiler = Profiler(schema)
        self.span = _Span()

    def take(self, batch: _Encoded, probabilities: Probabilities) -> None:
        self.metrics.update(batch.labels, probabilities)
        self.profiler.update(batch.hashes, batch.labels, None if batch.times is None else batch.times.values)
        if batch.times is not None and len(batch.labels):
            self.span.add(batch.times)


def _golden_instances(rows: list[dict[str, Any]], schema: Schema) -> list[dict[str, Any]]:
    """The sampled rows, the first of them with each field missing in turn, and a row of nothing but missing."""
    names = [field.name for field in schema.fields]
    return rows + [{**rows[0], name: None} for name in names] + [dict.fromkeys(names)]


class _Span:
    """The first and the last time among the rows that were learned."""

    def __init__(self) -> None:
        self._unit = ""
        self._in_order = True
        self._first: int | None = None
        self._last: int | None = None

    def add(self, batch: Times) -> None:
        times = batch.values
        first, last = int(times.min()), int(times.max())
        ordered = bool((times[1:] >= times[:-1]).all()) and (self._last is None or first >= self._last)
        self._in_order = self._in_order and ordered
        self._first = first if self._first is None else min(self._first, first)
        self._last = last if self._last is None else max(self._last, last)
        self._unit = batch.unit

    def to_document(self) -> dict[str, Any] | None:
        if self._first is None or self._last is None:
            return None
        document: dict[str, Any] = {"unit": self._unit, "first": self._first, "last": self._last}
        document["in_order"] = self._in_order
        if self._unit == MICROSECONDS:
            document["text"] = f"{_iso(self._first)} to {_iso(self._last)}"
        return document


def _iso(microseconds: int) -> str:
    try:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)
    except OverflowError:
        return f"{microseconds} us"
    return moment.isoformat().replace("+00:00", "Z")
