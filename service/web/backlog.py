"""What requests leave behind to be written once they are answered, in a thread of the operating system.

A request only puts something into memory, and never waits. There is a bound to it: what does not fit, because writing
is slower than requests come, is dropped and counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Generic, TypeVar

from service.watcher import Watcher, apart

LOOK_SECONDS = 0.1
"""From the end of one writing to the next."""

Item = TypeVar("Item")


def pieces(lines: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    """The lines in as few parts as may be, to be written at once: none has more than so many bytes but by one line."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) > most:
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield piece


def ignore(dropped: int) -> None:
    """For a log of which nobody wants to know how many requests it dropped."""


class Backlog(Generic[Item]):
    """Items on their way from requests to a writer.

    Attributes:
        overflow: how many items found no room.

    Args:
        write: gets all the items that came since its last call, in order, and gives how many of them it could not
            write. It runs apart (``watcher.apart``): it raises nothing, does not log and takes no lock.
        written: called after each ``write``, where it is allowed to log.
        most: of the items that wait, the sum of their sizes; of those that are being written, as much again.
        on_dropped: told :attr:`dropped` after each ``write``.
    """

    def __init__(
        self,
        write: Callable[[list[Item]], int],
        *,
        most: int,
        written: Callable[[], None] = lambda: None,
        on_dropped: Callable[[int], None] = ignore,
    ) -> None:
        self.overflow = 0
        self._lost = 0
        self._write = write
        self._written = written
        self._on_dropped = on_dropped
        self._most = most
        self._items: list[Item] = []
        self._size = 0
        self._lock = threading.Lock()
        self._writing = False
        self._watcher = Watcher(self._look, seconds=LOOK_SECONDS)

    def start(self) -> None:
        """Write from now on whatever comes."""
        self._watcher.start()

    def put(self, item: Item, size: int) -> bool:
        """Leave an item to be written; whether there was room for it."""
        with self._lock:
            if self._size + size > self._most:
                self.overflow += 1
                return False
            self._items.append(item)
            self._size += size
            return True

    @property
    def dropped(self) -> int:
        """How many items were not written: they found no room, or could not be."""
        return self.overflow + self._lost

    def close(self) -> None:
        """Write what is left, unless the writer hangs, and no more."""
        self._watcher.close()
        if not self._writing:
            self._look()

    def _look(self) -> None:
        with self._lock:
            items, self._items, self._size = self._items, [], 0
        if not items:
            return
        self._writing = True
        try:
            apart(partial(self._write_counting, items))
        finally:
            self._writing = False
        self._on_dropped(self.dropped)
        self._written()

    def _write_counting(self, items: list[Item]) -> None:
        self._lost += self._write(items)
