"""Counts by value and by bucket, for a profile of the training data.

Nothing is kept by row. A distinct value of a field takes 18 to 37 bytes, and about 40 more for a moment at the end; a
bucket takes 16 where the schema has crosses, and one more for a moment at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.core.metrics import Labels
from service.core.seen import MAX_COUNT, Hashes
from service.kernels.tallies import BUCKET, Owners, Rates, ValueTable, tally_buckets

PRIOR_ROWS = 4.0
"""With how many rows of the base rate a value's own are mixed. On the flights, 1 to 16 give the same AUC to 0.002."""

GRID = 16_384
"""Scores from 0 to 1 are rounded to this many steps; those that are equal then are tied."""

_SALT = 0x9E3779B97F4A7C15


class FieldTally:
    """Rows and positives of each value of a field, and how well those of earlier rows foretell a row's label.

    A row's score is the rate of ones among the earlier rows of its value against that of all earlier rows: the odds of
    the one, mixed with ``PRIOR_ROWS`` rows of the other, as a share of the odds of both. It is one half for a value
    that is met for the first time, for one that is in every row, and as long as all labels were the same; so a drift of
    the label's rate is no merit of the field.

    Args:
        missing: the hash of the missing value.
    """

    def __init__(self, missing: int) -> None:
        self.table = ValueTable(missing)
        self._grid = np.zeros((2, GRID + 1), dtype=np.uint32)  # the narrower, the more of it is in the cache
        self._rows_in_grid = 0
        self._grid_before: NDArray[np.int64] = np.zeros((2, GRID + 1), dtype=np.int64)

    @property
    def grid(self) -> NDArray[np.int64]:
        """Rows by label and rounded score, shape ``(2, GRID + 1)``."""
        return self._grid_before + self._grid

    @property
    def distinct(self) -> int:
        """Values so far, the missing one not counted."""
        return self.table.distinct

    @property
    def missing(self) -> int:
        """Rows so far that miss the field."""
        return self.table.missing_rows

    def update(self, hashes: Hashes, labels: Labels, rates: Rates) -> None:
        """Take in a batch, hashes and labels of shape ``(n_rows,)``, and the rates of ones among all rows before."""
        if self._rows_in_grid + len(hashes) > MAX_COUNT:
            self._grid_before = self.grid
            self._grid[:] = 0
            self._rows_in_grid = 0
        self.table.tally(hashes, labels, rates, prior_rows=PRIOR_ROWS, grid=self._grid)
        self._rows_in_grid += len(hashes)

    def values(self) -> tuple[Hashes, NDArray[np.uint32]]:
        """The hashes of the values so far, ascending, and the number of rows of each."""
        return self.table.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collisions:
    """What shares its bucket with another value of any slot: distinct values of fields, and lookups."""

    values: int
    lookups: int


class BucketTally:
    """Which buckets are shared. What the fields' tables tell is not counted a second time; the crosses have none."""

    def __init__(self, n_buckets: int) -> None:
        self._n_buckets = n_buckets
        self._buckets: NDArray[Any] | None = None

    def update(self, index: int, hashes: Hashes) -> None:
        """Take in a batch, of shape ``(n_rows,)``, of the cross that comes at ``index`` in the schema."""
        if self._buckets is None:
            self._buckets = np.zeros(self._n_buckets, dtype=BUCKET)
        tally_buckets(hashes, index * _SALT % 2**64, self._buckets)

    def collisions(self, fields: Sequence[FieldTally]) -> Collisions:
        """The collisions so far among the crosses' values and all those of the fields, missing ones too."""
        owners = Owners(self._n_buckets, self._buckets)
        for field in fields:
            owners.add(field.table)
        found = [owners.shared_rows(field.table) for field in fields]
        lookups = owners.shared_lookups() + sum(rows for rows, _ in found)
        return Collisions(values=sum(values for _, values in found), lookups=lookups)
