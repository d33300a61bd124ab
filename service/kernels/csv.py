"""Comma-separated values, split into columns of text."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import ALL_SET, I64, Bitmap, array, function, output

MAX_BYTES = 2**31 - 1
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_I32 = ctypes.c_int32
_TEXT = array(np.uint8)
_SOUND, _RAGGED, _UNCLOSED = range(3)
_SLACK = 32
"""Bytes that a column's text has room for beyond its own, so that short cells are copied without a loop."""

_split_header = function("split_header", [_TEXT, I64, I64, output(np.int32, 2), I64, output(np.int64)], result=I64)
_COUNTS = output(np.int64)
_CELLS = output(np.int32, 2)
_split_rows = function(
    "split_rows", [_TEXT, I64, I64, array(np.int32), I64, I64, _I32, _I32, _CELLS, I64, _COUNTS, _COUNTS]
)
_copy_columns = function(
    "copy_columns",
    [_TEXT, I64, array(np.int32, 2), I64, I64, array(np.int64), I64]
    + [output(np.int32, 2), output(np.uint8), output(np.uint8, 2), _COUNTS],
)


class CsvError(ValueError):
    """What can't be split into rows and columns. ``row`` counts from 1; ``None``: the header."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column as text: row ``i`` is ``data[offsets[i]:offsets[i + 1]]``, or missing where ``valid`` is not set.

    Attributes:
        offsets: int32, shape ``(n_rows + 1,)``.
        data: uint8, and at its end some bytes that are no row's.
        n_missing: rows that are missing; where there are none, ``valid`` is ``ALL_SET``.
    """

    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]
    valid: Bitmap
    n_missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows in columns, by name.

    Attributes:
        end: where in the text what follows them begins.
        ascii: whether all of their text is surely ASCII.
    """

    n_rows: int
    columns: Mapping[bytes, TextColumn]
    end: int
    ascii: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The names of the columns, as bytes, and where what follows them begins."""

    names: tuple[bytes, ...]
    end: int


def read_header(body: bytes, *, most: int) -> Header:
    """The header of a body: its first line that is not blank.

    Args:
        most: columns that there may be.

    Raises:
        CsvError: there is none, its quote is never closed, or it has too many columns.
    """
    text = np.frombuffer(body, dtype=np.uint8)
    if len(text) > MAX_BYTES:
        raise CsvError(f"more than {MAX_BYTES} bytes")
    start = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
    begin = len(body) - len(body[start:].lstrip(b"\r\n"))
    if begin == len(body):
        raise CsvError("no header")
    cells, n_fields = np.empty((most, 2), dtype=np.int32), np.zeros(1, dtype=np.int64)
    end = int(_split_header(text, begin, len(text), cells, most, n_fields))
    if end < 0:
        raise CsvError("a quote is opened and never closed")
    count = int(n_fields[0])
    if count > most:
        raise CsvError(f"{count} columns, more than {most}")
    if end == len(body) and not body.endswith((b"\n", b"\r")):
        raise CsvError("the line of the header does not end")
    if count == 1 and begin > start:
        raise CsvError("a blank line before the header, where there is a single column")
    return Header(names=tuple(_unquoted(body[first:last]) for first, last in cells[:count].tolist()), end=end)


class Splitter:
    """Splits the rows below a header into columns of text.

    An empty field is missing, and ``""`` is the empty string. A blank line is no row, but where there is a single
    column: there it is a missing value.

    Args:
        wanted: which columns; names of the header, each of which stands there once.
        most: rows at once.
    """

    def __init__(self, header: Header, wanted: Sequence[bytes], *, most: int) -> None:
        self._slots = np.full(len(header.names), -1, dtype=np.int32)
        for slot, name in enumerate(wanted):
            self._slots[header.names.index(name)] = slot
        self._wanted = tuple(wanted)
        self._most = most
        self._cells = np.empty((most * len(wanted), 2), dtype=np.int32)

    def split(self, text: NDArray[np.uint8], begin: int, *, last: bool, before: int = 0) -> Rows:
        """The rows from ``begin`` on.

        Args:
            last: nothing follows this text. Otherwise a row of which more may follow is not taken.
            before: how many rows came before; an error's row counts them.

        Raises:
            CsvError: a quote that is never closed, or a row with another number of fields than the header.
        """
        n_slots = len(self._wanted)
        lengths, found = np.zeros(n_slots, dtype=np.int64), np.zeros(5, dtype=np.int64)
        layout = (self._slots, len(self._slots), n_slots, len(self._slots) == 1, last)
        _split_rows(text, begin, len(text), *layout, self._cells, self._most, lengths, found)
        n_rows, trouble, n_fields, end, ascii = found.tolist()
        if trouble == _UNCLOSED:
            raise CsvError("a quote is opened and never closed", row=before + n_rows + 1)
        if trouble == _RAGGED:
            raise CsvError(f"expected {len(self._slots)} fields, found {n_fields}", row=before + n_rows + 1)
        columns = self._columns(text, n_rows, lengths)
        return Rows(n_rows=n_rows, columns=columns, end=end, ascii=bool(ascii))

    def _columns(self, text: NDArray[np.uint8], n_rows: int, lengths: NDArray[np.int64]) -> dict[bytes, TextColumn]:
        n_slots, n_bitmap = len(lengths), (n_rows + 7) // 8
        ends = np.cumsum(lengths + _SLACK)
        starts = ends - (lengths + _SLACK)
        offsets = np.empty((n_slots, n_rows + 1), dtype=np.int32)
        data = np.empty(int(ends[-1]) if n_slots else 0, dtype=np.uint8)
        bits = np.zeros((n_slots, n_bitmap), dtype=np.uint8)
        missing = np.zeros(n_slots, dtype=np.int64)
        layout = (len(text), self._cells, n_slots, n_rows, starts, n_bitmap)
        _copy_columns(text, *layout, offsets, data, bits, missing)
        return {
            name: TextColumn(
                offsets=offsets[slot],
                data=data[starts[slot] : ends[slot]],
                valid=Bitmap(bits[slot]) if missing[slot] else ALL_SET,
                n_missing=int(missing[slot]),
            )
            for slot, name in enumerate(self._wanted)
        }


def count_rows(text: NDArray[np.uint8], begin: int, header: Header, *, before: int) -> int:
    """How many rows there are from ``begin`` to the end of the text, behind those ``before``.

    Raises:
        CsvError: as ``Splitter.split``.
    """
    return Splitter(header, (), most=len(text)).split(text, begin, last=True, before=before).n_rows


def _unquoted(field: bytes) -> bytes:
    if not field.startswith(b'"'):
        return field
    at = 1
    while True:
        quote = field.index(b'"', at)
        if field[quote + 1 : quote + 2] != b'"':
            return field[1:quote].replace(b'""', b'"') + field[quote + 1 :]
        at = quote + 2
