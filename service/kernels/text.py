"""Text that comes from outside: whether it is UTF-8, and the integers, numbers and booleans that it stands for.

Value ``i`` is ``data[offsets[i]:offsets[i + 1]]``; where ``valid`` is not set it is missing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import ALL_SET, I64, Bitmap, array, function, output

Offsets32 = NDArray[np.int32]
Offsets = Offsets32 | NDArray[np.int64]

_BITS = ctypes.c_void_p
_first_invalid = {
    np.dtype(offset): function(name, [array(offset), I64, array(np.uint8), I64, _BITS, I64], result=I64)
    for offset, name in ((np.int32, "first_invalid_text_32"), (np.int64, "first_invalid_text_64"))
}


def _parser(name: str, kind: Any) -> Any:
    return function(name, [array(np.int32), I64, array(np.uint8), _BITS, I64, output(kind)], result=I64)


_parse_integers = _parser("parse_integers", np.int64)
_parse_numbers = _parser("parse_numbers", np.float64)
_parse_booleans = _parser("parse_booleans", np.uint8)
_VIEWS = array(np.uint8, 2)
_measure_views = function("measure_views", [_VIEWS, I64, array(np.int64), I64, _BITS, I64], result=I64)
_copy_views = function(
    "copy_views", [_VIEWS, I64, ctypes.c_void_p, _BITS, I64, output(np.int64), output(np.uint8)]
)
_read_prefixed = function(
    "read_prefixed_text", [array(np.uint8), I64, I64, output(np.int64), output(np.uint8)], result=I64
)


class NotAValue(ValueError):
    """The text of ``row``, counted from 0, is no value of the kind that was asked for."""

    def __init__(self, row: int) -> None:
        super().__init__(f"the text of row {row} is no such value")
        self.row = row


def first_invalid(offsets: Offsets, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET) -> int | None:
    """The first row with a value that is, by itself, not UTF-8.

    Raises:
        ValueError: the offsets do not ascend within ``data``.
    """
    n_rows = len(offsets) - 1
    if n_rows < 0:
        raise ValueError("text has one offset more than it has rows")
    row = int(_first_invalid[offsets.dtype](offsets, n_rows, data, len(data), *valid.arguments(n_rows)))
    if row < -1:
        raise ValueError(f"the offsets of row {-2 - row} are not within the {len(data)} bytes of text")
    return None if row == -1 else row


def parse_integers(offsets: Offsets32, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET) -> NDArray[np.int64]:
    """Integers of text: ``-?[0-9]+``, from -2^63 to 2^63-1; 0 where it is missing.

    Raises:
        NotAValue: other text.
    """
    values = np.empty(len(offsets) - 1, dtype=np.int64)
    _parse(_parse_integers, offsets, data, valid, values)
    return values


def parse_numbers(offsets: Offsets32, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET) -> NDArray[np.float64]:
    """Decimal numbers of text, with a point and an exponent or without; 0 where it is missing.

    Raises:
        NotAValue: other text, a number beyond a double's range, NaN and infinities among it.
    """
    values = np.empty(len(offsets) - 1, dtype=np.float64)
    _parse(_parse_numbers, offsets, data, valid, values)
    return values


def parse_booleans(offsets: Offsets32, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET) -> Bitmap:
    """Booleans of text: ``true``, ``True``, ``TRUE`` and the same of ``false``; false where it is missing.

    Raises:
        NotAValue: other text.
    """
    bits = np.zeros((len(offsets) - 1 + 7) // 8, dtype=np.uint8)
    _parse(_parse_booleans, offsets, data, valid, bits)
    return Bitmap(bits)


def text_of_views(
    views: NDArray[np.uint8], buffers: Sequence[NDArray[np.uint8]], *, valid: Bitmap = ALL_SET, most: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets and bytes of the text that Arrow's views stand for.

    Args:
        views: shape ``(n_rows, 16)``.
        buffers: what views of more than 12 bytes lie in.
        most: bytes that all of them may come to; many views may lie in the same place.

    Raises:
        ValueError: a view is not within its buffer.
        OverflowError: there is more text than ``most``.
    """
    n_rows = len(views)
    lengths = np.array([len(buffer) for buffer in buffers], dtype=np.int64)
    total = int(_measure_views(views, n_rows, lengths, len(lengths), *valid.arguments(n_rows)))
    if total < 0:
        raise ValueError(f"the view of row {-1 - total} is not within its buffer")
    if total > most:
        raise OverflowError(f"{total} bytes of text, written out, are more than {most}")
    offsets, data = np.empty(n_rows + 1, dtype=np.int64), np.empty(total, dtype=np.uint8)
    addresses = np.array([buffer.ctypes.data for buffer in buffers], dtype=np.uintp)
    _copy_views(views, n_rows, addresses.ctypes.data, *valid.arguments(n_rows), offsets, data)
    return offsets, data


def text_of_prefixed(given: NDArray[np.uint8], n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets and bytes of text whose every value has its length before it, 32 bits of it, little-endian.

    Raises:
        ValueError: there are not the bytes of so many values, or there are more.
    """
    room = len(given) - 4 * n_rows
    if room < 0:
        raise ValueError(f"{len(given)} bytes are too few for {n_rows} lengths")
    offsets, data = np.empty(n_rows + 1, dtype=np.int64), np.empty(room, dtype=np.uint8)
    row = int(_read_prefixed(given, room, n_rows, offsets, data))
    if row >= 0:
        raise ValueError(f"value {row} is longer than what is left of {len(given)} bytes")
    if offsets[-1] != room:
        raise ValueError(f"{room - offsets[-1]} bytes are left behind {n_rows} values")
    return offsets, data


def _parse(parse: Any, offsets: Offsets32, data: NDArray[np.uint8], valid: Bitmap, values: Any) -> None:
    n_rows = len(offsets) - 1
    if n_rows and not (offsets[0] >= 0 and offsets[-1] <= len(data) and (np.diff(offsets) >= 0).all()):
        raise ValueError("the offsets do not ascend within the text")
    row = int(parse(offsets, n_rows, data, *valid.arguments(n_rows), values))
    if row >= 0:
        raise NotAValue(row)
