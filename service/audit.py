"""The audit log: every change of the store's pointer, one JSON object a line, and no line is ever taken out again.

The log is written after the pointer, which carries the newest change too. So a crash in between loses nothing: whoever
takes the store's lock next completes the log from the pointer (``mend``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from service.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the pointer.

    Attributes:
        sequence: 1 for a store's first change, and one more for each.
        time: ISO 8601.
        override: the reason given for making a version current that no gate has passed; ``None``: a gate has passed it.
        overridden: what the gate had said of it; ``None`` without an override.
    """

    sequence: int
    time: str
    actor: str
    action: str
    from_version: str | None
    to_version: str
    reason: str
    override: str | None = None
    overridden: str | None = None

    def to_document(self) -> dict[str, Any]:
        """The change as a plain document; without an override, it has not the keys of one either."""
        document = asdict(self)
        return {key: value for key, value in document.items() if value is not None or key == "from_version"}


def load_change(document: Any) -> Change:
    """A change read from a file.

    Raises:
        TypeError, ValueError: it is none.
    """
    change = Change(**document)
    texts = (change.time, change.actor, change.action, change.to_version, change.reason)
    if type(change.sequence) is not int or change.sequence < 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError("a change with a value of another type")
    if change.from_version is not None and not isinstance(change.from_version, str):
        raise ValueError("a change from something else than a version")
    override = (change.override, change.overridden)
    if override != (None, None) and not all(isinstance(text, str) for text in override):
        raise ValueError("half an override")
    return change


class AuditLog:
    """The log's file. Whoever writes, or wants to read what is whole, holds the store's lock.

    Args:
        path: the file, made by the first change.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, newest: Change | None) -> tuple[list[Change], list[str]]:
        """Every change, oldest first, and what is wrong with each line that is none.

        Args:
            newest: the change that the pointer carries; it is among the changes even if a crash kept it from the log.

        Raises:
            StoreError: the file can't be read.
        """
        whole, torn = self._content()
        changes, damage = [], []
        for number, line in enumerate(whole, start=1):
            try:
                changes.append(load_change(orjson.loads(line)))
            except (ValueError, TypeError) as error:
                damage.append(f"line {number} is no change: {error!r}")
        if torn and not _is_start(torn, newest):
            damage.append(f"{len(torn)} bytes at the end are no change")
        if newest is not None and (not changes or changes[-1].sequence < newest.sequence):
            changes.append(newest)
        return changes, damage

    def last_sequence(self) -> int:
        """The sequence of the last line that can be read; 0: there is none."""
        return _last_sequence(self._content()[0])

    def mend(self, newest: Change) -> None:
        """Complete the log with the pointer's change, if a crash kept it from there.

        Half of that change's line is written over. Anything else that is no change is not ours to remove: it stays, on
        a line of its own.
        """
        whole, torn = self._content()
        if torn and _is_start(torn, newest):
            os.truncate(self.path, sum(len(line) + 1 for line in whole))
            torn = b""
        end_line = b"\n" if torn else b""
        if _last_sequence(whole) < newest.sequence:
            self._write(end_line + _line(newest))
        elif end_line:
            self._write(end_line)

    def append(self, change: Change) -> None:
        """Log a change, durably."""
        self._write(_line(change))

    def _write(self, data: bytes) -> None:
        # The entry of a new log is not waited for: the pointer carries the line until its own next change syncs both.
        with open(self.path, "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _content(self) -> tuple[list[bytes], bytes]:
        """The whole lines, without their ends, and what comes after the last of them."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return [], b""
        except OSError as error:
            raise StoreError(f"the audit log {self.path.name} can't be read: {error}") from None
        *whole, torn = text.split(b"\n")
        return whole, torn


def _line(change: Change) -> bytes:
    return orjson.dumps(change.to_document(), option=orjson.OPT_APPEND_NEWLINE)


def _is_start(torn: bytes, change: Change | None) -> bool:
    """Whether this is what a crash left of a change's line; after a power failure, zeros may stand for the rest."""
    return change is not None and _line(change).startswith(torn.rstrip(b"\0"))


def _last_sequence(lines: Sequence[bytes]) -> int:
    for line in reversed(lines):
        try:
            return load_change(orjson.loads(line)).sequence
        except (ValueError, TypeError):
            continue
    return 0
