"""What the machine's memory allows: lines gathered at random a second, and bytes copied in a row.

The loops do what a learner or a scorer can't do without, and nothing else: a row touches one place in the table for
each of its fields. The intercept has none, for it stays in a register.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Table = NDArray[Any]
Rows = NDArray[np.uint32]

SECONDS = 0.4
COPY_BYTES = 2**28


@njit(cache=False, nogil=True)  # type: ignore[misc]
def _gather(table, rows, out):  # type: ignore[no-untyped-def]
    for row in range(rows.shape[0]):
        total = np.float32(0.0)
        for slot in range(rows.shape[1]):
            total += table[rows[row, slot]]
        out[row] = total


@njit(cache=False, nogil=True)  # type: ignore[misc]
def _gather_and_update(state, rows, out):  # type: ignore[no-untyped-def]
    for row in range(rows.shape[0]):
        total = 0.0
        for slot in range(rows.shape[1]):
            total += state[rows[row, slot], 0]
        out[row] = total
        for slot in range(rows.shape[1]):
            state[rows[row, slot], 0] += 1e-9 * total
            state[rows[row, slot], 1] += 1.0


def scoring_limit(n_buckets: int, rows: Sequence[Rows]) -> float:
    """Rows a second that gather a float32 for each slot and add them up, one thread for each part of the rows."""
    table = np.ones(n_buckets, dtype=np.float32)
    return _rate(_gather, table, rows)


def learning_limit(n_buckets: int, rows: Sequence[Rows]) -> float:
    """Rows a second that read and write two float64 for each slot, one thread for each part of the rows."""
    state = np.ones((n_buckets, 2), dtype=np.float64)
    return _rate(_gather_and_update, state, rows)


def uniform(n_buckets: int, n_slots: int, n_rows: int) -> Rows:
    """Rows whose buckets are spread evenly: what no cache can help with."""
    return np.random.default_rng(0).integers(n_buckets, size=(n_rows, n_slots), dtype=np.uint32)


def copy_bandwidth() -> float:
    """Bytes a second that one thread copies from one array to another, each counted once."""
    source, target = np.ones(COPY_BYTES, dtype=np.uint8), np.zeros(COPY_BYTES, dtype=np.uint8)
    np.copyto(target, source)  # the pages must be there
    return COPY_BYTES * _times_a_second(lambda: np.copyto(target, source))


def _rate(kernel: Callable[[Table, Rows, Table], None], table: Table, parts: Sequence[Rows]) -> float:
    outs = [np.empty(len(part), dtype=table.dtype) for part in parts]
    kernel(table, parts[0][:1], outs[0])  # compile

    def once() -> None:
        threads = [
            threading.Thread(target=kernel, args=(table, part, out)) for part, out in zip(parts, outs, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return sum(map(len, parts)) * _times_a_second(once)


def _times_a_second(work: Callable[[], object]) -> float:
    work()
    best, deadline = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < deadline:
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return 1.0 / best
