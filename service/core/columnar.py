"""Columns to hashes and buckets, a batch at a time: the path of training, gates and bulk scoring.

Every distinct value is hashed once per batch by the bucketer itself, so the answers are those of ``encoder`` by
construction; the property tests check it all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from xxhash import xxh64_intdigest

from service.core import bucketer
from service.core.encoder import Buckets
from service.core.features import Bins, Field, Schema
from service.core.seen import Hashes

Codes: TypeAlias = NDArray[np.int64]

COLUMN_TYPES = {"string": pa.string(), "integer": pa.int64(), "boolean": pa.bool_(), "number": pa.float64()}
"""The Arrow type in which a field's column must come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot of a batch, a field or a cross, as codes into the values that the batch holds of it.

    Attributes:
        hashes: the whole 64-bit hash of each distinct value, shape ``(n_distinct,)``. Of a field, the last is the
            missing value's, whether or not a row misses it; each other one is the value of at least one row.
        codes: for each row, the index of its value in ``hashes``, shape ``(n_rows,)``.
    """

    hashes: Hashes
    codes: Codes


def code_columns(schema: Schema, columns: Mapping[str, pa.Array]) -> list[Slot]:
    """The slots of a batch, in the order of ``schema.slots``: the fields, then the crosses.

    ``columns`` holds one array for each field, of equal length and of the type that ``COLUMN_TYPES`` names for the
    field's type; nulls are missing values. Numbers are finite (``service.events`` refuses others).
    """
    coded = {field.name: _Column.of(field, columns[field.name]) for field in schema.fields}
    fields = [
        Slot(hashes=column.hashes(bucketer.field_seed(name)), codes=column.codes) for name, column in coded.items()
    ]
    return fields + [_cross([coded[name] for name in cross]) for cross in schema.crosses]


def bucket_slots(schema: Schema, slots: Sequence[Slot]) -> Buckets:
    """The buckets of a batch, shape ``(n_rows, n_slots)``, uint32, from its slots."""
    mask = np.uint64(schema.n_buckets - 1)
    buckets = np.empty((len(slots[0].codes), len(slots)), dtype=np.uint32)
    for index, slot in enumerate(slots):
        buckets[:, index] = (slot.hashes & mask).astype(np.uint32)[slot.codes]
    return buckets


def encode_columns(schema: Schema, columns: Mapping[str, pa.Array]) -> Buckets:
    """The buckets of a batch, shape ``(n_rows, n_slots)``, uint32, from columns as ``code_columns`` takes them."""
    return bucket_slots(schema, code_columns(schema, columns))


class _Column:
    """A column as codes into its distinct canonical values; the last distinct value is the missing one."""

    def __init__(self, name: str, codes: Codes, values: list[bytes | None]) -> None:
        self.name = name.encode()
        self.codes = codes
        self.values = values

    @classmethod
    def of(cls, field: Field, array: pa.Array) -> _Column:
        if field.type == "number":
            assert field.bins is not None
            array = pa.array(bin_indices(field.bins, array), mask=_nulls(array))
        encoded = array.dictionary_encode()
        values: list[bytes | None] = [bucketer.canonical(value) for value in encoded.dictionary.to_pylist()]
        codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
        return cls(field.name, codes, [*values, None])

    def hashes(self, seed: int) -> Hashes:
        return np.array([bucketer.chain(seed, value) for value in self.values], dtype=np.uint64)


def bin_indices(bins: Bins, array: pa.Array) -> NDArray[np.int64]:
    """``features.bin_index`` of a float64 column, shape ``(n_rows,)``; what it gives for a null means nothing."""
    values = array.fill_null(0.0).to_numpy(zero_copy_only=False)
    if bins != "log2":
        found: Codes = np.searchsorted(np.asarray(bins, dtype=np.float64), values, side="right").astype(np.int64)
        return found
    exponents = np.frexp(values)[1].astype(np.int64)
    signed: Codes = np.where(np.abs(values) < 1.0, 0, np.where(values > 0, exponents, -exponents))
    return signed


def _cross(members: list[_Column]) -> Slot:
    """The slot of a cross: the chain of hashes is carried on once per distinct prefix and value."""
    first, *rest = members
    states = first.hashes(xxh64_intdigest(first.name, bucketer.ROOT_SEED))
    codes = first.codes
    for column in rest:
        pairs = pa.array(codes * len(column.values) + column.codes).dictionary_encode()
        prefix, value = np.divmod(pairs.dictionary.to_numpy(), len(column.values))
        named = [xxh64_intdigest(column.name, state) for state in states.tolist()]
        chained = (
            bucketer.chain(named[p], column.values[v]) for p, v in zip(prefix.tolist(), value.tolist(), strict=True)
        )
        states = np.fromiter(chained, dtype=np.uint64, count=len(prefix))
        codes = pairs.indices.to_numpy().astype(np.int64)
    return Slot(hashes=states, codes=codes)


def _nulls(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
