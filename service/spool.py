"""Encoded rows on disk, so that later passes neither parse nor hash again, and see the rows well mixed.

Events come in the order of time, and a learner that ends on the last weeks remembers those best. A full shuffle would
need all rows in memory; this is the two-level shuffle of CorgiPile (Xu et al. 2022, "In-Database Machine Learning with
CorgiPile: Stochastic Gradient Descent without Full Data Shuffle", SIGMOD): small blocks are read in random order, and
the rows of as many blocks as fit a buffer are mixed in memory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from service.core.encoder import Buckets
from service.core.metrics import Labels

BLOCK_ROWS = 256
BUFFER_BLOCKS = 256


class Spool:
    """Rows appended once and read again any number of times; a context manager that leaves nothing behind.

    Args:
        folder: where the file lies, with no name of its own, so that even a crash leaves nothing. It takes
            ``4 * (n_slots + 1)`` bytes a row.
    """

    def __init__(self, folder: Path, *, n_slots: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)
        self._width = n_slots + 1
        self._n_rows = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, buckets: Buckets, labels: Labels) -> None:
        """Keep a batch: buckets of shape ``(n_rows, n_slots)``, labels of shape ``(n_rows,)``."""
        rows = np.empty((len(labels), self._width), dtype=np.uint32)
        rows[:, :-1] = buckets
        rows[:, -1] = labels
        data = rows.reshape(-1).view(np.uint8)
        while len(data):
            data = data[self._file.write(data.data) :]
        self._n_rows += len(labels)

    def shuffled(self, random: np.random.Generator) -> Iterator[tuple[Buckets, Labels, float]]:
        """All rows, in batches, in an order drawn from ``random``, and the share of them given so far."""
        blocks = random.permutation(-(-self._n_rows // BLOCK_ROWS))
        for start in range(0, len(blocks), BUFFER_BLOCKS):
            data = b"".join(self._read(int(block)) for block in blocks[start : start + BUFFER_BLOCKS])
            mixed = random.permutation(len(data) // (4 * self._width))
            rows = np.frombuffer(data, dtype=np.uint32).reshape(-1, self._width)[mixed]
            done = min(1.0, (start + BUFFER_BLOCKS) / len(blocks))
            yield np.ascontiguousarray(rows[:, :-1]), rows[:, -1].astype(np.int8), done

    def _read(self, block: int) -> bytes:
        first = block * BLOCK_ROWS
        size = 4 * self._width * min(BLOCK_ROWS, self._n_rows - first)
        data = os.pread(self._file.fileno(), size, 4 * self._width * first)
        if len(data) != size:
            raise OSError(f"a block of {size} bytes was read as {len(data)}")
        return data
