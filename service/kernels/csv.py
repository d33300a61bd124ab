"""Comma-separated values, split into columns of text."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import ALL_SET, I64, Bitmap, array, function, output

MAX_BYTES = 2**31 - 1
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_I32 = ctypes.c_int32
_TEXT = array(np.uint8)
_SOUND, _RAGGED, _UNCLOSED = range(3)
_QUOTE = ord('"')
_APART = 80
"""What is between two columns' places beside their rows: columns whose places lie a power of two apart would all fall
into the same few lines of a cache."""

_split_header = function("split_header", [_TEXT, I64, I64, output(np.int32, 2), I64, output(np.int64)], result=I64)
_PLACES = output(np.int32, 2)
_split_rows = function(
    "split_rows",
    [_TEXT, I64, I64, array(np.int32), I64, _I32, _I32, _PLACES, _PLACES, I64, I64]
    + [array(np.uint64), I64, output(np.uint64, 2), output(np.int64)],
)
_copy_fields = function(
    "copy_fields", [_TEXT, array(np.int32), array(np.int32), I64, _I32, output(np.int32), output(np.uint8)]
)


class CsvError(ValueError):
    """What can't be split into rows and columns. ``row`` counts from 1; ``None``: the header."""

    def __init__(self, message: str, *, row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row


@dataclass(frozen=True, slots=True, kw_only=True)
class TextColumn:
    """A column as text: row ``i`` is ``data[begins[i]:ends[i]]``, or missing where ``valid`` is not set.

    Attributes:
        begins, ends: int32, shape ``(n_rows,)``.
        data: uint8: the very text that was split, or, of a column with quotes, what it holds without them.
        n_missing: rows that are missing; where there are none, ``valid`` is ``ALL_SET``.
        ascii: whether all of it is surely ASCII.
        hashed: the seed that the splitter was given, and the hashes from it, uint64, shape ``(n_rows,)``, that of a
            missing row the seed; not of a column with quotes.
    """

    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    data: NDArray[np.uint8]
    valid: Bitmap
    n_missing: int
    ascii: bool
    hashed: tuple[int, NDArray[np.uint64]] | None = None

    def packed(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The text one value after the other, copied: ``n_rows + 1`` offsets, and the bytes."""
        return _copied(self.data, self.begins, self.ends, quoted=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows in columns, by name, which keep the text that was split; ``end``: where in it what follows begins."""

    n_rows: int
    columns: Mapping[bytes, TextColumn]
    end: int


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
        seeds: of those columns that are to be hashed, the seed.
    """

    def __init__(
        self, header: Header, wanted: Sequence[bytes], *, most: int, seeds: Mapping[bytes, int] | None = None
    ) -> None:
        self._seeds = dict(seeds or {})
        wanted = [*self._seeds, *(name for name in wanted if name not in self._seeds)]
        self._slots = np.full(len(header.names), -1, dtype=np.int32)
        for slot, name in enumerate(wanted):
            self._slots[header.names.index(name)] = slot
        self._wanted = tuple(wanted)
        self._most = most
        self._seed_values = np.array(list(self._seeds.values()), dtype=np.uint64)

    def split(self, text: NDArray[np.uint8], begin: int, *, last: bool, before: int = 0) -> Rows:
        """The rows from ``begin`` on.

        Args:
            last: nothing follows this text. Otherwise a row of which more may follow is not taken.
            before: how many rows came before; an error's row counts them.

        Raises:
            CsvError: a quote that is never closed, or a row with another number of fields than the header.
        """
        stride = self._most + _APART
        begins, ends = np.empty((2, len(self._wanted), stride), dtype=np.int32)
        hashes = np.empty((len(self._seeds), stride), dtype=np.uint64)
        found = np.zeros(6, dtype=np.int64)
        layout = (self._slots, len(self._slots), len(self._slots) == 1, last)
        hashed = (self._seed_values, len(self._seed_values), hashes)
        _split_rows(text, begin, len(text), *layout, begins, ends, stride, self._most, *hashed, found)
        n_rows, trouble, n_fields, end, ascii, quoted = found.tolist()
        if trouble == _UNCLOSED:
            raise CsvError("a quote is opened and never closed", row=before + n_rows + 1)
        if trouble == _RAGGED:
            raise CsvError(f"expected {len(self._slots)} fields, found {n_fields}", row=before + n_rows + 1)
        columns = {
            name: _column(text, first[:n_rows], behind[:n_rows], ascii=bool(ascii), quoted=bool(quoted))
            for name, first, behind in zip(self._wanted, begins, ends, strict=True)
        }
        for (name, seed), of_column in zip(self._seeds.items(), hashes, strict=True):
            if columns[name].data is text:
                columns[name] = _hashed(columns[name], seed, of_column[:n_rows])
        return Rows(n_rows=n_rows, columns=columns, end=end)


def _column(
    text: NDArray[np.uint8], begins: NDArray[np.int32], ends: NDArray[np.int32], *, ascii: bool, quoted: bool
) -> TextColumn:
    """A column of fields as they are written; ``quoted``: some of them, perhaps, in quotes."""
    there = ends > begins
    n_missing = len(there) - int(np.count_nonzero(there))
    valid = Bitmap(np.packbits(there, bitorder="little")) if n_missing else ALL_SET
    if quoted and (text[begins[there]] == _QUOTE).any():
        offsets, text = _copied(text, begins, ends, quoted=True)
        begins, ends = offsets[:-1], offsets[1:]
    return TextColumn(begins=begins, ends=ends, data=text, valid=valid, n_missing=n_missing, ascii=ascii)


def _hashed(column: TextColumn, seed: int, hashes: NDArray[np.uint64]) -> TextColumn:
    """The column with its hashes, of which those of missing rows are of the empty text as yet."""
    if column.n_missing:
        hashes[~column.valid.flags(len(hashes))] = seed
    return replace(column, hashed=(seed, hashes))


def _copied(
    text: NDArray[np.uint8], begins: NDArray[np.int32], ends: NDArray[np.int32], *, quoted: bool
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    offsets = np.empty(len(begins) + 1, dtype=np.int32)
    data = np.empty(int((ends - begins).sum(dtype=np.int64)), dtype=np.uint8)
    _copy_fields(text, begins, ends, len(begins), quoted, offsets, data)
    return offsets, data


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
