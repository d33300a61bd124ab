"""Pages of a Parquet file: their headers, and the text in them.

What is no such page, or one of a kind that is not known here, is a ``ValueError``; nothing outside the bytes that are
given is ever looked at.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import ALL_SET, I64, U64, Bitmap, function, output

Hashes = NDArray[np.uint64]

DATA, INDEX, DICTIONARY, DATA_2 = range(4)
"""The kinds of page."""

PLAIN, OLD_CODES, RUNS, CODES = 0, 2, 3, 8
"""Encodings: of values the first two and the last, of levels the third."""

_I32 = ctypes.c_int32
_BYTES = ctypes.c_void_p
_NUMBERS = output(np.int32)
_read_page_header = function("read_page_header", [_BYTES, I64, output(np.int64)], result=_I32)
_read_text_page = function(
    "read_text_page",
    [_BYTES, I64, _BYTES, I64, _I32, I64, I64, U64]
    + [_NUMBERS, _NUMBERS, output(np.uint8), output(np.uint64), output(np.int64)],
    result=I64,
)


class Buffer(Protocol):
    """Bytes that lie somewhere, as Arrow has them."""

    @property
    def address(self) -> int: ...

    @property
    def size(self) -> int: ...


class Header(NamedTuple):
    """A page's header; what it lacks is -1.

    Attributes:
        kind: one of the kinds of page.
        uncompressed, compressed: bytes.
        n_rows: missing ones included.
        encoding: of the values.
        levels: the encoding of the definition levels; of ``DATA_2``, how many bytes they take.
        repetition: of ``DATA_2``, how many bytes the repetition levels take.
        packed: whether the values are compressed, 0 or 1.
        end: where, from where the header begins, the page does.
    """

    kind: int
    uncompressed: int
    compressed: int
    n_rows: int
    encoding: int
    levels: int
    repetition: int
    packed: int
    end: int


def read_header(data: Buffer) -> Header:
    """The header that ``data`` begins with.

    Raises:
        ValueError: it begins with none, or the sizes are no sizes.
    """
    found = np.empty(len(Header._fields), dtype=np.int64)
    if not _read_page_header(data.address, data.size, found):
        raise ValueError("no header of a page")
    header = Header._make(found.tolist())
    if header.uncompressed < 0 or not 0 <= header.compressed <= data.size - header.end:
        raise ValueError("a page that is longer than what is left")
    return header


class Page(NamedTuple):
    """The text of a page.

    Attributes:
        begins, ends: where it lies in ``data``; of a page of codes, the codes, and nothing. Int32, shape ``(n_rows,)``.
        data: uint8; of a page of codes, nothing that is of use.
        hashes: shape ``(n_rows,)``, that of a missing row the seed; of a page of codes, nothing.
    """

    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    data: NDArray[np.uint8]
    valid: Bitmap
    hashes: Hashes


def read_text(
    values: Buffer,
    n_rows: int,
    *,
    seed: int,
    levels: Buffer | None = None,
    optional: bool = False,
    n_codes: int | None = None,
) -> Page:
    """The text of a page that was decompressed, all of it UTF-8.

    Args:
        levels: the definition levels, of a column that is ``optional``, if they do not lie before the values.
        n_codes: how many values the dictionary has, if it is codes that are in the page.

    Raises:
        ValueError: it is no such page.
    """
    n_values = n_rows if n_codes is None else 0
    begins, ends = np.empty(n_rows, dtype=np.int32), np.empty(n_values, dtype=np.int32)
    hashes = np.empty(n_values, dtype=np.uint64)
    bits = np.zeros((n_rows + 7) // 8 if optional else 0, dtype=np.uint8)
    skipped = np.empty(1, dtype=np.int64)
    n_levels, at = (0, None) if levels is None else (levels.size, levels.address)
    layout = (at, n_levels, values.address, values.size, optional, n_rows, -1 if n_codes is None else n_codes, seed)
    n_valid = _read_text_page(*layout, begins, ends, bits, hashes, skipped)
    if n_valid < 0:
        raise ValueError("no page of text")
    data: NDArray[np.uint8] = np.frombuffer(values, dtype=np.uint8)  # type: ignore[call-overload]
    data = data[int(skipped[0]) :]
    return Page(begins, ends, data, ALL_SET if n_valid == n_rows else Bitmap(bits), hashes)
