"""Time-ordered split: what comes after a moment is kept from the model and judged later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from service.errors import EventsError
from service.events.batches import Events

_BINS = 65_536


def holdout_cutoff(events: Events, share: float) -> int:
    """The time up to and including which events are learned from, so that about ``share`` of them come later.

    It is the time at rank ``ceil((1 - share) * n_rows)``, exactly; rows of that same time stay together on the learning
    side. The files are read a few times over, the timestamps alone, and counted into a histogram that is narrowed until
    a bin is one unit of time: memory does not grow with the rows.

    Raises:
        EventsError: the schema names no timestamp, there are no rows, or all of them have the same time.
    """
    if events.schema.timestamp is None:
        raise EventsError(file=events.names, message="a split by time needs a `timestamp` in the schema")
    low, high, n_rows = math.inf, -math.inf, 0
    for times in _times(events):
        if len(times):
            low, high, n_rows = min(low, int(times.min())), max(high, int(times.max())), n_rows + len(times)
    if not n_rows:
        raise EventsError(file=events.names, message="there are no rows")
    rank = math.ceil((1 - Fraction(str(share))) * n_rows)  # in binary, 30 % of 10 rows are a little more than 3
    latest = high
    while low < high:
        width = int(high - low) // _BINS + 1
        below, counts = 0, np.zeros(_BINS, dtype=np.int64)
        for times in _times(events):
            below += int(np.count_nonzero(times < low))
            inside = times[(times >= low) & (times <= high)]
            above = inside.astype(np.uint64) - np.uint64(int(low) % 2**64)  # may be more than an int64 holds
            counts += np.bincount((above // np.uint64(width)).astype(np.int64), minlength=_BINS)
        chosen = int(np.searchsorted(below + np.cumsum(counts), rank))
        low, high = low + chosen * width, min(high, low + (chosen + 1) * width - 1)
    if low == latest:
        message = "no row comes after the time of the split"
        raise EventsError(file=events.names, column=events.schema.timestamp, message=message)
    return int(low)


def _times(events: Events) -> Iterator[NDArray[np.int64]]:
    for batch in events.batches(features=False, times=True):
        if batch.times is not None:
            yield batch.times.values
