"""The store's pointer: which version is current, which ones were before it, and the log of every change.

    current.json      the pointer, with the change that made it
    audit.ndjson      every change, one JSON object a line
    lock              held while the pointer changes

The pointer changes only by write to a temporary file, fsync, rename, fsync of the folder, under the lock: it is the old
or the new one, never in between. It carries its own audit record, so that a crash between the rename and the append
loses no line: whoever takes the lock next writes it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from service.artefact import ID_LENGTH
from service.durable import replace_file
from service.errors import StoreError

MAX_PREDECESSORS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the pointer, as the audit log holds it."""

    sequence: int
    time: str
    actor: str
    action: str
    from_version: str | None
    to_version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What is current, what a rollback returns to (newest first), and the change that made it so."""

    current: str
    predecessors: tuple[str, ...]
    change: Change


class PointerFile:
    """The pointer and the audit log in a store's folder.

    Args:
        root: the store's folder, made by the first change.
        now: gives the time that stands in the audit log.
    """

    def __init__(self, root: Path, *, now: Callable[[], str]) -> None:
        self._root = root
        self.path = root / "current.json"
        self.audit_path = root / "audit.ndjson"
        self._now = now

    def read(self) -> Pointer | None:
        """The pointer, or ``None`` before the first change.

        Raises:
            StoreError: it can't be read.
        """
        try:
            document = orjson.loads(self.path.read_bytes())
            return Pointer(
                current=_version_name(document["current"]),
                predecessors=tuple(_version_name(version) for version in document["predecessors"]),
                change=_change(document["change"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StoreError(f"the store's pointer {self.path.name} can't be read: {error!r}") from None

    def audit(self) -> list[Change]:
        """Every change, oldest first; also one that a crash kept from the log and the pointer carries.

        Raises:
            StoreError: the log or the pointer can't be read.
        """
        pointer = self.read()
        changes = [self._logged(line) for line in self._whole_lines().splitlines()]
        if pointer is not None and (not changes or changes[-1].sequence < pointer.change.sequence):
            changes.append(pointer.change)
        return changes

    @contextmanager
    def locked(self) -> Iterator[Pointer | None]:
        """Hold the lock; gives the pointer, with an audit log that is whole."""
        self._root.mkdir(parents=True, exist_ok=True)
        with open(self._root / "lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            pointer = self.read()
            if pointer is not None:
                self._mend_audit(pointer)
            yield pointer

    def move(
        self, old: Pointer | None, version: str, predecessors: tuple[str, ...], *, action: str, actor: str, reason: str
    ) -> Pointer:
        """Point at ``version``; only for a holder of the lock, which gave it ``old``."""
        change = Change(
            sequence=1 if old is None else old.change.sequence + 1,
            time=self._now(),
            actor=actor,
            action=action,
            from_version=None if old is None else old.current,
            to_version=version,
            reason=reason,
        )
        pointer = Pointer(current=version, predecessors=predecessors[:MAX_PREDECESSORS], change=change)
        replace_file(self.path, orjson.dumps(asdict(pointer), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        self._append_audit(change)
        return pointer

    def _append_audit(self, change: Change) -> None:
        with open(self.audit_path, "ab") as file:
            file.write(orjson.dumps(asdict(change), option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())

    def _mend_audit(self, pointer: Pointer) -> None:
        """Write the pointer's own record if a crash kept it from the log, over a half-written line if there is one."""
        whole = self._whole_lines()
        if self.audit_path.exists():
            os.truncate(self.audit_path, len(whole))
        last = self._logged(whole.splitlines()[-1]).sequence if whole else 0
        if last < pointer.change.sequence:
            self._append_audit(pointer.change)

    def _whole_lines(self) -> bytes:
        try:
            text = self.audit_path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreError(f"the audit log {self.audit_path.name} can't be read: {error}") from None
        return text[: text.rfind(b"\n") + 1]

    def _logged(self, line: bytes) -> Change:
        try:
            return _change(orjson.loads(line))
        except (ValueError, TypeError) as error:
            message = f"{self.audit_path.name} holds a line that is no change ({error!r}); move the file aside to go on"
            raise StoreError(message) from None


def _change(document: Any) -> Change:
    """A change read from a file."""
    change = Change(**document)
    texts = (change.time, change.actor, change.action, change.to_version, change.reason)
    if type(change.sequence) is not int or change.sequence < 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError("a change with a value of another type")
    return change


def _version_name(value: object) -> str:
    """A version id read from a file, before it becomes part of a path."""
    if not isinstance(value, str) or len(value) != ID_LENGTH or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{value!r} is no version id")
    return value
