"""Work that goes on in other threads, a few items ahead of or behind this one.

What is done there is Arrow's reading and our kernels, which both let other threads run; so two cores read, hash, learn
and count at once, and no more than a few items are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

DEPTH = 2
"""How many items may wait between two threads."""

_END = object()


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, in their order, each of them made in another thread before it is asked for.

    What making one raises is raised here, in its place. Closed early, it waits for those that are being made.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    try:
        pending: deque[Future[Any]] = deque(pool.submit(next, items, _END) for _ in range(DEPTH))
        while (item := pending.popleft().result()) is not _END:
            pending.append(pool.submit(next, items, _END))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)


class Behind:
    """Calls that are made in another thread, in their order; a context manager that waits for the last at its end.

    What a call raises is raised by a later ``submit`` or by the end; calls that waited behind it may have been made.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind")
        self._pending: deque[Future[Any]] = deque()

    def __enter__(self) -> Behind:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            while self._pending and error is None:
                self._pending.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, call: Callable[..., object], *arguments: object) -> None:
        """Have a call made; wait, if ``DEPTH`` of them wait already."""
        while len(self._pending) >= DEPTH:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(call, *arguments))
