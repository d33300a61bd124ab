"""Tallies of values and of buckets over whole hashes, row by row; what they are for is in ``service.core.tallies``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import F64, I64, U64, array, function, output

VALUE = np.dtype([("hash", "<u8"), ("rows", "<u4"), ("positives", "<u4")])
"""A place of a field's table; without rows, it is free."""

BUCKET = np.dtype([("owner", "<u8"), ("lookups", "<u8")])
"""Who was first in a bucket, and twice the lookups that met it, plus 1 if another was there too."""

MAX_ROWS = 2**32 - 1
"""A value's record counts no more rows than this."""

_PLACES = 1_024  # to begin with
_FILL = 7 / 8

_COUNT = output(np.int64)
_HASHES = array(np.uint64)
_VALUES = array(VALUE)
_BUCKETS = array(BUCKET)
_OWNERS = array(np.uint8)

_running_rates = function("running_rates", [array(np.int8), I64, I64, I64, output(np.float64)], result=I64)
_tally_values = function(
    "tally_values",
    [_HASHES, array(np.int8), array(np.float64), I64, I64, I64, U64, F64]
    + [output(VALUE), I64, _COUNT, _COUNT, output(np.uint32, 2), I64],
    result=I64,
)
_rows_of_value = function("rows_of_value", [_VALUES, I64, U64], result=I64)
_list_values = function("list_values", [_VALUES, I64, U64, output(np.uint64), output(np.uint32)], result=I64)
_move_values = function("move_values", [_VALUES, I64, output(VALUE), I64])
_tally_buckets = function("tally_buckets", [_HASHES, I64, U64, output(BUCKET), U64])
_count_owners = function("count_owners", [_BUCKETS, I64, output(np.uint8)])
_add_owners = function("add_owners", [_VALUES, I64, U64, output(np.uint8)])
_shared_lookups = function("shared_lookups", [_BUCKETS, I64, _OWNERS], result=I64)
_shared_rows = function("shared_rows", [_VALUES, I64, U64, U64, _OWNERS, _COUNT], result=I64)


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of ones among all rows before each of a batch's (``running_rates``).

    Attributes:
        values: shape ``(n_rows,)``.
        settled: the first row from which on they are between 0 and 1; those before mean nothing.
    """

    values: NDArray[np.float64]
    settled: int


def running_rates(labels: NDArray[np.int8], *, rows: int, positives: int) -> Rates:
    """The rates of a batch that comes after ``rows`` rows with ``positives`` ones."""
    rates = np.empty(len(labels), dtype=np.float64)
    return Rates(rates, _running_rates(labels, len(labels), rows, positives, rates))


class ValueTable:
    """A hash table of the values of one field, which grows as they come.

    Attributes:
        places: of type ``VALUE``, some of them free.
    """

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.places: NDArray[Any] = np.zeros(_PLACES, dtype=VALUE)
        self._room = np.array([int(_FILL * _PLACES)], dtype=np.int64)
        self._surplus = np.zeros(1, dtype=np.int64)

    @property
    def missing_rows(self) -> int:
        """Rows of the missing value."""
        return self._rows_of(self.missing) + int(self._surplus[0])

    @property
    def distinct(self) -> int:
        """Values, the missing one not counted."""
        return int(_FILL * len(self.places)) - int(self._room[0]) - (self._rows_of(self.missing) > 0)

    def values(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """The values' hashes, ascending, and the number of rows of each, the missing one left out."""
        count = self.distinct
        hashes, rows = np.empty(count, dtype=np.uint64), np.empty(count, dtype=np.uint32)
        _list_values(self.places, len(self.places), self.missing, hashes, rows)
        return hashes, rows

    def _rows_of(self, value: int) -> int:
        return int(_rows_of_value(self.places, len(self.places), value))

    def tally(
        self,
        hashes: NDArray[np.uint64],
        labels: NDArray[np.int8],
        rates: Rates,
        *,
        prior_rows: float,
        grid: NDArray[np.uint32],
    ) -> None:
        """Score rows by those of their values before, and count them, one after the other.

        Args:
            hashes, labels: shape ``(n_rows,)``.
            grid: rows by label and rounded score, shape ``(2, n_steps + 1)``; these are added, and may overflow.

        Raises:
            ValueError: the shapes do not fit.
        """
        n_rows = len(hashes)
        if not n_rows == len(labels) == len(rates.values) or len(grid) != 2:
            raise ValueError(f"{n_rows} hashes, {len(labels)} labels and {len(rates.values)} rates do not fit")
        batch = (hashes, labels, rates.values, rates.settled)
        counts = (self._room, self._surplus, grid, grid.shape[1] - 1)
        row = 0
        while row < n_rows:
            places = (self.places, len(self.places))
            row = _tally_values(*batch, row, n_rows, self.missing, prior_rows, *places, *counts)
            if row < n_rows:
                self._grow()

    def _grow(self) -> None:
        places = np.zeros(2 * len(self.places), dtype=VALUE)
        _move_values(self.places, len(self.places), places, len(places))
        self._room += int(_FILL * len(places)) - int(_FILL * len(self.places))
        self.places = places


def tally_buckets(hashes: NDArray[np.uint64], salt: int, buckets: NDArray[Any]) -> None:
    """Count the lookups of one slot, shape ``(n_rows,)``; ``salt`` is what tells its values from another slot's.

    Args:
        buckets: of type ``BUCKET``, a power of two of them.
    """
    _tally_buckets(hashes, len(hashes), salt, buckets, _mask(len(buckets)))


class Owners:
    """How many values share each bucket: those that ``tally_buckets`` met, and those of fields.

    Takes a byte a bucket.

    Args:
        buckets: of type ``BUCKET``, or ``None``: none was met.
    """

    def __init__(self, n_buckets: int, buckets: NDArray[Any] | None) -> None:
        self._mask = _mask(n_buckets)
        self._owners = np.zeros(n_buckets, dtype=np.uint8)
        self._buckets = buckets
        if buckets is not None:
            if len(buckets) != n_buckets:
                raise ValueError(f"{len(buckets)} are not {n_buckets} buckets")
            _count_owners(buckets, n_buckets, self._owners)

    def add(self, table: ValueTable) -> None:
        """Add the values of a field, the missing one among them, which no other slot shares."""
        _add_owners(table.places, len(table.places), self._mask, self._owners)

    def shared_lookups(self) -> int:
        """The lookups of ``tally_buckets`` that met a shared bucket."""
        if self._buckets is None:
            return 0
        lookups: int = _shared_lookups(self._buckets, len(self._buckets), self._owners)
        return lookups

    def shared_rows(self, table: ValueTable) -> tuple[int, int]:
        """Of one field, the rows and the values on shared buckets; the missing value has rows, and is no value."""
        n_values = np.zeros(1, dtype=np.int64)
        places = table.places
        rows: int = _shared_rows(places, len(places), table.missing, self._mask, self._owners, n_values)
        return rows, int(n_values[0])


def _mask(n_buckets: int) -> int:
    if n_buckets < 1 or n_buckets & (n_buckets - 1):
        raise ValueError(f"{n_buckets} buckets are no power of two")
    return n_buckets - 1
