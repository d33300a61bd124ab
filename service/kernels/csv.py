"""Comma-separated values, split into columns of text."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import I64, Bitmap, array, function, output

MAX_BYTES = 2**32 - 1
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_I32 = ctypes.c_int32
_TEXT = array(np.uint8)
_SOUND, _RAGGED, _UNCLOSED = range(3)

_split_header = function("split_header", [_TEXT, I64, I64, output(np.uint32, 2), I64, output(np.int64)], result=I64)
_split_rows = function(
    "split_rows",
    [_TEXT, I64, I64, array(np.int32), I64, I64, _I32, output(np.uint32, 2), I64, output(np.int64), output(np.int64)],
)
_copy_column = function(
    "copy_column",
    [_TEXT, array(np.uint32, 2), I64, I64, I64, output(np.int64), output(np.uint8), output(np.uint8)],
)


class CsvError(ValueError):
    """What can't be split into rows and columns. ``row`` counts from 1; ``None``: the header."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column as text: row ``i`` is ``data[offsets[i]:offsets[i + 1]]``, or missing where ``valid`` is not set."""

    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]
    valid: Bitmap


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
    cells, n_fields = np.empty((most, 2), dtype=np.uint32), np.zeros(1, dtype=np.int64)
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


def split(
    body: bytes, header: Header, wanted: Sequence[bytes], *, most: int
) -> tuple[int, Mapping[bytes, TextColumn]]:
    """How many rows there are, and of the first ``most`` the wanted columns, by name.

    An empty field is missing, and ``""`` is the empty string. A blank line is no row, but where there is a single
    column: there it is a missing value.

    Args:
        wanted: names of the header, each of which stands there once.

    Raises:
        CsvError: a quote that is never closed, or a row with another number of fields than the header.
    """
    text = np.frombuffer(body, dtype=np.uint8)
    slots = np.full(len(header.names), -1, dtype=np.int32)
    for slot, name in enumerate(wanted):
        slots[header.names.index(name)] = slot
    n_slots = len(wanted)
    room = min(most, body.count(b"\n", header.end) + body.count(b"\r", header.end) + 1)
    cells = np.empty((room * n_slots, 2), dtype=np.uint32)
    lengths, found = np.zeros(n_slots, dtype=np.int64), np.zeros(3, dtype=np.int64)
    blank = len(header.names) == 1
    _split_rows(text, header.end, len(text), slots, len(slots), n_slots, blank, cells, room, lengths, found)
    n_rows, trouble, n_fields = found.tolist()
    if trouble == _UNCLOSED:
        raise CsvError("a quote is opened and never closed", row=n_rows + 1)
    if trouble == _RAGGED:
        raise CsvError(f"expected {len(slots)} fields, found {n_fields}", row=n_rows + 1)
    kept = min(n_rows, room)
    return n_rows, {
        name: _column(text, cells, n_slots, slot, kept, int(lengths[slot])) for slot, name in enumerate(wanted)
    }


def _column(
    text: NDArray[np.uint8], cells: NDArray[np.uint32], n_slots: int, slot: int, n_rows: int, length: int
) -> TextColumn:
    offsets, data = np.empty(n_rows + 1, dtype=np.int64), np.empty(length, dtype=np.uint8)
    bits = np.zeros((n_rows + 7) // 8, dtype=np.uint8)
    _copy_column(text, cells, n_slots, slot, n_rows, offsets, data, bits)
    return TextColumn(offsets=offsets, data=data, valid=Bitmap(bits))


def _unquoted(field: bytes) -> bytes:
    if not field.startswith(b'"'):
        return field
    at = 1
    while True:
        quote = field.index(b'"', at)
        if field[quote + 1 : quote + 2] != b'"':
            return field[1:quote].replace(b'""', b'"') + field[quote + 1 :]
        at = quote + 2
