"""Workers that know how many connections each of them has, so that one with few accepts the next.

The kernel wakes all workers for a new connection, and whoever comes first has it: usually the one that has just been
awake. A kept connection stays where it was accepted, so that one worker may have all the work.

The counts lie in a page that the workers share, made before they are forked. A worker writes to its own place alone,
and what it reads may be a moment old: two may both think that it is their turn, and the kernel gives the connection to
one.
"""

from __future__ import annotations

import mmap

PATIENCE_SECONDS = 0.01
"""Of the worker whose turn it is, nothing was seen for so long: it hangs, or its requests take long."""

SPARE = 1
"""So many more connections than another may a worker have that accepts: leaving each to another would take longer."""

_AWAY = -1


class Turns:
    """What the workers share: for each place, the connections that are open, and how many it ever accepted.

    The master gives a worker its place before the fork, and takes it back when the worker has ended, however it did.
    """

    def __init__(self, n_places: int) -> None:
        shared = memoryview(mmap.mmap(-1, 2 * 8 * n_places)).cast("q")
        self.open, self.accepted = shared[:n_places], shared[n_places:]
        self._free = list(range(n_places))
        for place in self._free:
            self.open[place] = _AWAY

    def take(self) -> Turn | None:
        """A place; ``None`` if all are taken. Who has none accepts whenever it can."""
        return Turn(self, self._free.pop(0)) if self._free else None

    def give_back(self, turn: Turn) -> None:
        """Of a worker that has ended."""
        self.open[turn.place] = _AWAY
        self._free.append(turn.place)


class Turn:
    """One worker's part of it."""

    def __init__(self, turns: Turns, place: int) -> None:
        self.place = place
        self._turns = turns
        self._n_open = 0
        self._accepted_by_others = 0
        self._waits_since: float | None = None
        self._patience = PATIENCE_SECONDS
        self._here = False

    @property
    def has_fewest(self) -> bool:
        """Whether no other worker has fewer connections, but for ``SPARE``."""
        return not any(0 <= there < self._n_open - SPARE for there in self._turns.open.tolist())

    def come(self) -> None:
        """Begin to accept."""
        self._here = True
        self._turns.open[self.place] = self._n_open

    def leave(self) -> None:
        """End to accept. What is open still does not count: no one should wait for this worker."""
        self._here = False
        self._turns.open[self.place] = _AWAY

    def opened(self) -> None:
        """A connection was accepted."""
        self._turns.accepted[self.place] += 1
        self._n_open += 1
        if self._here:
            self._turns.open[self.place] = self._n_open

    def closed(self) -> None:
        """A connection has ended."""
        self._n_open -= 1
        if self._here:
            self._turns.open[self.place] = self._n_open

    def is_mine(self, now: float) -> bool:
        """Whether to accept the connection that waits; asked again a little later, while one does.

        It is for a worker that ``has_fewest``. If none of those accepts any for ``PATIENCE_SECONDS``, it is for whoever
        asks; and from then until another worker accepts again, each is given one chance and no more patience.

        Args:
            now: seconds, by a clock that only goes forward.
        """
        if self.has_fewest:
            self._waits_since = None
            return True
        accepted = sum(self._turns.accepted.tolist()) - self._turns.accepted[self.place]
        if accepted != self._accepted_by_others:
            self._accepted_by_others, self._waits_since, self._patience = accepted, now, PATIENCE_SECONDS
            return False
        if self._waits_since is None:
            self._waits_since = now
            return False
        if now - self._waits_since < self._patience:
            return False
        self._waits_since, self._patience = None, 0.0
        return True
