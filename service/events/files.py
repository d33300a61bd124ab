"""The three file formats, each as an iterator of raw column chunks.

Parquet comes with its own types, CSV as text throughout, NDJSON as what JSON says. ``columns`` makes them one.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.core.features import describe
from service.errors import EventsError
from service.kernels import csv

BATCH_ROWS = 65_536
CODE_BYTES = 4
"""A Parquet string takes four bytes for its length alone. A column below this is codes into a dictionary, mostly."""

CSV_BLOCK_BYTES = 8 * 2**20
"""Also the longest row that a CSV file may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some consecutive rows of one file.

    ``columns`` holds Arrow arrays (Parquet, CSV) or lists of JSON values (NDJSON, ``ABSENT`` where a row lacks the
    key). ``first_row`` counts from 1; ``done`` is the share of the file read so far, from 0 to 1. ``ascii``: all text
    is known to be ASCII, so nobody need ask whether it is UTF-8.
    """

    columns: dict[str, pa.Array] | dict[str, list[Any]]
    n_rows: int
    first_row: int
    done: float
    ascii: bool = False


class Absent:
    """The type of ``ABSENT``: a key that a JSON object does not have, as opposed to one that is null."""


ABSENT = Absent()

Reader: TypeAlias = Callable[[Path, Sequence[str]], Iterator[Chunk]]
"""Reads the named columns of a file; a name that the file lacks is left out of the chunks."""


def reader_for(path: Path) -> Reader:
    """The reader of a file, told by its suffix.

    Raises:
        EventsError: no known suffix.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        message = f"the suffix {path.suffix!r} is none of {', '.join(_READERS)}"
        raise EventsError(file=path.name, message=message)
    return reader


def read_parquet(path: Path, names: Sequence[str]) -> Iterator[Chunk]:
    """The row groups of a Parquet file, decoded a batch at a time."""
    try:
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            wanted = _wanted(path, file.schema_arrow.names, names)
            metadata = file.metadata
        options = {"metadata": metadata, "read_dictionary": _coded(metadata, wanted)}
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False, **options) as file:
            total = file.metadata.num_rows
            row = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=wanted, use_threads=False):
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                done = (row + batch.num_rows) / total
                yield Chunk(columns=columns, n_rows=batch.num_rows, first_row=row + 1, done=done)
                row += batch.num_rows
            if not row:  # a file without rows has columns all the same
                columns = {name: pa.array([], file.schema_arrow.field(name).type) for name in wanted}
                yield Chunk(columns=columns, n_rows=0, first_row=1, done=1.0)
    except (pa.ArrowException, OSError) as error:
        raise EventsError(file=path.name, message=f"no readable Parquet file: {_one_line(error)}") from None


def _coded(metadata: pq.FileMetaData, names: Sequence[str]) -> list[str]:
    """Those of the columns that are read faster as codes and a dictionary than as text written out.

    That is so when the writer's dictionary held them; where it overflowed, making one anew costs more than it saves.
    """
    sizes = dict.fromkeys(names, 0)
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema in sizes and column.physical_type == "BYTE_ARRAY":
                sizes[column.path_in_schema] += column.total_uncompressed_size
    return [name for name, size in sizes.items() if 0 < size < CODE_BYTES * metadata.num_rows]


def read_csv(path: Path, names: Sequence[str]) -> Iterator[Chunk]:
    """A CSV file with a header row, as text: ``007`` stays ``007``.

    An empty field is missing; two quotes (``""``) are the empty string. This is how Spark reads it.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            yield from _csv_chunks(path, file, names)
    except csv.CsvError as error:
        raise EventsError(file=path.name, row=error.row, message=f"no readable CSV: {error.message}") from None
    except OSError as error:
        raise EventsError(file=path.name, message=f"no readable CSV: {error.strerror}") from None


def _csv_chunks(path: Path, file: io.FileIO, names: Sequence[str]) -> Iterator[Chunk]:
    """The rows of a file, a block at a time; what follows a block's last whole row begins the next one."""
    size = os.fstat(file.fileno()).st_size
    block: NDArray[np.uint8] = np.empty(CSV_BLOCK_BYTES, dtype=np.uint8)
    length = read = _fill(file, block)
    first = block[:length].tobytes()
    header = csv.read_header(first, most=first.count(b",") + 1)
    try:
        there = [name.decode() for name in header.names]
    except UnicodeDecodeError:
        raise csv.CsvError("the header is not UTF-8") from None
    wanted = _wanted(path, there, names)
    splitter = csv.Splitter(header, [name.encode() for name in wanted], most=BATCH_ROWS)
    row, begin = 0, header.end
    while True:
        last = length < len(block)
        rows = splitter.split(block[:length], begin, last=last, before=row)
        begin, rest = rows.end, length - rows.end
        ended = last and rows.n_rows < BATCH_ROWS
        if rows.n_rows or (ended and not row):  # a file without rows has columns all the same
            columns = {name: _text_array(rows.columns[name.encode()]) for name in wanted}
            done = 1.0 if ended else min(1.0, (read - rest) / size)
            yield Chunk(columns=columns, n_rows=rows.n_rows, first_row=row + 1, done=done, ascii=rows.ascii)
            row += rows.n_rows
        if ended:
            return
        if rows.n_rows < BATCH_ROWS:
            if rest == len(block):
                raise csv.CsvError(f"a row of more than {CSV_BLOCK_BYTES} bytes, or a quote never closed", row=row + 1)
            block[:rest] = block[begin:length]
            fresh = _fill(file, block[rest:])
            begin, length, read = 0, rest + fresh, read + fresh


def _fill(file: io.FileIO, block: NDArray[np.uint8]) -> int:
    """Read until the block is full or the file ends; how many bytes there were."""
    length = 0
    while fresh := file.readinto(block[length:].data):
        length += fresh
    return length


def _text_array(column: csv.TextColumn) -> pa.Array:
    validity = pa.py_buffer(column.valid.bits) if column.n_missing else None
    offsets, data = pa.py_buffer(column.offsets), pa.py_buffer(column.data)
    return pa.StringArray.from_buffers(len(column.offsets) - 1, offsets, data, validity, column.n_missing)


def read_ndjson(path: Path, names: Sequence[str]) -> Iterator[Chunk]:
    """A file with one JSON object a line, read by the parser that reads requests; blank lines are passed over."""
    size = path.stat().st_size
    columns: dict[str, list[Any]] = {name: [] for name in names}
    row = first = 0
    read = 0
    with open(path, "rb") as file:
        for line in file:
            read += len(line)
            if line.isspace():
                continue
            row += 1
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise EventsError(file=path.name, row=row, message=f"no JSON: {error}") from None
            if not isinstance(document, dict):
                raise EventsError(file=path.name, row=row, message=f"expected an object, found {describe(document)}")
            for name, values in columns.items():
                values.append(document.get(name, ABSENT))
            if row - first == BATCH_ROWS:
                yield Chunk(columns=columns, n_rows=row - first, first_row=first + 1, done=read / size)
                columns = {name: [] for name in names}
                first = row
    if row > first:
        yield Chunk(columns=columns, n_rows=row - first, first_row=first + 1, done=1.0)


_READERS: dict[str, Reader] = {
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".ndjson": read_ndjson,
    ".jsonl": read_ndjson,
}


def _wanted(path: Path, there: Sequence[str], names: Sequence[str]) -> list[str]:
    for name in names:
        if there.count(name) > 1:
            raise EventsError(file=path.name, column=name, message="the file has more than one column of this name")
    return [name for name in names if name in there]


def _one_line(error: Exception) -> str:
    """Arrow's message, in which a part of the file may stand, as one line that no terminal takes for commands."""
    text = " ".join(str(error).split())
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
