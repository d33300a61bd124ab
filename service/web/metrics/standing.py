"""What a worker tells the others of itself: the version that answers in it, and whether it refuses another."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from service.live import Status
from service.web.metrics import table
from service.web.metrics.counters import Counters
from service.web.metrics.sheet import Sheet

MAX_NAME = 500
"""Of a model's longer name, the beginning."""


class Standing:
    """Follows the model of this worker.

    Args:
        clock: gives the time of day, in seconds.
    """

    def __init__(self, sheet: Sheet, counters: Counters, *, clock: Callable[[], float] = time.time) -> None:
        self._sheet = sheet
        self._counters = counters
        self._clock = clock
        self._swaps = counters.place(table.SWAPS)
        self._refusals = counters.place(table.REFUSALS)
        self._refused = 0
        self._version: str | None = None
        counters.add(counters.place(table.STARTS))

    def told(self, status: Status) -> None:
        """What answers now."""
        self._counters.add(self._refusals, status.refusals - self._refused)
        self._refused = status.refusals
        state: dict[str, object] = {"refusing": status.refused is not None}
        predictor = status.predictor
        if predictor is not None:
            if self._version is not None and self._version != predictor.version:
                self._counters.add(self._swaps)
            if self._version != predictor.version:
                self._since = self._clock()
            self._version = predictor.version
            since = _seconds(status.promoted) or self._since
            state |= {"model": predictor.name[:MAX_NAME], "version": predictor.version[:MAX_NAME], "since": since}
        self._sheet.write_state(state)


def _seconds(moment: str | None) -> float | None:
    """The seconds since 1970 of a time that the store has noted down."""
    try:
        return None if moment is None else datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
