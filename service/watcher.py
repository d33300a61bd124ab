"""Looking at something every so often, beside the requests, in whichever process serves.

A watcher is a daemon thread, and a greenlet where gevent has patched threads; work that takes long goes ``apart``.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import TypeVar
from weakref import WeakMethod, WeakSet

logger = logging.getLogger(__name__)

JOIN_SECONDS = 5.0
"""Whoever ends a watcher waits this long for a look that has begun; that look is then the watcher's last."""

Result = TypeVar("Result")


def apart(function: Callable[[], Result]) -> Result:
    """What ``function`` returns, called in a thread of the operating system.

    Where threads are greenlets, it runs in gevent's thread pool, so that other greenlets go on meanwhile; elsewhere the
    caller is such a thread already. It should raise nothing (gevent would print it), not log, and take no lock.
    """
    if _threads_are_greenlets():
        result: Result = sys.modules["gevent"].get_hub().threadpool.apply(function)
        return result
    return function()


class Watcher:
    """Looks at once, and then every so often, until it is closed or the owner of ``look`` is gone.

    It keeps on in both processes after a fork, with a thread for each, and no thread is there while the process forks.

    Args:
        look: a method. Its object is not kept alive. What it raises is logged and ends nothing.
        seconds: from the end of one look to the next.
    """

    def __init__(self, look: Callable[[], None], *, seconds: float) -> None:
        self._look = WeakMethod(look)
        self._seconds = seconds
        self._wanted = False
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._looked = threading.Event()
        self._turn = threading.Lock()

    def start(self) -> None:
        """Begin to look; a second start changes nothing."""
        _follow_forks()
        _started.add(self)
        self._wanted = True
        self._begin()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the first look, but no longer than so; whether it came."""
        return self._looked.wait(seconds)

    def look(self) -> None:
        """Look now, in the caller's thread; one look at a time."""
        look = self._look()
        if look is not None:
            with self._turn:
                look()

    def close(self) -> None:
        """Look no more."""
        self._wanted = False
        _started.discard(self)
        self._end()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.is_set() and self._look() is not None:
            try:
                self.look()
            except Exception:
                logger.exception("looking failed, and goes on")
            self._looked.set()
            stop.wait(self._seconds)

    def _begin(self) -> None:
        if self._wanted and self._thread is None:
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._watch, args=(self._stop,), name="watcher", daemon=True)
            self._thread.start()

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(JOIN_SECONDS)

    def _renew(self) -> None:
        """In the child of a fork: no thread came along, and a lock may have come along locked."""
        looked = self._looked.is_set()
        self._thread, self._turn, self._looked = None, threading.Lock(), threading.Event()
        if looked:
            self._looked.set()


_started: WeakSet[Watcher] = WeakSet()


def _threads_are_greenlets() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


@cache
def _follow_forks() -> None:
    os.register_at_fork(before=_end_all, after_in_parent=_begin_all, after_in_child=_begin_all_in_child)


def _end_all() -> None:
    for watcher in tuple(_started):
        watcher._end()


def _begin_all() -> None:
    for watcher in tuple(_started):
        watcher._begin()


def _begin_all_in_child() -> None:
    if "gunicorn.workers.ggevent" in sys.modules and not _threads_are_greenlets():
        # A worker of gunicorn's gevent class, with preload_app: it patches threads only after this. What is spawned
        # runs when gevent's loop does, which is later still.
        sys.modules["gevent"].spawn(_renew_all)
    else:
        _renew_all()


def _renew_all() -> None:
    for watcher in tuple(_started):
        watcher._renew()
        watcher._begin()
