"""Arrow arrays to hashes and buckets: the path of training, gates and bulk scoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.core import columns as core
from service.core.encoder import Buckets
from service.core.features import Schema
from service.core.seen import Hashes
from service.core.texts import CodedText, Text
from service.kernels.library import ALL_SET, Bitmap

Scalar = TypeVar("Scalar", bound=np.generic)

COLUMN_TYPES = {"string": pa.string(), "integer": pa.int64(), "boolean": pa.bool_(), "number": pa.float64()}
"""The Arrow type in which a field's column must come."""

CODED_TEXT = pa.dictionary(pa.int32(), pa.string())
"""The other one for a string field; the dictionary holds no null."""


def hash_columns(schema: Schema, arrays: Mapping[str, pa.Array]) -> Hashes:
    """The whole hashes of a batch, by slot, uint64, shape ``(n_slots, n_rows)`` (``columns.hash_columns``).

    ``arrays`` holds one array for each field, of equal length and of the type that ``COLUMN_TYPES`` names for the
    field's type, or ``CODED_TEXT``; nulls are missing values. Numbers are finite (``service.events`` refuses others).
    """
    return core.hash_columns(schema, {field.name: column_of(arrays[field.name]) for field in schema.fields})


def encode_columns(schema: Schema, arrays: Mapping[str, pa.Array]) -> Buckets:
    """The buckets of a batch, shape ``(n_rows, n_slots)``, uint32, from arrays as ``hash_columns`` takes them."""
    return core.encode_columns(schema, {field.name: column_of(arrays[field.name]) for field in schema.fields})


def column_of(array: pa.Array) -> core.Column:
    """The column over an array's own buffers, of which nothing is copied.

    Raises:
        TypeError: the array is of none of the types in which a column comes.
    """
    kind, start, n_rows = array.type, array.offset, len(array)
    if kind == pa.string():
        _, offsets, data = array.buffers()
        window = _values(offsets, np.int32, start, n_rows + 1) if n_rows else np.zeros(1, dtype=np.int32)
        return Text.of(window, _bytes(data), valid=_valid(array))
    if kind == CODED_TEXT:
        values = column_of(array.dictionary)
        assert isinstance(values, Text)
        codes = _values(array.indices.buffers()[1], np.int32, array.indices.offset, n_rows)
        return CodedText(codes=codes, values=values, valid=_valid(array.indices))
    if kind == pa.int64():
        return core.Integers(values=_values(array.buffers()[1], np.int64, start, n_rows), valid=_valid(array))
    if kind == pa.bool_():
        bits = Bitmap(_bytes(array.buffers()[1]), start)
        return core.Booleans(values=bits, n_rows=n_rows, valid=_valid(array))
    if kind == pa.float64():
        return core.Numbers(values=_values(array.buffers()[1], np.float64, start, n_rows), valid=_valid(array))
    raise TypeError(f"an array of type {kind} is no column")


def _valid(array: pa.Array) -> Bitmap:
    validity = array.buffers()[0] if array.null_count else None
    return ALL_SET if validity is None else Bitmap(_bytes(validity), array.offset)


def _values(buffer: pa.Buffer | None, dtype: type[Scalar], start: int, count: int) -> NDArray[Scalar]:
    if buffer is None or not count:
        return np.empty(0, dtype=dtype)
    return np.frombuffer(buffer, dtype=dtype, count=count, offset=start * np.dtype(dtype).itemsize)


def _bytes(buffer: pa.Buffer | None) -> NDArray[np.uint8]:
    return np.empty(0, dtype=np.uint8) if buffer is None else np.frombuffer(buffer, dtype=np.uint8)
