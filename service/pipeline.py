"""Work that goes on in other threads, a few items ahead of or behind this one.

What is done there is Arrow's reading and our kernels, which both let other threads run; so two cores read, hash, learn
and count at once, and no more than a few items are in memory.

Ctrl-C may come at any moment, and must not leave anyone waiting. A lock that is written in Python (``Condition``, and
so ``Future`` and ``Event``) stays taken for good if it is interrupted right after it was acquired, and the other thread
then waits for it forever. So threads meet here at ``SimpleQueue`` only, which is written in C and whole at any moment.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 2
"""How many items may wait between two threads."""

_END = object()


class Aside:
    """Another thread, which makes calls one after the other; a context manager that ends it.

    At the end calls that have not begun are left out, and the one that is being made is waited for.

    Attributes:
        wanted: until the end; a call that takes long may look, and stop.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._outcomes: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._over: SimpleQueue[None] = SimpleQueue()
        self.wanted = True
        # Not a `Thread`, whose start waits for an `Event`; nor does the interpreter wait for this one when it ends.
        _thread.start_new_thread(self._run, ())

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        self.wanted = False
        self._calls.put(None)
        self._over.get()

    def submit(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Have a call made; each has to be asked for its ``result``, or the end comes."""
        self._calls.put((call, arguments))

    def result(self) -> Any:
        """What the first of the calls returned whose result nobody took yet; what it raised is raised here."""
        value, error = self._outcomes.get()
        if error is not None:
            raise error
        return value

    def _run(self) -> None:
        while (asked := self._calls.get()) is not None and self.wanted:
            call, arguments = asked
            try:
                self._outcomes.put((call(*arguments), None))
            except BaseException as error:  # noqa: B036 - raised where the result is asked for
                self._outcomes.put((None, error))
            del asked, call, arguments  # or a batch would live until the next one comes
        self._over.put(None)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, in their order, each of them made in another thread before it is asked for.

    What making one raises is raised here, in its place. Closed early, it waits for the one that is being made.
    """
    with Aside() as aside:
        for _ in range(DEPTH):
            aside.submit(next, items, _END)
        while (item := aside.result()) is not _END:
            aside.submit(next, items, _END)
            yield item


class Behind:
    """Calls that are made in another thread, in their order; a context manager that waits for the last at its end.

    What a call raises is raised by a later ``submit`` or by the end; calls that waited behind it may have been made.
    """

    def __init__(self) -> None:
        self._aside = Aside()
        self._waiting = 0

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with self._aside:
            while self._waiting and error is None:
                self._take()

    def submit(self, call: Callable[..., object], *arguments: object) -> None:
        """Have a call made; wait, if ``DEPTH`` of them wait already."""
        while self._waiting >= DEPTH:
            self._take()
        self._aside.submit(call, *arguments)
        self._waiting += 1

    def _take(self) -> None:
        self._waiting -= 1
        self._aside.result()
