"""The messages of an Arrow IPC stream: a schema, then dictionaries and batches, as buffers within the body.

After https://arrow.apache.org/docs/format/Columnar.html (and ``Message.fbs``, ``Schema.fbs``). Nothing is copied, and
nothing is believed: each length and position is checked before it is used. Types that no field can have are known only
by how many buffers they take, so that their columns can be passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from struct import Struct

import numpy as np

from service.web.formats.flatbuffers import BOOL, BYTE, INT, LONG, SHORT, Malformed, Table

MAX_FIELDS = 10_000
"""Columns that a schema may have, the children of nested ones counted in."""

MAX_DEPTH = 32
MAX_CACHED_SCHEMA = 65_536

_PREFIX = Struct("<II")
_CONTINUATION = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_INT, _FLOAT, _UNION, _RUNS = 2, 3, 14, 22
_SIGNED = ("uint", "int")
_FLOATS = ("float16", "float32", "float64")
_DENSE, _VERSION_5 = 1, 4

_NAMES = {
    1: "null", 4: "binary", 5: "utf8", 6: "bool", 7: "decimal", 8: "date", 9: "time", 10: "timestamp", 11: "interval",
    12: "list", 13: "struct", 14: "union", 15: "fixed_size_binary", 16: "fixed_size_list", 17: "map", 18: "duration",
    19: "large_binary", 20: "large_utf8", 21: "large_list", 22: "run_end_encoded", 23: "binary_view", 24: "utf8_view",
    25: "list_view", 26: "large_list_view",
}  # fmt: skip

_N_BUFFERS = {1: 0, 4: 3, 5: 3, 13: 1, 16: 1, 19: 3, 20: 3, 25: 3, 26: 3}
"""Buffers of a type, where they are not two: a validity bitmap and values. Unions and runs differ by version."""

_VIEWS = ("binary_view", "utf8_view")


class Compressed(Exception):
    """The stream's buffers are compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What a dictionary-encoded column holds: codes of this type, and which dictionary they are of."""

    type: str
    dictionary: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a schema.

    Attributes:
        type: in Arrow's words, as in ``utf8`` or ``int64``; of a dictionary-encoded column, that of its values.
        index: there where it is dictionary-encoded.
        node: the number of its node in a batch.
        buffer: the number of the first of its ``n_buffers`` buffers, in a batch without views.
        view: how many columns of views come before it; those have more buffers, each batch says how many.
    """

    name: str
    type: str
    index: Index | None
    node: int
    buffer: int
    n_buffers: int
    view: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Columns in the order of their buffers. The counts are of a whole batch, buffers that vary in number left out."""

    columns: tuple[Column, ...]
    n_nodes: int
    n_buffers: int
    n_views: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one column in one batch: ``buffers`` as its type has them, the first of them the validity bitmap."""

    n_rows: int
    n_missing: int
    buffers: tuple[memoryview, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A record batch, or (``dictionary`` is its id) the values of a dictionary; ``delta``: more of them."""

    n_rows: int
    header: Table
    body: memoryview
    dictionary: int | None = None
    delta: bool = False


def read_messages(stream: bytes) -> tuple[Layout, list[Batch]]:
    """The schema of a stream, and what comes after it, in order.

    Raises:
        Malformed: it is not a stream, or breaks off.
        Compressed: some of it is compressed.
    """
    messages = _messages(stream)
    first = next(messages, None)
    if first is None:
        raise Malformed("a stream without a schema")
    layout = _known_schema(first[0]) if len(first[0]) <= MAX_CACHED_SCHEMA else _read_schema(first[0])
    return layout, [_batch(metadata, body) for metadata, body in messages]


def column_parts(layout: Layout, columns: Sequence[Column], batch: Batch) -> list[Part]:
    """The buffers of some columns of a batch, every one of them within the body.

    Raises:
        Malformed: they are not, or the batch has not the columns that the schema says.
    """
    nodes, places = batch.header.longs(1, 2), batch.header.longs(2, 2)
    varying = batch.header.longs(4)[:, 0]
    if len(nodes) != layout.n_nodes or len(varying) < layout.n_views:
        raise Malformed("a batch with other columns than the schema's")
    if len(varying) and not 0 <= int(varying.min()) <= int(varying.max()) <= len(places):
        raise Malformed("a number of buffers out of range")
    if len(places) != layout.n_buffers + int(varying.sum()):
        raise Malformed("a batch with other buffers than the schema's")
    more = [0, *np.cumsum(varying).tolist()]
    parts = []
    for column in columns:
        n_rows, n_missing = nodes[column.node].tolist()
        if n_rows != batch.n_rows or not 0 <= n_missing <= n_rows:
            raise Malformed("a column of another length than its batch")
        view = column.view
        first = column.buffer + more[view]
        last = first + column.n_buffers
        if column.index is None and column.type in _VIEWS:
            last += more[view + 1] - more[view]
        buffers = tuple(_slice(batch.body, begin, length) for begin, length in places[first:last].tolist())
        parts.append(Part(n_rows=n_rows, n_missing=n_missing, buffers=buffers))
    return parts


def value_layout(column: Column) -> Layout:
    """The layout of the values of a column's dictionary: one column."""
    n_buffers = next((_N_BUFFERS.get(kind, 2) for kind, name in _NAMES.items() if name == column.type), 2)
    values = replace(column, index=None, node=0, buffer=0, n_buffers=n_buffers, view=0)
    return Layout(columns=(values,), n_nodes=1, n_buffers=n_buffers, n_views=int(column.type in _VIEWS))


def _messages(stream: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(stream), 0
    while at < len(stream):
        if at + 8 > len(stream):
            raise Malformed("the stream breaks off")
        mark, length = _PREFIX.unpack_from(stream, at)
        if mark != _CONTINUATION:
            raise Malformed("no Arrow stream, or one from before Arrow 0.15")
        at += 8
        if length == 0:
            if at < len(stream):
                raise Malformed("more bytes after the end of the stream")
            return
        metadata = stream[at : at + length]
        n_bytes = Table.root(metadata).scalar(3, LONG) if len(metadata) == length else -1
        at += length
        if n_bytes < 0 or at + n_bytes > len(stream):
            raise Malformed("the stream breaks off")
        yield metadata, view[at : at + n_bytes]
        at += n_bytes


@lru_cache(maxsize=32)
def _known_schema(metadata: bytes) -> Layout:
    """The same client sends the same schema every time."""
    return _read_schema(metadata)


def _read_schema(metadata: bytes) -> Layout:
    message = Table.root(metadata)
    schema = message.table(2)
    if message.scalar(1, BYTE) != _SCHEMA or schema is None:
        raise Malformed("a stream that does not begin with its schema")
    if schema.scalar(0, SHORT):
        raise Malformed("a big-endian stream")
    walk = _Walk(version=message.scalar(0, SHORT))
    if schema.count(1) > MAX_FIELDS:
        raise Malformed(f"more than {MAX_FIELDS} columns")
    columns = tuple(walk.column(field, depth=0) for field in schema.tables(1))
    return Layout(columns=columns, n_nodes=walk.n_nodes, n_buffers=walk.n_buffers, n_views=walk.n_views)


class _Walk:
    """Goes through a schema's fields in the order of their nodes and buffers, and counts those."""

    def __init__(self, *, version: int) -> None:
        self.version = version
        self.n_nodes = 0
        self.n_buffers = 0
        self.n_views = 0

    def column(self, field: Table, *, depth: int) -> Column:
        if self.n_nodes >= MAX_FIELDS or depth > MAX_DEPTH:
            raise Malformed(f"more than {MAX_FIELDS} columns, or more than {MAX_DEPTH} within each other")
        kind, detail, dictionary = field.scalar(2, BYTE), field.table(3), field.table(4)
        type_, n_buffers = _type(kind, detail, self.version)
        index: Index | None = None
        if dictionary is not None:
            index_type = dictionary.table(1)
            codes = "int32" if index_type is None else _integer_type(index_type)
            index, n_buffers = Index(type=codes, dictionary=dictionary.scalar(0, LONG)), 2
        name = field.text(0) or ""
        column = Column(
            name=name,
            type=type_,
            index=index,
            node=self.n_nodes,
            buffer=self.n_buffers,
            n_buffers=n_buffers,
            view=self.n_views,
        )
        self.n_nodes += 1
        self.n_buffers += n_buffers
        if index is None:
            self.n_views += type_ in _VIEWS
            if field.count(5) > MAX_FIELDS:
                raise Malformed(f"more than {MAX_FIELDS} columns")
            for child in field.tables(5):
                self.column(child, depth=depth + 1)
        return column


def _type(kind: int, detail: Table | None, version: int) -> tuple[str, int]:
    """The name of a type, and how many buffers it takes."""
    if kind == _INT and detail is not None:
        return _integer_type(detail), 2
    if kind == _FLOAT and detail is not None and 0 <= detail.scalar(0, SHORT) < len(_FLOATS):
        return _FLOATS[detail.scalar(0, SHORT)], 2
    if kind == _UNION and detail is not None:
        return "union", 1 + (detail.scalar(0, SHORT) == _DENSE) + (version < _VERSION_5)
    if kind not in _NAMES:
        raise Malformed("a column of a type that is not known")
    if kind == _RUNS:
        return "run_end_encoded", int(version < _VERSION_5)
    return _NAMES[kind], _N_BUFFERS.get(kind, 2)


def _integer_type(detail: Table) -> str:
    width = detail.scalar(0, INT)
    if width not in (8, 16, 32, 64):
        raise Malformed("integers of a width that is not known")
    return f"{_SIGNED[detail.scalar(1, BOOL)]}{width}"


def _batch(metadata: bytes, body: memoryview) -> Batch:
    message = Table.root(metadata)
    kind, header = message.scalar(1, BYTE), message.table(2)
    if kind not in (_DICTIONARY, _BATCH) or header is None:
        raise Malformed("a message that is no batch")
    if kind == _BATCH:
        return Batch(_length(header), header, body)
    data = header.table(1)
    if data is None:
        raise Malformed("a dictionary without values")
    return Batch(_length(data), data, body, header.scalar(0, LONG), bool(header.scalar(2, BOOL)))


def _length(header: Table) -> int:
    if header.table(3) is not None:
        raise Compressed
    n_rows = header.scalar(0, LONG)
    if n_rows < 0:
        raise Malformed("a batch of negative length")
    return n_rows


def _slice(body: memoryview, begin: int, length: int) -> memoryview:
    if begin < 0 or length < 0 or begin + length > len(body):
        raise Malformed("a buffer that is not within its message")
    return body[begin : begin + length]
