"""The store's pointer: which version is current, and which ones were before it.

    current.json      the pointer, with the change that made it
    audit.ndjson      every change (see ``audit``)
    lock              held while anything of the store changes that somebody else may change too

The pointer changes only by write to a temporary file, fsync, rename, fsync of the folder, under the lock: it is the old
or the new one, never in between. It carries its own audit record, so that a crash between the rename and the append
loses no line: whoever takes the lock next writes it.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from service.artefact import ID_LENGTH
from service.audit import AuditLog, Change, load_change
from service.durable import make_folder, replace_file, sync_folder
from service.errors import ChangeUnconfirmed, StoreError

MAX_PREDECESSORS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Why a version was made current that no gate has passed, and what the gate had said of it."""

    reason: str
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What is current, what a rollback returns to (newest first), and the change that made it so.

    Attributes:
        overrides: of those predecessors that were last promoted by an override, that override.
    """

    current: str
    predecessors: tuple[str, ...]
    change: Change
    overrides: Mapping[str, Override] = field(default_factory=dict)

    def override(self, version: str) -> Override | None:
        """The override that the current version or a predecessor stands on, or ``None``: a gate has passed it."""
        if version != self.current:
            return self.overrides.get(version)
        if self.change.override is None or self.change.overridden is None:
            return None
        return Override(reason=self.change.override, refusal=self.change.overridden)

    def to_document(self) -> dict[str, Any]:
        """The pointer as the plain document that the file holds; without overrides, it has not their key either."""
        document = {**asdict(self), "change": self.change.to_document()}
        if not self.overrides:
            del document["overrides"]
        return document


class PointerFile:
    """The pointer and the audit log in a store's folder.

    Args:
        root: the store's folder, made by the first change.
        now: gives the time that stands in the audit log.
    """

    def __init__(self, root: Path, *, now: Callable[[], str]) -> None:
        self._root = root
        self._lock = root / "lock"
        self._log = AuditLog(root / "audit.ndjson")
        self._now = now
        self.path = root / "current.json"

    def read(self) -> Pointer | None:
        """The pointer, or ``None`` before the first change.

        Raises:
            StoreError: it can't be read.
        """
        try:
            return _pointer(orjson.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"the store's pointer {self.path.name} can't be read: {error!r}") from None

    def log(self) -> tuple[list[Change], list[str]]:
        """Every change, oldest first, and what is wrong with each line of the log that is none.

        Raises:
            StoreError: the log or the pointer can't be read.
        """
        if not self._lock.exists():  # nothing was ever changed, or all of it was copied without the lock
            return self._read_log()
        with open(self._lock, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            return self._read_log()

    def _read_log(self) -> tuple[list[Change], list[str]]:
        pointer = self.read()
        return self._log.read(None if pointer is None else pointer.change)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock; the store's folder is made if it is missing."""
        if not self._root.exists():
            make_folder(self._root)
        with open(self._lock, "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def locked(self) -> Iterator[Pointer | None]:
        """Hold the lock; gives the pointer, with an audit log that is complete."""
        with self.lock():
            pointer = self.read()
            if pointer is not None:
                self._log.mend(pointer.change)
            yield pointer

    def move(
        self,
        old: Pointer | None,
        version: str,
        predecessors: tuple[str, ...],
        *,
        action: str,
        actor: str,
        reason: str,
        override: Override | None = None,
    ) -> Pointer:
        """Point at ``version``; only for a holder of the lock, which gave it ``old``.

        Raises:
            ChangeUnconfirmed: the pointer is the new one, but something after that failed.
            OSError: nothing was changed.
        """
        change = Change(
            # Also where somebody put an older pointer back: no number stands in the log twice.
            sequence=max(0 if old is None else old.change.sequence, self._log.last_sequence()) + 1,
            time=self._now(),
            actor=actor,
            action=action,
            from_version=None if old is None else old.current,
            to_version=version,
            reason=reason,
            override=None if override is None else override.reason,
            overridden=None if override is None else override.refusal,
        )
        kept = predecessors[:MAX_PREDECESSORS]
        known = {} if old is None else {before: old.override(before) for before in kept}
        overrides = {before: known_override for before, known_override in known.items() if known_override is not None}
        pointer = Pointer(current=version, predecessors=kept, change=change, overrides=overrides)
        text = orjson.dumps(pointer.to_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            replace_file(self.path, text)
            self._log.append(change)
        except OSError as error:
            if self.read() == pointer:
                raise ChangeUnconfirmed(version=version, reason=error.strerror or str(error)) from error
            raise
        return pointer

    def confirm(self) -> None:
        """Wait until the pointer that stands there is on the disk: its last change may have ended before it was."""
        sync_folder(self._root)


def _pointer(document: Any) -> Pointer:
    return Pointer(
        current=_version_name(document["current"]),
        predecessors=tuple(_version_name(version) for version in document["predecessors"]),
        change=load_change(document["change"]),
        overrides={
            _version_name(version): Override(reason=_text(override["reason"]), refusal=_text(override["refusal"]))
            for version, override in document.get("overrides", {}).items()
        },
    )


def is_version_id(value: str) -> bool:
    """Whether a text has the form of a version's id."""
    return len(value) == ID_LENGTH and set(value) <= set("0123456789abcdef")


def _version_name(value: object) -> str:
    """A version id read from a file, before it becomes part of a path."""
    if not isinstance(value, str) or not is_version_id(value):
        raise ValueError(f"{value!r} is no version id")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value
