"""The model that answers now: the version that the store's pointer names, verified, swapped in by one reference.

A watcher looks at the store every ``LOOK_SECONDS``, beside the requests, and they read nothing but that reference. The
rules, and why they are so, are in ``docs/decisions/0006-hot-swap.md``.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from service.artefact import CONTENT, MANIFEST
from service.core.predictor import Predictor
from service.core.seen import Seen
from service.errors import NoModel, StoreError
from service.pointer import Pointer
from service.store import Store
from service.watcher import Watcher, apart

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""From the end of one look at the store to the next."""

RETRY_SECONDS = 30.0
"""A version that was refused is tried again after this, or at once when the pointer or one of its files changes."""

TURN_SECONDS = 0.001
"""While a version is verified, a thread that computes lets another one in after this (Python's usual 5 ms else)."""

FILES = (MANIFEST, *CONTENT)

Stamp = tuple[tuple[int, int, int, int] | None, ...]
"""For each file of a version, what changes when it does: inode, bytes, when its content and its inode changed (ns)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Who promoted a version without its gate's blessing, when, and for what reason."""

    reason: str
    actor: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What answers at one moment, and what is known about it. It never changes: a new one takes its place.

    Attributes:
        predictor: what answers; ``None`` when nothing may.
        reason: why nothing answers.
        refused: why the version that was promoted last, or the one that answered, is not what it should be.
        refusals: how often this process refused something.
        override: if the version that answers was promoted over its gate's head, by whom and why.
        promoted: when the version that answers was, in ISO 8601; ``None`` where the store does not say it.
        seen: the values that training saw of the version that answers, if they were to be kept.
    """

    predictor: Predictor | None = None
    reason: str = "no model was loaded yet"
    refused: str | None = None
    refusals: int = 0
    override: Override | None = None
    promoted: str | None = None
    seen: Seen | None = None


Told: TypeAlias = Callable[[Status], None]
"""What is told of a status. It must be quick, and raise nothing."""


class ModelSource(Protocol):
    """Where the web gets its predictor from."""

    def predictor(self) -> Predictor:
        """The predictor to answer one request with; ask once a request, and use that one throughout.

        Raises:
            NoModel: there is no verified model.
        """

    def status(self) -> Status:
        """The predictor, if there is one, and what belongs to it; ask once a request."""

    def follow(self, told: Told) -> None:
        """Tell of the status now, and of each other one from now on."""


class PinnedModel:
    """One predictor for ever."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predictor(self) -> Predictor:
        """The predictor that was given."""
        return self._predictor

    def status(self) -> Status:
        """Nothing else is ever promoted."""
        return Status(predictor=self._predictor)

    def follow(self, told: Told) -> None:
        """There will be no other one."""
        told(self.status())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """The version that answers, or that did until its files were damaged: then it has no predictor."""

    version: str
    pointer: Pointer
    stamp: Stamp
    predictor: Predictor | None
    seen: Seen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why a version did not verify, and what must change, or how late it must be, to try it again."""

    reason: str
    pointer: Pointer
    stamp: Stamp
    retry: float


class LiveModel:
    """Follows the pointer of a store.

    A version is loaded and verified off to the side. One that fails is refused, counted and logged, and the old one
    goes on answering. Fail-closed: without a version that verified there is no predictor, and a version whose files
    have changed or are gone answers only until it is found that it does not verify any more.

    Args:
        keep_seen: whether the status has what training saw: below ``sealed.SHARED_FROM`` bytes in each worker's own
            memory, above in what all share.
        clock: seconds that never go backwards.
    """

    def __init__(
        self, store: Store, *, keep_seen: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._keep_seen = keep_seen
        self._clock = clock
        self._status = Status()
        self._followers: tuple[Told, ...] = ()
        self._told: Status | None = None
        self._promoted: str | None = None
        self._served: _Served | None = None
        self._refused: dict[str, _Refusal] = {}
        self._troubles: tuple[str, ...] = ()
        self._refusals = 0
        self._said: list[tuple[int, str]] = []
        self._watcher = Watcher(self._look, seconds=LOOK_SECONDS)

    def predictor(self) -> Predictor:
        """See :class:`ModelSource`."""
        status = self._status
        if status.predictor is None:
            raise NoModel(status.reason)
        return status.predictor

    def status(self) -> Status:
        """See :class:`ModelSource`."""
        return self._status

    def follow(self, told: Told) -> None:
        """See :class:`ModelSource`; it is for the time before the start."""
        self._followers = (*self._followers, told)
        told(self._status)

    def start(self, *, wait: float) -> None:
        """Watch the store from now on; return after the first look, or after ``wait`` seconds if it takes longer."""
        self._watcher.start()
        self._watcher.wait(wait)

    def look(self) -> None:
        """Look at the store now, whether it is watched or not. Raises nothing: what goes wrong is in the status."""
        self._watcher.look()

    def close(self) -> None:
        """Watch no more; what answers goes on answering."""
        self._watcher.close()

    # The rest is for the one that looks. Apart, nothing may be logged: it is said afterwards.

    def _look(self) -> None:
        apart(self._examine)
        said, self._said = self._said, []
        for level, line in said:
            logger.log(level, line)
        if self._status != self._told:
            self._told = self._status
            for told in self._followers:
                told(self._status)

    def _examine(self) -> None:
        known, self._troubles = self._troubles, ()
        for step in (self._follow, self._guard):
            try:
                step()
            except Exception as error:  # whatever it is: what answers goes on answering
                trouble = str(error) if isinstance(error, StoreError) else "the store can't be read"
                self._troubles += (trouble,)
                if trouble not in known:
                    self._refusals += 1
                    self._said.append(_refusal_line(trouble, error))
        self._publish()

    def _follow(self) -> None:
        """Take up the version that the pointer names, if another one is served."""
        pointer = self._store.pointer()
        self._promoted = None if pointer is None else pointer.current
        if pointer is None:
            return
        if self._served is not None and self._served.version == pointer.current:
            self._served = replace(self._served, pointer=pointer)
            return
        served = self._attempt(pointer.current, pointer, self._stamp(pointer.current))
        if served is not None:
            self._served = served
            self._said.append((logging.INFO, f"version {served.version} answers now"))

    def _guard(self) -> None:
        """Verify the version that is served again if its files are not what they were; without that, it is not."""
        served = self._served
        if served is None:
            return
        stamp = self._stamp(served.version)
        if served.predictor is not None and stamp == served.stamp:
            return
        again = self._attempt(served.version, served.pointer, stamp)
        if again is not None:
            self._served = again
            how = "answers again" if served.predictor is None else "was changed, and verified again"
            self._said.append((logging.INFO, f"version {served.version} {how}"))
        elif served.predictor is not None:
            self._served = replace(served, predictor=None, seen=None)
            self._said.append((logging.ERROR, f"version {served.version} answers no more"))

    def _attempt(self, version: str, pointer: Pointer, stamp: Stamp) -> _Served | None:
        """Load and verify a version, unless it was refused as it is now and not long ago; ``None`` without success."""
        known = self._refused.get(version)
        if known is not None and (known.pointer, known.stamp) == (pointer, stamp) and self._clock() < known.retry:
            return None
        if self._status.predictor is None and known is None:
            self._status = replace(self._status, reason=f"version {version} is being loaded")
        try:
            with _turns():
                artefact = self._store.load(version)
            predictor, seen = artefact.predictor, artefact.seen if self._keep_seen else None
            _ = predictor.request_document  # made now, so that no request waits for it
        except Exception as error:
            reason = str(error) if isinstance(error, StoreError) else f"version {version} can't be loaded"
            self._refusals += 1
            if known is None or (known.pointer, known.reason) != (pointer, reason):
                self._said.append(_refusal_line(reason, error))
            retry = self._clock() + RETRY_SECONDS
            self._refused[version] = _Refusal(reason=reason, pointer=pointer, stamp=stamp, retry=retry)
            return None
        self._refused.pop(version, None)
        return _Served(version=version, pointer=pointer, stamp=stamp, predictor=predictor, seen=seen)

    def _stamp(self, version: str) -> Stamp:
        """What the version's files look like from outside.

        Raises:
            OSError: that can't be told, which is another thing than a file that is not there.
            StoreError: there is no store, as where a disk is not mounted any more: that tells nothing of its files.
        """
        stamp = tuple(_file_stamp(self._store.versions / version / name) for name in FILES)
        if not any(stamp) and not self._store.versions.is_dir():
            raise StoreError("the store is not there")
        return stamp

    def _publish(self) -> None:
        """The one assignment by which a version takes another's place."""
        served = self._served
        concerned = (self._promoted, None if served is None else served.version)
        self._refused = {version: refusal for version, refusal in self._refused.items() if version in concerned}
        refused = "; ".join([*(refusal.reason for refusal in self._refused.values()), *self._troubles]) or None
        self._status = Status(
            predictor=None if served is None else served.predictor,
            reason=refused or "no version was promoted in the store",
            refused=refused,
            refusals=self._refusals,
            override=None if served is None else _override(served),
            promoted=None if served is None else _promoted(served),
            seen=None if served is None else served.seen,
        )


@contextmanager
def _turns() -> Iterator[None]:
    """Let threads take turns more often: verifying a large table, one waits for its turn a thousand times."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _file_stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _refusal_line(reason: str, error: Exception) -> tuple[int, str]:
    """What the log says; of an error that is none of ours, also what the status keeps from the world."""
    return logging.ERROR, f"refused: {reason}" if isinstance(error, StoreError) else f"refused: {reason}: {error!r}"


def _promoted(served: _Served) -> str | None:
    change = served.pointer.change
    return change.time if change.to_version == served.version else None


def _override(served: _Served) -> Override | None:
    change = served.pointer.change
    if change.override is None or change.to_version != served.version:
        return None
    return Override(reason=change.override, actor=change.actor, time=change.time)
