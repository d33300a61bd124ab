"""The rows that a candidate is judged on: what it and the baseline say of each, and which slices it is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.artefact import Artefact
from service.core.features import Schema
from service.core.metrics import Labels
from service.core.model import Probabilities
from service.errors import EventsError
from service.evaluation.slices import Slicer, Slices
from service.events import Batch, Events, RowSample
from service.gates import SliceRule

Mask = NDArray[np.bool_]

SAMPLE_ROWS = 200
"""How many of the judged rows are asked again in every way there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The judged rows, each array of shape ``(n_rows,)``.

    Attributes:
        candidate, baseline: the probabilities; no baseline, no probabilities.
        compared: the rows that the baseline can't have learned either, on which the two are compared.
        slices: which slices they are in, for each rule.
        left_out: how many rows the candidate may have learned.
        events: SHA-256 and size of each file.
        sample: some of the rows.
    """

    labels: Labels
    candidate: Probabilities
    baseline: Probabilities | None
    compared: Mask
    slices: Sequence[Slices]
    left_out: int
    events: Sequence[Mapping[str, str | int]]
    sample: Sequence[Mapping[str, Any]]


def judged_rows(
    candidate: Artefact,
    baseline: Artefact | None,
    events: Events,
    *,
    rules: Sequence[SliceRule] = (),
    allow_overlap: bool = False,
    progress: Callable[[float], None] = lambda done: None,
) -> Judged:
    """Ask both versions about every row that the candidate can't have learned.

    The events are read once; a second time for a baseline whose schema gives the rows other buckets.

    Args:
        events: read with the candidate's schema.
        rules: the slices that are asked for, of fields that the schema has.
        progress: called with the share of the work done, from 0 to 1.

    Raises:
        EventsError: the events can't be used with either version's schema, or changed meanwhile.
    """
    stamps, digests = events.stamps(), events.digests()
    schema = candidate.predictor.schema
    ours = _Unseen(candidate, digests, events, allow_overlap=allow_overlap)
    theirs = None if baseline is None else _Unseen(baseline, digests, events, allow_overlap=allow_overlap, strict=False)
    again = baseline if baseline and _buckets(baseline.predictor.schema) != _buckets(schema) else None
    share = 0.5 if again else 1.0
    asked = [version.predictor for version in (candidate, baseline) if version and version is not again]
    answers: list[list[Probabilities]] = [[np.empty(0)] for _ in asked]
    place = {field.name: index for index, field in enumerate(schema.fields)}
    slicers = [(place[rule.field], Slicer(rule, schema.fields[place[rule.field]], candidate.seen)) for rule in rules]
    sample = RowSample(size=SAMPLE_ROWS, seed=[0])
    chosen: list[Mask] = [np.empty(0, np.bool_)]
    compared: list[Mask] = [np.empty(0, np.bool_)]
    labels: list[Labels] = [np.empty(0, np.int8)]
    left_out = 0
    for whole in events.batches(labels=True, times=schema.timestamp is not None):
        mask = ours(whole)
        batch = whole.where(mask)
        assert batch.labels is not None
        hashes = batch.hash(schema)
        for predictor, given in zip(asked, answers, strict=True):
            given.append(predictor.predict_hashes(hashes))
        for index, slicer in slicers:
            slicer.add(hashes[index], batch.columns[schema.fields[index].name])
        sample.offer(batch)
        if again:
            chosen.append(mask)
        compared.append(np.zeros(batch.n_rows, np.bool_) if theirs is None else theirs(whole)[mask])
        labels.append(batch.labels)
        left_out += whole.n_rows - batch.n_rows
        progress(share * whole.done)
    if again:
        rows = np.concatenate(chosen)
        answers.append(_asked_again(again, events, rows, progress=lambda done: progress(share + share * done)))
    if events.stamps() != stamps:
        raise EventsError(file=events.names, message="the events changed while the version was judged on them")
    return Judged(
        labels=np.concatenate(labels),
        candidate=np.concatenate(answers[0]),
        baseline=np.concatenate(answers[1]) if baseline else None,
        compared=np.concatenate(compared),
        slices=[slicer.result() for _, slicer in slicers],
        left_out=left_out,
        events=digests,
        sample=sample.rows(),
    )


def _buckets(schema: Schema) -> tuple[object, ...]:
    """What the buckets of a row hang on; name, label and timestamp are no part of it."""
    return schema.fields, schema.crosses, schema.n_buckets


def _asked_again(
    baseline: Artefact, events: Events, rows: Mask, *, progress: Callable[[float], None]
) -> list[Probabilities]:
    """What the baseline says of some rows of the events, read as its own schema reads them.

    Row for row: where batches end depends on the columns that are read.
    """
    schema = baseline.predictor.schema
    answers: list[Probabilities] = [np.empty(0)]
    first = 0
    try:
        for whole in Events(events.paths, schema).batches():
            mask = rows[first : first + whole.n_rows]
            first += whole.n_rows
            if len(mask) < whole.n_rows:
                break  # there are more rows than before, which the stamps tell
            answers.append(baseline.predictor.predict_hashes(whole.where(mask).hash(schema)))
            progress(whole.done)
    except EventsError as error:
        message = f"the baseline {baseline.version} can't be asked: {error.reason}"
        raise EventsError(file=error.file, row=error.row, column=error.column, message=message) from None
    return answers


class _Unseen:
    """Which rows of a batch a version can't have learned: those later than its last training event or, where it has no
    times, those of files that it was not trained on.

    Args:
        events: read with the candidate's schema.
        strict: whether times that count something else than those of its training are an error. Otherwise they say
            nothing, as do those of another column, and files decide. Too few rows are left out then, to the advantage
            of this version: so a baseline may be judged, and a candidate not.
    """

    def __init__(
        self,
        version: Artefact,
        digests: Sequence[Mapping[str, str | int]],
        events: Events,
        *,
        allow_overlap: bool,
        strict: bool = True,
    ) -> None:
        training = version.manifest["training"]
        by_time = version.predictor.schema.timestamp == events.schema.timestamp
        self._all = allow_overlap
        self._span: Mapping[str, Any] | None = training.get("time_range") if by_time else None
        self._learned = [digest in training.get("events", ()) for digest in digests]
        self._events = events
        self._strict = strict

    def __call__(self, batch: Batch) -> Mask:
        if self._all:
            return np.ones(batch.n_rows, np.bool_)
        if self._span is not None and batch.times is not None:
            if batch.times.unit == self._span["unit"]:
                later: Mask = batch.times.values > self._span["last"]
                return later
            if self._strict and batch.n_rows:
                message = f"the version was trained on times in {self._span['unit']}, these are in {batch.times.unit}"
                raise EventsError(file=self._events.names, column=self._events.schema.timestamp, message=message)
        return np.full(batch.n_rows, not self._learned[batch.file])
