"""Columns of strings: by themselves, by the codes of a dictionary, or in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.seen import Hashes
from service.kernels import hashing
from service.kernels.csv import TextColumn
from service.kernels.library import ALL_SET, Bitmap, Places
from service.kernels.text import NotAValue, first_invalid

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Strings, of valid UTF-8, anywhere in some data: row ``i`` is ``data[begins[i]:ends[i]]``.

    Attributes:
        begins, ends: int32 or int64, both the same, shape ``(n_rows,)``.
        data: uint8.
        valid: the rows that are not missing.
        hashed: a seed, and the hashes from it, where whoever found the strings has hashed them at once.
    """

    begins: Places
    ends: Places
    data: NDArray[np.uint8]
    valid: Bitmap = ALL_SET
    hashed: tuple[int, Hashes] | None = None

    @classmethod
    def of(cls, offsets: Places, data: NDArray[np.uint8], *, valid: Bitmap = ALL_SET) -> Text:
        """Strings one after the other, as Arrow has them; ``offsets`` is of shape ``(n_rows + 1,)``."""
        return cls(begins=offsets[:-1], ends=offsets[1:], data=data, valid=valid)

    @classmethod
    def of_csv(cls, column: TextColumn) -> Text:
        """A column as it was split, if it is UTF-8.

        Raises:
            NotAValue: a row that is not.
        """
        begins, ends, data, valid = column.begins, column.ends, column.data, column.valid
        row = None if column.ascii else first_invalid(begins, ends, data, valid=valid)
        if row is not None:
            raise NotAValue(row)
        return cls(begins=begins, ends=ends, data=data, valid=valid, hashed=column.hashed)

    def __len__(self) -> int:
        return len(self.begins)

    def carry_on(self, states: Hashes) -> None:
        """Carry each row's hash on by its value."""
        hashing.hash_text(self.begins, self.ends, self.data, states, valid=self.valid)

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed."""
        known = self._known(seed)
        if known is not None:
            states[:] = known
        else:
            hashing.hash_text(self.begins, self.ends, self.data, states, valid=self.valid, seed=seed)

    def hashes(self, seed: int) -> Hashes:
        """Each row's hash from one seed, for reading only."""
        known = self._known(seed)
        if known is not None:
            return known
        hashes = np.empty(len(self), dtype=np.uint64)
        self.hash_into(hashes, seed)
        return hashes

    def _known(self, seed: int) -> Hashes | None:
        return self.hashed[1] if self.hashed is not None and self.hashed[0] == seed else None

    def rows(self, first: int, last: int) -> Text:
        """The rows from ``first`` up to ``last``."""
        return self._some(slice(first, last), self.valid.rows(first))

    def where(self, mask: Mask) -> Text:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return self._some(mask, self.valid.where(mask))

    def _some(self, rows: slice | Mask, valid: Bitmap) -> Text:
        hashed = None if self.hashed is None else (self.hashed[0], self.hashed[1][rows])
        return Text(begins=self.begins[rows], ends=self.ends[rows], data=self.data, valid=valid, hashed=hashed)

    def value(self, row: int) -> str | None:
        """What a row holds, ``None``: it is missing."""
        return self.data[self.begins[row] : self.ends[row]].tobytes().decode() if self.valid.at(row) else None


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
        values = self.values
        hashing.hash_coded_text(self.codes, values.begins, values.ends, values.data, states, valid=self.valid)

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed; each distinct value is hashed once."""
        hashing.spread_hashes(self.codes, self.values.hashes(seed), seed, states, valid=self.valid)

    def rows(self, first: int, last: int) -> CodedText:
        """The rows from ``first`` up to ``last``."""
        return CodedText(codes=self.codes[first:last], values=self.values, valid=self.valid.rows(first))

    def where(self, mask: Mask) -> CodedText:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return CodedText(codes=self.codes[mask], values=self.values, valid=self.valid.where(mask))

    def value(self, row: int) -> str | None:
        """What a row holds, ``None``: it is missing."""
        return self.values.value(int(self.codes[row])) if self.valid.at(row) else None


@dataclass(frozen=True, slots=True)
class Parts:
    """Strings that come in parts, one after the other: the pages of a file."""

    parts: Sequence[Text | CodedText]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def _each(self) -> Iterator[tuple[slice, Text | CodedText]]:
        first = 0
        for part in self.parts:
            yield slice(first, first + len(part)), part
            first += len(part)

    def carry_on(self, states: Hashes) -> None:
        """Carry each row's hash on by its value."""
        for rows, part in self._each():
            part.carry_on(states[rows])

    def hash_into(self, states: Hashes, seed: int) -> None:
        """Write each row's hash, from one seed."""
        for rows, part in self._each():
            part.hash_into(states[rows], seed)

    def where(self, mask: Mask) -> Parts:
        """The rows for which ``mask``, shape ``(n_rows,)``, is true."""
        return Parts([part.where(mask[rows]) for rows, part in self._each()])

    def value(self, row: int) -> str | None:
        """What a row holds, ``None``: it is missing."""
        rows, part = next(each for each in self._each() if row < each[0].stop)
        return part.value(row - rows.start)
