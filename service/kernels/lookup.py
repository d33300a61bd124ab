"""Looking hashes up in a table that is sorted by them, many at a time; what for is in ``service.core.seen``."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import I64, array, function, output

ENTRY = np.dtype([("hash", "<u8"), ("count", "<u4")])
"""An entry of a table: 12 bytes, packed."""

_SHIFT = ctypes.c_int
_index_entries = function("index_entries", [array(ENTRY), I64, _SHIFT, I64, output(np.int64)])
_find_counts = function("find_counts", [array(ENTRY), array(np.int64), _SHIFT, array(np.uint64), I64, output(np.int64)])


class Index:
    """Where to look for a hash by its first bits: 2 to 4 bytes an entry beside the table, which it keeps.

    Args:
        entries: of type ``ENTRY``, the hashes ascending.
    """

    def __init__(self, entries: NDArray[Any]) -> None:
        bits = max(1, len(entries).bit_length() - 2)
        self._entries = entries
        self._shift = 64 - bits
        self._starts = np.empty(2**bits + 1, dtype=np.int64)
        _index_entries(entries, len(entries), self._shift, 2**bits, self._starts)

    def counts(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The count of each hash's entry, 0 where there is none, shape ``(n_rows,)``."""
        counts = np.empty(len(hashes), dtype=np.int64)
        _find_counts(self._entries, self._starts, self._shift, hashes, len(hashes), counts)
        return counts
