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
from service.core.texts import CodedText, Mask, Parts, Text
from service.kernels import hashing
from service.kernels.library import ALL_SET, Bitmap


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

    def where(self, mask: Mask) -> Integers:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Integers(values=self.values[mask], valid=self.valid.where(mask))

    def value(self, row: int) -> int | None:
        """What a row holds, ``None``: it is missing."""
        return int(self.values[row]) if self.valid.at(row) else None


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

    def where(self, mask: Mask) -> Booleans:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Booleans(
            values=self.values.where(mask), n_rows=int(np.count_nonzero(mask)), valid=self.valid.where(mask)
        )

    def value(self, row: int) -> bool | None:
        """What a row holds, ``None``: it is missing."""
        return self.values.at(row) if self.valid.at(row) else None


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

    def where(self, mask: Mask) -> Numbers:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Numbers(values=self.values[mask], valid=self.valid.where(mask))

    def value(self, row: int) -> float | None:
        """What a row holds, ``None``: it is missing."""
        return float(self.values[row]) if self.valid.at(row) else None


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

    def where(self, mask: Mask) -> Missing:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Missing(int(np.count_nonzero(mask)))

    def value(self, row: int) -> None:
        """Nothing."""


Hashable: TypeAlias = Text | CodedText | Parts | Integers | Booleans | Missing
Column: TypeAlias = Hashable | Numbers
"""The values of one field: ``Text``, ``CodedText`` or ``Parts`` for a string, and so on by its type, or ``Missing``."""


def hash_columns(schema: Schema, columns: Mapping[str, Column]) -> Hashes:
    """The whole hashes of a batch, by slot, uint64, shape ``(n_slots, n_rows)``, in the order of ``schema.slots``.

    A row's missing value has the field's seed as its hash.

    Args:
        columns: for each field, a column of its type; all of the same length.

    Raises:
        ValueError: a column's buffers do not hold what they say, or the lengths differ.
    """
    coded = {each.name: _hashable(each, columns[each.name]) for each in schema.fields}
    lengths = {len(column) for column in coded.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns of different lengths: {sorted(lengths)}")
    hashes = np.empty((len(schema.slots), lengths.pop()), dtype=np.uint64)
    for states, (name, column) in zip(hashes, coded.items(), strict=False):  # the crosses come behind the fields
        column.hash_into(states, bucketer.field_seed(name))
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
