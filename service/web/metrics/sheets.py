"""The sheets of all workers: the master makes them before the fork, and hands them out as ``turns`` does its places."""

from __future__ import annotations

import mmap

from service.web.metrics.sheet import SHEET_BYTES, Sheet


class Sheets:
    """Memory that the workers share, one sheet for each place. It is no file, and ends with them."""

    def __init__(self, n_places: int) -> None:
        shared = memoryview(mmap.mmap(-1, n_places * SHEET_BYTES))
        self.all = tuple(Sheet(shared[at : at + SHEET_BYTES]) for at in range(0, len(shared), SHEET_BYTES))
        self._free = list(range(n_places))

    def take(self) -> Seat | None:
        """The first place that is free, with the figures of whoever had it before; ``None`` if all are taken."""
        return Seat(self, self._free.pop(0)) if self._free else None

    def give_back(self, seat: Seat) -> None:
        """Of a worker that has ended: it is in no state any more, and what it has counted stays."""
        seat.sheet.write_state(None)
        self._free = sorted([*self._free, seat.place])


class Seat:
    """One worker's place: the sheet that it writes to, among those that it reads."""

    def __init__(self, sheets: Sheets, place: int) -> None:
        self.sheets = sheets
        self.place = place

    @property
    def sheet(self) -> Sheet:
        """The one that is its own."""
        return self.sheets.all[self.place]


def of_one_process() -> Seat:
    """A place among no others."""
    return Seat(Sheets(1), 0)


_given: list[Seat] = []


def give(seat: Seat) -> None:
    """Say, in a worker, which place is this process's; gunicorn makes the application itself, with no arguments."""
    _given[:] = [seat]


def seat() -> Seat:
    """The place of this process."""
    return _given[0] if _given else of_one_process()
