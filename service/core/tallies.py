"""Counts by value and by bucket, for a profile of the training data.

Nothing is kept by row. A bucket takes 17 bytes; a distinct value of a field 18 to 37, and about 40 more for a moment at
the end. The loops are compiled by numba.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from service.core.columnar import Slot
from service.core.metrics import Labels
from service.core.seen import MAX_COUNT, Hashes

PRIOR_ROWS = 4.0
"""With how many rows of the base rate a value's own are mixed. On the flights, 1 to 16 give the same AUC to 0.002."""

GRID = 16_384
"""Scores from 0 to 1 are rounded to this many steps; those that are equal then are tied."""

_FILL = 7 / 8
_SALT = 0x9E3779B97F4A7C15


class FieldTally:
    """Rows and positives of each value of a field, and how well those of earlier rows foretell a row's label.

    A row's score is the rate of ones among the earlier rows of its value against that of all earlier rows: the odds of
    the one, mixed with ``PRIOR_ROWS`` rows of the other, as a share of the odds of both. It is one half for a value
    that is met for the first time, for one that is in every row, and as long as all labels were the same; so a drift of
    the label's rate is no merit of the field.

    Attributes:
        distinct: values so far, the missing one not counted.
        missing: rows so far that miss the field.
        grid: rows by label and rounded score, int64, shape ``(2, GRID + 1)``.
    """

    def __init__(self) -> None:
        self.distinct = 0
        self.grid = np.zeros((2, GRID + 1), dtype=np.int64)
        self._missing = np.zeros(2, dtype=np.int64)
        self._allocate(1_024)

    @property
    def missing(self) -> int:
        return int(self._missing.sum())

    def update(self, slot: Slot, labels: Labels, rates: NDArray[np.float64]) -> None:
        """Take in a batch; ``rates``, shape ``(n_rows,)``, are the rates of ones among all rows before each."""
        self._make_room(len(slot.hashes) - 1)
        table = (self._hashes, self._rows, self._positives)
        self.distinct += _score(slot.hashes, slot.codes, labels, rates, *table, self._missing, self.grid)

    def values(self) -> tuple[Hashes, NDArray[np.uint32]]:
        """The hashes of the values so far, in no order, and the number of rows of each."""
        used = self._rows > 0
        return self._hashes[used], self._rows[used]

    def _allocate(self, places: int) -> None:
        """A hash table with open addressing; no rows: a free place. The hashes are as good as random already, and their
        first bits are the place, so the table is as good as sorted and grows from front to back.
        """
        self._hashes = np.zeros(places, dtype=np.uint64)
        self._rows = np.zeros(places, dtype=np.uint32)
        self._positives = np.zeros(places, dtype=np.uint32)

    def _make_room(self, n_values: int) -> None:
        old = (self._hashes, self._rows, self._positives)
        places = len(self._hashes)
        while self.distinct + n_values > _FILL * places:
            places *= 2
        if places > len(self._hashes):
            self._allocate(places)
            _move(*old, self._hashes, self._rows, self._positives)


class BucketTally:
    """Of each bucket, who came first, whether another came too, and how many lookups met it."""

    def __init__(self, n_buckets: int) -> None:
        self._mask = np.uint64(n_buckets - 1)
        self._owners = np.zeros(n_buckets, dtype=np.uint64)
        self._lookups = np.zeros(n_buckets, dtype=np.int64)
        self._shared = np.zeros(n_buckets, dtype=np.bool_)

    def update(self, index: int, slot: Slot) -> None:
        """Take in a batch of the slot that comes at ``index`` in the schema."""
        # A value of a field and one of a cross may have the very same hash: the slot is a part of who the owner is.
        salt = np.uint64(index * _SALT % 2**64)
        rows = np.bincount(slot.codes, minlength=len(slot.hashes))
        _occupy(slot.hashes, rows, salt, self._mask, self._owners, self._lookups, self._shared)

    def colliding(self, hashes: Hashes) -> int:
        """How many of the hashes are on shared buckets."""
        return int(np.count_nonzero(self._shared[hashes & self._mask]))

    def traffic(self) -> tuple[int, int]:
        """Lookups that met a shared bucket, and all lookups."""
        return int(self._lookups[self._shared].sum()), int(self._lookups.sum())


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _place(hashes, rows, wanted):  # type: ignore[no-untyped-def]
    """Where a hash is, or the free place where it belongs. There are ``2**n`` places."""
    last = np.int64(len(hashes) - 1)
    place = np.int64((wanted >> np.uint64(32)) * np.uint64(len(hashes)) >> np.uint64(32))
    while rows[place] != 0 and hashes[place] != wanted:
        place = (place + 1) & last
    return place


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _move(old_hashes, old_rows, old_positives, hashes, rows, positives):  # type: ignore[no-untyped-def]
    for old in range(len(old_hashes)):
        if old_rows[old] != 0:
            place = _place(hashes, rows, old_hashes[old])
            hashes[place] = old_hashes[old]
            rows[place] = old_rows[old]
            positives[place] = old_positives[old]


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _score(values, codes, labels, rates, hashes, rows, positives, missing, grid):  # type: ignore[no-untyped-def]
    """Score each row, then count it; how many values are new. The last of ``values`` is the missing one."""
    n_values = len(values) - 1
    places = np.empty(n_values, dtype=np.int64)
    zeros = np.empty(n_values + 1, dtype=np.int64)
    ones = np.empty(n_values + 1, dtype=np.int64)
    new = 0
    for value in range(n_values):
        place = _place(hashes, rows, values[value])
        if rows[place] == 0:
            new += 1
            hashes[place] = values[value]
            rows[place] = 1  # taken, for the next value to see; the number itself comes below
            zeros[value] = ones[value] = 0
        else:
            ones[value] = positives[place]
            zeros[value] = np.int64(rows[place]) - ones[value]
        places[value] = place
    zeros[n_values], ones[n_values] = missing[0], missing[1]
    for row in range(len(codes)):
        value, rate = codes[row], rates[row]
        for_one = (ones[value] + PRIOR_ROWS * rate) * (1.0 - rate)
        for_zero = (zeros[value] + PRIOR_ROWS * (1.0 - rate)) * rate
        score = for_one / (for_one + for_zero) if 0.0 < rate < 1.0 else 0.5
        cell = int(score * GRID + 0.5)
        if labels[row] == 1:
            grid[1, cell] += 1
            ones[value] += 1
        else:
            grid[0, cell] += 1
            zeros[value] += 1
    for value in range(n_values):
        rows[places[value]] = min(zeros[value] + ones[value], MAX_COUNT)
        positives[places[value]] = min(ones[value], MAX_COUNT)
    missing[0], missing[1] = zeros[n_values], ones[n_values]
    return new


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _occupy(values, rows, salt, mask, owners, lookups, shared):  # type: ignore[no-untyped-def]
    for value in range(len(values)):
        if rows[value] != 0:
            bucket = values[value] & mask
            owner = values[value] ^ salt
            if lookups[bucket] == 0:
                owners[bucket] = owner
            elif owners[bucket] != owner:
                shared[bucket] = True
            lookups[bucket] += rows[value]
