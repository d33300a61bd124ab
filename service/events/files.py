"""The three file formats, each as an iterator of raw column chunks.

Parquet comes with its own types, CSV as text throughout, NDJSON as what JSON says. ``columns`` makes them one.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from service.core.features import describe
from service.errors import EventsError

BATCH_ROWS = 65_536
CODE_BYTES = 4
"""A Parquet string takes four bytes for its length alone. A column below this is codes into a dictionary, mostly."""

CSV_BLOCK_BYTES = 4 * 2**20
"""Also the longest row that a CSV file may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some consecutive rows of one file.

    ``columns`` holds Arrow arrays (Parquet, CSV) or lists of JSON values (NDJSON, ``ABSENT`` where a row lacks the
    key). ``first_row`` counts from 1; ``done`` is the share of the file read so far, from 0 to 1.
    """

    columns: dict[str, pa.Array] | dict[str, list[Any]]
    n_rows: int
    first_row: int
    done: float


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
    header: list[str] = []
    try:
        header = _csv_header(path)
        mark = secrets.token_hex(16)
        with _Marked(path, ",".join([mark] * len(header))) as source:
            size = path.stat().st_size
            wanted = _wanted(path, header, names)
            if not wanted:  # include_columns=[] would mean all of them
                wanted = header[:1]
            stream = pa_csv.open_csv(
                source,
                read_options=pa_csv.ReadOptions(block_size=CSV_BLOCK_BYTES, use_threads=False),
                parse_options=_csv_parsing(header),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types={name: pa.string() for name in wanted},
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
            row, marked = 0, False
            for number, batch in enumerate(stream, start=1):  # one for each block
                if batch.num_rows and batch[0][-1].as_py() == mark:
                    batch, marked = batch.slice(0, batch.num_rows - 1), True
                columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                done = min(1.0, number * CSV_BLOCK_BYTES / size)
                yield Chunk(columns=columns, n_rows=batch.num_rows, first_row=row + 1, done=done)
                row += batch.num_rows
    except UnicodeDecodeError:
        raise EventsError(file=path.name, message="no readable CSV: the header is not UTF-8") from None
    except (pa.ArrowException, OSError) as error:
        raise _csv_error(path, header, error) from None
    if not marked:
        raise EventsError(file=path.name, row=row, message="no readable CSV: a quote is opened and never closed")


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


class _Marked(io.RawIOBase):
    """The bytes of a file and then one more row: a quote that is never closed swallows it, which Arrow would accept."""

    def __init__(self, path: Path, row: str) -> None:
        self._file = open(path, "rb", buffering=0)
        self._end = f"{row}\n".encode()
        self._begun = True  # whether the last line has begun and not ended

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        if data:
            self._begun = not data.endswith(b"\n")
        elif self._end:
            data, self._end = b"\n" * self._begun + self._end, b""
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


def _csv_parsing(header: Sequence[str]) -> pa_csv.ParseOptions:
    """A blank line is no row, but where there is a single column: there it is a row with a missing value."""
    return pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=len(header) != 1)


def _csv_header(path: Path) -> list[str]:
    options = pa_csv.ReadOptions(block_size=CSV_BLOCK_BYTES, use_threads=False)
    with pa_csv.open_csv(str(path), read_options=options, parse_options=_csv_parsing(())) as stream:
        names: list[str] = stream.schema.names
    return names


def _csv_error(path: Path, header: list[str], error: Exception) -> EventsError:
    """Arrow's message with its row made ours (it counts the header as row 1) and its column a name."""
    text = _one_line(error)
    row = re.search(r"Row #(\d+): ?", text)
    column = re.search(r"In CSV column #(\d+): ?", text)
    for found in (row, column):
        text = text.replace(found[0], "") if found else text
    return EventsError(
        file=path.name,
        row=int(row[1]) - 1 if row else None,
        column=header[int(column[1])] if column and int(column[1]) < len(header) else None,
        message=f"no readable CSV: {text.removeprefix('CSV parse error: ')}",
    )


def _one_line(error: Exception) -> str:
    """Arrow's message, in which a part of the file may stand, as one line that no terminal takes for commands."""
    text = " ".join(str(error).split())
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
