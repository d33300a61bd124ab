"""What training saw: how many rows each value of each field came in. It tells a known id from one never met."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.kernels.lookup import ENTRY, Index

Hashes: TypeAlias = NDArray[np.uint64]
"""Whole hashes of values (``bucketer.hash_value``), not yet buckets."""

Counts: TypeAlias = NDArray[np.int64]

SEEN_TYPE = ENTRY
"""One value of one field: its hash, and the number of training rows that it came in."""

MAX_COUNT = 2**32 - 1
"""A value that came in more rows than this is taken for one that came in as many."""

_CHUNK_ROWS = 2**17  # 1.5 MiB: another thread may run in between, and no check needs memory by the size of the table


class Seen:
    """The values that training saw, by field; the missing value is none of them.

    Args:
        array: of ``SEEN_TYPE``, shape ``(n_values,)``: the values of the first field, then those of the second and so
            on, the hashes of each ascending. It is only ever read, and not copied, so it may be memory-mapped.
        sizes: how many of them are of each field, in their order.

    Raises:
        ValueError: ``array`` is not that, or a value came in no row.
    """

    def __init__(self, array: NDArray[Any], sizes: Mapping[str, int]) -> None:
        if array.dtype != SEEN_TYPE or array.shape != (sum(sizes.values()),) or any(n < 0 for n in sizes.values()):
            raise ValueError(f"{array.dtype} of shape {array.shape} is no table of {dict(sizes)}")
        self.sizes = dict(sizes)
        self._array = array
        self._by_field: dict[str, NDArray[Any]] = {}
        self._indices: dict[str, Index] = {}
        start = 0
        for field, size in sizes.items():
            self._by_field[field] = array[start : start + size]
            start += size
        for field, table in self._by_field.items():
            _check(field, table)

    @classmethod
    def of(cls, values: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]) -> Seen:
        """From the hashes of each field's values, in any order, and the number of rows of each, at least 1."""
        sizes = {field: len(hashes) for field, (hashes, _) in values.items()}
        array = np.empty(sum(sizes.values()), dtype=SEEN_TYPE)
        start = 0
        for hashes, counts in values.values():
            order = np.argsort(hashes, kind="stable")  # which is fast where they are in order already
            part = array[start : start + len(hashes)]
            part["hash"] = hashes[order]
            part["count"] = np.minimum(counts[order], MAX_COUNT)
            start += len(hashes)
        return cls(array, sizes)

    def counts(self, field: str, hashes: Hashes) -> Counts:
        """In how many training rows each value of a field came, int64, shape ``(len(hashes),)``; 0: never seen.

        Raises:
            KeyError: the model has no such field.
        """
        table = self._by_field[field]
        if field not in self._indices:  # not before it is asked, for serving never does
            self._indices[field] = Index(table)
        return self._indices[field].counts(hashes)

    def holds(self, field: str, hashed: int) -> bool:
        """Whether a value of a field, by its whole hash, came in any training row.

        For a few values at a time: it searches the table as it is, where ``counts`` makes an index of it at first.

        Raises:
            KeyError: the model has no such field.
        """
        hashes: Any = self._by_field[field]["hash"]
        place = bisect_left(hashes, np.uint64(hashed))
        return place < len(hashes) and int(hashes[place]) == hashed

    def field(self, field: str) -> tuple[Hashes, Counts]:
        """The hashes of a field's values, ascending, and the number of rows of each: copies, shape ``(n_values,)``."""
        table = self._by_field[field]
        return table["hash"].astype(np.uint64), table["count"].astype(np.int64)

    def to_array(self) -> NDArray[Any]:
        """The array that the constructor takes; ``sizes`` goes with it."""
        return self._array


def _check(field: str, table: NDArray[Any]) -> None:
    for chunk in _chunks(table):
        if not (chunk["hash"][1:] > chunk["hash"][:-1]).all():
            raise ValueError(f"the hashes of {field!r} do not ascend")
        if not chunk["count"].all():
            raise ValueError(f"a value of {field!r} came in no row")


def _chunks(table: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Parts of a table, each beginning with the value that the one before ended with."""
    for start in range(0, len(table), _CHUNK_ROWS):
        yield table[max(0, start - 1) : start + _CHUNK_ROWS]
