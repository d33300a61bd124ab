"""Columns of values to hashes and buckets, a batch at a time: the path of everything that is more than one row.

A :class:`Column` is what a field's values look like to the kernels: the buffers of an Arrow array, whichever library
read it. The hashes are those of ``encoder`` and ``bucketer``, which the property tests check for every kind of column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core import bucketer
from service.core.encoder import Buckets
from service.core.features import Bins, Field, Schema
from service.core.seen import Hashes
from service.kernels import hashing
from service.kernels.library import ALL_SET, Bitmap


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Strings, of valid UTF-8: row ``i`` is ``data[offsets[i]:offsets[i + 1]]``.

    Attributes:
        offsets: int32 or int64, shape ``(n_rows + 1,)``.
        data: uint8.
        valid: the rows that are not missing.
    """

    offsets: NDArray[np.int32] | NDArray[np.int64]
    data: NDArray[np.uint8]
    valid: Bitmap = ALL_SET

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def carry_on(self, states: Hashes) -> None:
        """Carry each row's hash on by its value."""
        hashing.hash_text(self.offsets, self.data, states, valid=self.valid)

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed."""
        hashing.hash_text(self.offsets, self.data, states, valid=self.valid, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedText:
    """Strings of which each distinct one is there once, and for each row the index of its own.

    Attributes:
        codes: int32, shape ``(n_rows,)``.
        values: none of them is missing.
    """

    codes: NDArray[np.int32]
    values: Text
    valid: Bitmap = ALL_SET

    def __len__(self) -> int:
        return len(self.codes)

    def carry_on(self, states: Hashes) -> None:
        """Carry each row's hash on by its value."""
        hashing.hash_coded_text(self.codes, self.values.offsets, self.values.data, states, valid=self.valid)

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed; each distinct value is hashed once."""
        hashes = np.empty(len(self.values), dtype=np.uint64)
        self.values.hash_into(hashes, seed)
        hashing.spread_hashes(self.codes, hashes, seed, states, valid=self.valid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Integers:
    """Integers: int64, shape ``(n_rows,)``."""

    values: NDArray[np.int64]
    valid: Bitmap = ALL_SET

    def __len__(self) -> int:
        return len(self.values)

    def carry_on(self, states: Hashes) -> None:
        """Carry each row's hash on by its value."""
        hashing.hash_integers(self.values, states, valid=self.valid)

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed."""
        states.fill(seed)
        self.carry_on(states)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booleans:
    """Booleans: a bit a row."""

    values: Bitmap
    n_rows: int
    valid: Bitmap = ALL_SET

    def __len__(self) -> int:
        return self.n_rows

    def carry_on(self, states: Hashes) -> None:
        """Carry each row's hash on by its value."""
        hashing.hash_booleans(self.values, states, valid=self.valid)

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed."""
        states.fill(seed)
        self.carry_on(states)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Numbers: float64, shape ``(n_rows,)``, finite where they are not missing. Their bins are what is hashed."""

    values: NDArray[np.float64]
    valid: Bitmap = ALL_SET

    def __len__(self) -> int:
        return len(self.values)

    def binned(self, bins: Bins) -> Integers:
        """The bin of each number (``features.bin_index``)."""
        return Integers(values=bin_indices(bins, self.values), valid=self.valid)


@dataclass(frozen=True, slots=True)
class Missing:
    """A column that is not there: every row of it is missing."""

    n_rows: int

    def __len__(self) -> int:
        return self.n_rows

    def carry_on(self, states: Hashes) -> None:
        """Every hash stays what it is."""

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write the hash of the missing value, which is the seed, to every row."""
        states.fill(seed)


Hashable: TypeAlias = Text | CodedText | Integers | Booleans | Missing
Column: TypeAlias = Hashable | Numbers
"""The values of one field: ``Text`` or ``CodedText`` for a string, and so on by its type, or ``Missing``."""


def hash_columns(schema: Schema, columns: Mapping[str, Column]) -> Hashes:
    """The whole hashes of a batch, by slot, uint64, shape ``(n_slots, n_rows)``, in the order of ``schema.slots``.

    A row's missing value has the field's seed as its hash.

    Args:
        columns: for each field, a column of its type; all of the same length.

    Raises:
        ValueError: a column's buffers do not hold what they say, or the lengths differ.
    """
    coded = {field.name: _hashable(field, columns[field.name]) for field in schema.fields}
    lengths = {len(column) for column in coded.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns of different lengths: {sorted(lengths)}")
    hashes = np.empty((len(schema.slots), lengths.pop()), dtype=np.uint64)
    for index, (name, column) in enumerate(coded.items()):
        column.hash_into(hashes[index], bucketer.field_seed(name))
    positions = {name: index for index, name in enumerate(coded)}
    for index, (first, *rest) in enumerate(schema.crosses, start=len(coded)):
        states = hashes[index]
        states[:] = hashes[positions[first]]
        for name in rest:
            hashing.hash_name(name.encode(), states)
            coded[name].carry_on(states)
    return hashes


def encode_columns(schema: Schema, columns: Mapping[str, Column]) -> Buckets:
    """The buckets of a batch, shape ``(n_rows, n_slots)``, uint32, from columns as ``hash_columns`` takes them."""
    return hashing.fold_hashes(hash_columns(schema, columns), schema.n_buckets)


def bin_indices(bins: Bins, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """``features.bin_index`` of many numbers; of one that is not finite, it means nothing."""
    if bins != "log2":
        return np.searchsorted(np.asarray(bins, dtype=np.float64), values, side="right").astype(np.int64)
    exponents = np.frexp(values)[1].astype(np.int64)
    signed: NDArray[np.int64] = np.where(np.abs(values) < 1.0, 0, np.where(values > 0, exponents, -exponents))
    return signed


def _hashable(field: Field, column: Column) -> Hashable:
    if not isinstance(column, Numbers):
        return column
    assert field.bins is not None  # a number without bins does not pass the schema document
    return column.binned(field.bins)
