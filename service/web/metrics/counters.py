"""What one worker counts, in its sheet. To count is to add to a number there: about as quick as to one of its own."""

from __future__ import annotations

import logging
from bisect import bisect_left
from threading import Lock

from service.web.metrics.sheet import SPARE, Key, Sheet
from service.web.metrics.table import Family

logger = logging.getLogger(__name__)


class Counters:
    """The counters of a sheet's owner, which go on where those of the owner before it ended.

    Attributes:
        numbers: to add to, from the index that :meth:`place` gives.
        lock: held while that is done, for threads of one worker may add to the same number.
    """

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._places: dict[tuple[Key, int], int] = {}
        self._is_full = False
        self.numbers = sheet.numbers
        self.lock = Lock()
        try:
            self._places = {(key, count): first for key, first, count in sheet.entries()}
        except ValueError as error:
            logger.warning("what a worker counted that has ended is damaged, and begins anew: %s", error)
            sheet.clear()

    def place(self, family: Family, *labels: str) -> int:
        """The index of a metric's first number, always the same; its entry is made if there is none yet."""
        key = (family.name, *labels)
        with self.lock:
            place = self._places.get((key, family.size))  # of another size: the code before a reload had other buckets
            if place is None:
                place = self._sheet.append(key, family.size)
                if place is None:
                    self._say_it_is_full()
                    place = SPARE
                self._places[key, family.size] = place
            return place

    def add(self, place: int, amount: float = 1.0) -> None:
        """Add to a counter."""
        with self.lock:
            self.numbers[place] += amount

    def observe(self, place: int, family: Family, value: float) -> None:
        """Add a value to a histogram."""
        with self.lock:
            self.numbers[place + bisect_left(family.buckets, value)] += 1.0
            self.numbers[place + family.size - 1] += value

    def _say_it_is_full(self) -> None:
        if not self._is_full:
            self._is_full = True
            logger.warning("there is no room for more metrics: what is new is not counted")
