"""The three file formats, each as an iterator of raw column chunks.

Parquet comes with its own types, CSV as text throughout, NDJSON as what JSON says. ``columns`` makes them one.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.core.bucketer import field_seed
from service.core.features import describe
from service.core.texts import CodedText, Parts, Text
from service.errors import EventsError
from service.events.pages import Texts, Unusual, usual_texts
from service.kernels import csv

BATCH_ROWS = 131_072
CODE_BYTES = 4
"""A Parquet string takes four bytes for its length alone. A column below this is codes into a dictionary, mostly."""

HEADER_BYTES = 2**16

CSV_BLOCK_BYTES = 16 * 2**20
"""Also the longest row that a CSV file may have."""


class Absent:
    """The type of ``ABSENT``: a key that a JSON object does not have, as opposed to one that is null."""


ABSENT = Absent()

Raw: TypeAlias = "pa.Array | csv.TextColumn | Text | CodedText | Parts | list[Any]"
"""A column as its file has it: an Arrow array, text as it lies in a CSV file, valid text of a Parquet file, or JSON
values (``ABSENT`` where a row lacks the key)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some consecutive rows of one file.

    ``first_row`` counts from 1; ``done`` is the share of the file read so far, from 0 to 1.
    """

    columns: Mapping[str, Raw]
    n_rows: int
    first_row: int
    done: float


Reader: TypeAlias = Callable[[Path, Sequence[str], Collection[str]], Iterator[Chunk]]
"""Reads the named columns of a file, some of which nobody wants as anything but text. A name that the file lacks is
left out of the chunks."""


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


def read_parquet(path: Path, names: Sequence[str], texts: Collection[str] = ()) -> Iterator[Chunk]:
    """The row groups of a Parquet file, a batch at a time: text by ``pages``, where it can be, all else by Arrow."""
    row = 0
    try:
        with pa.memory_map(str(path)) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            wanted = _wanted(path, file.schema_arrow.names, names)
            usual = usual_texts(file, [name for name in wanted if name in texts])
            try:
                for chunk in _parquet_chunks(file, source, wanted, usual):
                    yield chunk
                    row += chunk.n_rows
            except Unusual:
                yield from _parquet_chunks(file, source, wanted, {}, behind=row)
    except (pa.ArrowException, OSError) as error:
        raise EventsError(file=path.name, message=f"no readable Parquet file: {_one_line(error)}") from None


def _parquet_chunks(
    file: pq.ParquetFile, source: pa.NativeFile, names: Sequence[str], usual: Mapping[str, int], *, behind: int = 0
) -> Iterator[Chunk]:
    """The rows behind the first ``behind``; ``usual``: the columns of text that Arrow need not read."""
    metadata = file.metadata
    row = 0
    with Texts(source, metadata, usual) as texts:
        for n_rows, arrays in _arrow_columns(source, metadata, [name for name in names if name not in usual]):
            if row + n_rows > behind:
                arrays = {name: array[max(0, behind - row) :] for name, array in arrays.items()}
                done, first = (row + n_rows) / metadata.num_rows, max(row, behind)
                columns = arrays | texts.take(n_rows)
                yield Chunk(columns=columns, n_rows=row + n_rows - first, first_row=first + 1, done=done)
            row += n_rows
    if not row:  # a file without rows has columns all the same
        columns = {name: pa.array([], file.schema_arrow.field(name).type) for name in names}
        yield Chunk(columns=columns, n_rows=0, first_row=1, done=1.0)


def _arrow_columns(
    source: pa.NativeFile, metadata: pq.FileMetaData, names: Sequence[str]
) -> Iterator[tuple[int, dict[str, pa.Array]]]:
    """Batches of rows, by Arrow: of each, how many rows, and the columns; there may be none of those."""
    if not names:
        for row in range(0, metadata.num_rows, BATCH_ROWS):
            yield min(BATCH_ROWS, metadata.num_rows - row), {}
        return
    options = {"metadata": metadata, "read_dictionary": _coded(metadata, names)}
    with pq.ParquetFile(source, pre_buffer=False, **options) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names, use_threads=False):
            yield batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True))


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


def read_csv(path: Path, names: Sequence[str], texts: Collection[str] = ()) -> Iterator[Chunk]:
    """A CSV file with a header row, as text: ``007`` stays ``007``.

    An empty field is missing; two quotes (``""``) are the empty string. This is how Spark reads it.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            yield from _csv_chunks(path, file, names, texts)
    except csv.CsvError as error:
        raise EventsError(file=path.name, row=error.row, message=f"no readable CSV: {error.message}") from None
    except OSError as error:
        raise EventsError(file=path.name, message=f"no readable CSV: {error.strerror}") from None


def _csv_chunks(path: Path, file: io.FileIO, names: Sequence[str], texts: Collection[str]) -> Iterator[Chunk]:
    """The rows of a file, a block at a time; what follows a block's last whole row begins the next one."""
    size = os.fstat(file.fileno()).st_size
    block: NDArray[np.uint8] = np.empty(CSV_BLOCK_BYTES, dtype=np.uint8)
    length = read = _fill(file, block)
    header = _header(block[:length])
    try:
        there = [name.decode() for name in header.names]
    except UnicodeDecodeError:
        raise csv.CsvError("the header is not UTF-8") from None
    wanted = _wanted(path, there, names)
    seeds = {name.encode(): field_seed(name) for name in wanted if name in texts}
    splitter = csv.Splitter(header, [name.encode() for name in wanted], most=BATCH_ROWS, seeds=seeds)
    row, begin = 0, header.end
    while True:
        last = length < len(block)
        rows = splitter.split(block[:length], begin, last=last, before=row)
        begin, rest = rows.end, length - rows.end
        ended = last and rows.n_rows < BATCH_ROWS
        if rows.n_rows or (ended and not row):  # a file without rows has columns all the same
            split = {name: rows.columns[name.encode()] for name in wanted}
            columns = {name: column if name in texts else _text_array(column) for name, column in split.items()}
            done = 1.0 if ended else min(1.0, (read - rest) / size)
            yield Chunk(columns=columns, n_rows=rows.n_rows, first_row=row + 1, done=done)
            row += rows.n_rows
        if ended:
            return
        if rows.n_rows < BATCH_ROWS:
            if rest == len(block):
                raise csv.CsvError(f"a row of more than {CSV_BLOCK_BYTES} bytes, or a quote never closed", row=row + 1)
            block, before = np.empty(CSV_BLOCK_BYTES, dtype=np.uint8), block  # whose text the columns keep
            block[:rest] = before[begin:length]
            fresh = _fill(file, block[rest:])
            begin, length, read = 0, rest + fresh, read + fresh


def _header(text: NDArray[np.uint8]) -> csv.Header:
    """The header of a file, of which only the first bytes are copied, if it ends in them."""
    for length in (HEADER_BYTES, len(text)):
        first = text[:length].tobytes()
        try:
            header = csv.read_header(first, most=first.count(b",") + 1)
        except csv.CsvError:
            if len(first) == len(text):
                raise
        else:
            if header.end < len(first) or len(first) == len(text):
                return header
    raise AssertionError("the whole text has a header, or none")


def _fill(file: io.FileIO, block: NDArray[np.uint8]) -> int:
    """Read until the block is full or the file ends; how many bytes there were."""
    length = 0
    while fresh := file.readinto(block[length:].data):
        length += fresh
    return length


def _text_array(column: csv.TextColumn) -> pa.Array:
    validity = pa.py_buffer(column.valid.bits) if column.n_missing else None
    offsets, data = column.packed()
    buffers = pa.py_buffer(offsets), pa.py_buffer(data), validity
    return pa.StringArray.from_buffers(len(offsets) - 1, *buffers, column.n_missing)


def read_ndjson(path: Path, names: Sequence[str], texts: Collection[str] = ()) -> Iterator[Chunk]:
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
