"""A few rows of many, drawn evenly in one pass."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from service.events.batches import Batch


class RowSample:
    """A uniform sample of rows: each row draws a key, the ``size`` smallest keys stay.

    Args:
        seed: of the keys; any sequence that ``numpy.random.default_rng`` takes.
    """

    def __init__(self, *, size: int, seed: list[int]) -> None:
        self._size = size
        self._random = np.random.default_rng(seed)
        self._kept: list[tuple[float, dict[str, Any]]] = []

    def offer(self, batch: Batch) -> None:
        """Draw for the rows of a batch."""
        keys = self._random.random(batch.n_rows)
        bound = self._kept[-1][0] if len(self._kept) == self._size else 1.0
        near = np.flatnonzero(keys < bound)  # few, once some batches have been seen
        best = near[np.argsort(keys[near])[: self._size]].tolist()
        rows = zip(keys[best].tolist(), batch.rows(best), strict=True)
        self._kept = heapq.nsmallest(self._size, [*self._kept, *rows], key=lambda kept: kept[0])

    def rows(self) -> list[dict[str, Any]]:
        """The sampled rows, as mappings from field name to JSON value."""
        return [row for _, row in self._kept]
