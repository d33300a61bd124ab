"""What raw columns have in common, whatever they become: what is wrong with a value, and how one is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NOT_UTF8 = "bytes that are not UTF-8"

MICROSECONDS = "microseconds since 1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """A timestamp column: int64 values of shape ``(n_rows,)`` and what they count.

    Timestamps, dates and ISO 8601 text count microseconds; integers (in a text file too) stay ``as given``, for only
    their order matters.
    """

    values: NDArray[np.int64]
    unit: str

    def where(self, mask: NDArray[np.bool_]) -> Times:
        """The times of the rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Times(values=self.values[mask], unit=self.unit)


class BadValue(Exception):
    """The value at ``index`` of a column is not what was ``expected``; the reader of the file adds where that is."""

    def __init__(self, index: int | None, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.index = index


def plain(array: pa.Array) -> pa.Array:
    """The same values without a dictionary, and text in the one layout that all of Arrow's functions know."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.cast(pa.string()) if is_text(array.type) else array


def is_text(kind: pa.DataType) -> bool:
    """Whether it is one of the layouts of text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def shown(scalar: pa.Scalar) -> str:
    """A label or number that stands in the user's own file, for a message at the user's own terminal."""
    if not scalar.is_valid:
        return "nothing"
    try:
        return repr(scalar.as_py())
    except (ValueError, OverflowError):  # Python has no such text, or no such moment
        return NOT_UTF8 if is_text(scalar.type) else "one out of range"
