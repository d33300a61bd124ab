"""Files of events as typed batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.core.columns import Column, Missing, encode_columns, hash_columns
from service.core.encoder import Buckets
from service.core.features import Schema
from service.core.metrics import Labels
from service.core.seen import Hashes
from service.errors import EventsError
from service.events.columns import feature_column, label_column, time_column
from service.events.files import Chunk, reader_for
from service.events.values import BadValue, Times
from service.pipeline import ahead


T = TypeVar("T")

DIGEST_BYTES = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive rows of one file.

    Attributes:
        columns: for each field, a column of its type.
        labels: int8, shape ``(n_rows,)``, or ``None`` where they were not asked for.
        times: the timestamps, each of the shape ``(n_rows,)``, or ``None`` where they were not asked for.
        file: which of the files, counted from 0.
        done: the share of all files read so far, from 0 to 1.
    """

    columns: dict[str, Column]
    n_rows: int
    labels: Labels | None
    times: Times | None
    file: int
    done: float

    def where(self, mask: NDArray[np.bool_]) -> Batch:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Batch(
            columns={name: column.where(mask) for name, column in self.columns.items()},
            n_rows=int(np.count_nonzero(mask)),
            labels=None if self.labels is None else self.labels[mask],
            times=None if self.times is None else self.times.where(mask),
            file=self.file,
            done=self.done,
        )

    def up_to(self, last: int) -> Batch:
        """The rows that are not later than ``last``; the times must have been asked for."""
        assert self.times is not None
        return self.where(self.times.values <= last)

    def hash(self, schema: Schema) -> Hashes:
        """The whole hashes of the rows, by slot, shape ``(n_slots, n_rows)``."""
        return hash_columns(schema, self.columns)

    def encode(self, schema: Schema) -> Buckets:
        """The buckets of the rows, shape ``(n_rows, n_slots)``."""
        return encode_columns(schema, self.columns)

    def rows(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Some rows as mappings from field name to JSON value: what a client would send for them."""
        return [{name: column.value(index) for name, column in self.columns.items()} for index in indices]


class Events:
    """The events in some files, read again from the start by every call of ``batches``.

    Args:
        paths: the files, in the order of time.
        schema: which columns there must be, and of what types.
    """

    def __init__(self, paths: Sequence[Path], schema: Schema) -> None:
        self.paths = tuple(paths)
        self.schema = schema
        self._readers = [reader_for(path) for path in self.paths]

    @property
    def names(self) -> str:
        """The files' names, for a message about all of them."""
        return ", ".join(path.name for path in self.paths)

    def batches(self, *, features: bool = True, labels: bool = False, times: bool = False) -> Iterator[Batch]:
        """All rows in their order, in batches of bounded size; only the columns asked for are read.

        Raises:
            EventsError: a file can't be read, a column is missing, or a value is not what its column holds.
        """
        pa.enable_signal_handlers(False)  # Arrow's own may lose a Ctrl-C; Python's is asked between two batches
        schema = self.schema
        fields = schema.fields if features else ()
        label = schema.label if labels else None
        timestamp = schema.timestamp if times else None
        others = [name for name in (label, timestamp) if name is not None]
        names = [field.name for field in fields] + others
        texts = {field.name for field in fields if field.type == "string"}.difference(others)
        needed = {field.name for field in fields if field.required} | {name for name in (label, timestamp) if name}
        sizes = [_status(path).st_size for path in self.paths]
        behind = [sum(sizes[:file]) for file in range(len(sizes))]
        unit: str | None = None
        for file, chunk in ahead(self._chunks(names, texts)):
            path = self.paths[file]
            for name in sorted(needed - chunk.columns.keys()):
                raise EventsError(file=path.name, column=name, message="the file has no such column")
            moments = self._convert(path, chunk, timestamp, time_column) if timestamp else None
            if moments is not None and chunk.n_rows:
                unit = unit or moments.unit
                if moments.unit != unit:
                    message = f"times are {moments.unit} from here on, and {unit} before"
                    raise EventsError(file=path.name, row=chunk.first_row, column=timestamp, message=message)
            yield Batch(
                columns={
                    field.name: self._convert(path, chunk, field.name, partial(feature_column, field))
                    if field.name in chunk.columns
                    else Missing(chunk.n_rows)
                    for field in fields
                },
                n_rows=chunk.n_rows,
                labels=self._convert(path, chunk, label, label_column) if label else None,
                times=moments,
                file=file,
                done=(behind[file] + sizes[file] * chunk.done) / sum(sizes),
            )

    def _chunks(self, names: Sequence[str], texts: Collection[str]) -> Iterator[tuple[int, Chunk]]:
        """The raw chunks of all files, each with its file's place among them."""
        for file, (path, read) in enumerate(zip(self.paths, self._readers, strict=True)):
            for chunk in read(path, names, texts):
                yield file, chunk

    def digests(self, *, proceed: Callable[[], bool] = lambda: True) -> list[dict[str, str | int]]:
        """SHA-256 and size of each file, in order; names are no part of what the events are.

        Args:
            proceed: asked now and then; without it, the rest is left out, for nobody wants it any more.
        """
        digests: list[dict[str, str | int]] = []
        part = memoryview(bytearray(DIGEST_BYTES))  # one for all, so that it stays in the cache
        for path in self.paths:
            digest, size = sha256(), 0
            try:
                with open(path, "rb", buffering=0) as file:
                    while proceed() and (length := file.readinto(part)):
                        digest.update(part[:length])
                        size += length
            except OSError as error:
                raise EventsError(file=path.name, message=f"can't be read: {error.strerror}") from None
            digests.append({"sha256": digest.hexdigest(), "bytes": size})
        return digests

    def stamps(self) -> list[tuple[int, int, int]]:
        """What tells cheaply that a file was touched: inode, size and time of change of each."""
        statuses = [_status(path) for path in self.paths]
        return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in statuses]

    @staticmethod
    def _convert(path: Path, chunk: Chunk, name: str, convert: Callable[[Any], T]) -> T:
        try:
            return convert(chunk.columns[name])
        except BadValue as error:
            row = None if error.index is None else chunk.first_row + error.index
            raise EventsError(file=path.name, row=row, column=name, message=str(error)) from None


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise EventsError(file=path.name, message=f"can't be read: {error.strerror}") from None
