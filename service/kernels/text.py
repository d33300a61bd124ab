"""Text that comes from outside: whether it is UTF-8, and the integers, numbers and booleans that it stands for.

Value ``i`` is ``data[begins[i]:ends[i]]``; where ``valid`` is not set it is missing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import ALL_SET, I64, Bitmap, Places, Places32, array, function, output, same_length

MAX_BYTES = 2**31 - 1

_BITS = ctypes.c_void_p
_first_invalid = {
    np.dtype(place): function(name, [array(place), array(place), I64, array(np.uint8), I64, _BITS, I64], result=I64)
    for place, name in ((np.int32, "first_invalid_text_32"), (np.int64, "first_invalid_text_64"))
}


def _parser(name: str, kind: Any) -> Any:
    places = array(np.int32)
    return function(name, [places, places, I64, array(np.uint8), _BITS, I64, output(kind)], result=I64)


_parse_integers = _parser("parse_integers", np.int64)
_parse_numbers = _parser("parse_numbers", np.float64)
_parse_booleans = _parser("parse_booleans", np.uint8)
_VIEWS = array(np.uint8, 2)
_measure_views = function("measure_views", [_VIEWS, I64, array(np.int64), I64, _BITS, I64], result=I64)
_copy_views = function(
    "copy_views", [_VIEWS, I64, ctypes.c_void_p, _BITS, I64, output(np.int64), output(np.uint8)]
)
_PLACES = output(np.int32)
_find_prefixed = function("find_prefixed_text", [array(np.uint8), I64, I64, _PLACES, _PLACES], result=I64)


class NotAValue(ValueError):
    """The text of ``row``, counted from 0, is no value of the kind that was asked for."""

    def __init__(self, row: int) -> None:
        super().__init__(f"the text of row {row} is no such value")
        self.row = row


def first_invalid(begins: Places, ends: Places, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET) -> int | None:
    """The first row with a value that is, by itself, not UTF-8.

    Raises:
        ValueError: a value does not lie within ``data``.
    """
    n_rows = same_length(begins, ends)
    row = int(_first_invalid[begins.dtype](begins, ends, n_rows, data, len(data), *valid.arguments(n_rows)))
    if row < -1:
        raise ValueError(f"the text of row {-2 - row} is not within the {len(data)} bytes of text")
    return None if row == -1 else row


def parse_integers(
    begins: Places32, ends: Places32, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET
) -> NDArray[np.int64]:
    """Integers of text: ``-?[0-9]+``, from -2^63 to 2^63-1; 0 where it is missing.

    Raises:
        NotAValue: other text.
    """
    values = np.empty(len(begins), dtype=np.int64)
    _parse(_parse_integers, begins, ends, data, valid, values)
    return values


def parse_numbers(
    begins: Places32, ends: Places32, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET
) -> NDArray[np.float64]:
    """Decimal numbers of text, with a point and an exponent or without; 0 where it is missing.

    Raises:
        NotAValue: other text, a number beyond a double's range, NaN and infinities among it.
    """
    values = np.empty(len(begins), dtype=np.float64)
    _parse(_parse_numbers, begins, ends, data, valid, values)
    return values


def parse_booleans(
    begins: Places32, ends: Places32, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET
) -> Bitmap:
    """Booleans of text: ``true``, ``True``, ``TRUE`` and the same of ``false``; false where it is missing.

    Raises:
        NotAValue: other text.
    """
    bits = np.zeros((len(begins) + 7) // 8, dtype=np.uint8)
    _parse(_parse_booleans, begins, ends, data, valid, bits)
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


def find_prefixed(data: NDArray[np.uint8], n_rows: int) -> tuple[Places32, Places32, int]:
    """Where the values begin and end that each have their length before them, 32 bits of it, little-endian.

    Returns:
        The begins, the ends, and where the last of them ends.

    Raises:
        ValueError: there are not the bytes of so many values.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"{len(data)} bytes of text are more than {MAX_BYTES}")
    if len(data) < 4 * n_rows:
        raise ValueError(f"{len(data)} bytes are too few for {n_rows} lengths")
    begins, ends = np.empty(n_rows, np.int32), np.empty(n_rows, np.int32)
    row = int(_find_prefixed(data, len(data), n_rows, begins, ends))
    if row < n_rows:
        raise ValueError(f"value {row} is longer than what is left of {len(data)} bytes")
    return begins, ends, int(ends[-1]) if n_rows else 0


def _parse(
    parse: Any, begins: Places32, ends: Places32, data: NDArray[np.uint8], valid: Bitmap, values: Any
) -> None:
    n_rows = same_length(begins, ends)
    if not ((begins >= 0) & (ends >= begins) & (ends <= len(data))).all():
        raise ValueError(f"there are values that are not within the {len(data)} bytes of text")
    row = int(parse(begins, ends, n_rows, data, *valid.arguments(n_rows), values))
    if row >= 0:
        raise NotAValue(row)
