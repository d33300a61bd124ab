"""Arrays that came from outside as columns of the core: what a field does not accept is refused, with its row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.columns import Booleans, Column, Integers, Numbers
from service.core.features import INT64_MAX, FieldType
from service.kernels.library import ALL_SET, Bitmap

Mask = NDArray[np.bool_] | None
"""Which rows are there; ``None``: all of them."""


class BadValue(Exception):
    """A value that its field does not accept; ``row`` counts from 0, ``None``: the column as a whole."""

    def __init__(self, found: str, row: int | None = None) -> None:
        super().__init__(found)
        self.found = found
        self.row = row


def checked(kind: FieldType, values: NDArray[Any], mask: Mask) -> Column:
    """The column of a kind of field other than a string; ``values`` are booleans, integers or floats, as it takes them.

    Raises:
        BadValue: an integer above 2^63-1, or a number that is not finite, where the row is not missing.
    """
    valid = packed(mask)
    if kind == "boolean":
        return Booleans(values=packed(values), n_rows=len(values), valid=valid)
    if kind == "integer":
        if values.dtype == np.uint64:
            refuse(values > INT64_MAX, mask, "an integer out of range")
        return Integers(values=np.ascontiguousarray(values, dtype=np.int64), valid=valid)
    numbers = np.ascontiguousarray(values, dtype=np.float64)
    refuse(~np.isfinite(numbers), mask, "NaN or an infinity")
    return Numbers(values=numbers, valid=valid)


def refuse(wrong: NDArray[np.bool_], mask: Mask, found: str) -> None:
    """Raise :class:`BadValue` for the first row that is wrong and not missing."""
    wrong = wrong if mask is None else wrong & mask
    if wrong.any():
        raise BadValue(found, int(wrong.argmax()))


def packed(mask: Mask) -> Bitmap:
    """A bit a row."""
    return ALL_SET if mask is None else Bitmap(np.packbits(mask, bitorder="little"))
