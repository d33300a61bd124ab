"""Files that processes append lines to side by side, each to its own, and of which only so many are kept."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

MOST_PLACES = 1_024
"""More processes than this write to no folder at once."""


class RequestFiles:
    """The files of one process, ``requests-PLACE-NUMBER.ndjson``.

    A place belongs to one living process, which holds a lock on it; after its end the next one takes it over, with the
    files that are there. So the files are bounded however often processes are replaced. No process appends to what
    another has begun, for its last line may be torn.

    Args:
        folder: made if it is missing, if the folder that it is in is there.
        most_bytes: of a file, unless one piece is longer.
        most_files: that are kept of a place, with the one that is written.
    """

    def __init__(self, folder: Path, *, most_bytes: int, most_files: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_files = most_files
        self._process = 0
        self._lock: int | None = None
        self._place = 0
        self._file: int | None = None
        self._path = folder
        self._size = 0

    def append(self, lines: bytes) -> None:
        """Append whole lines.

        Raises:
            OSError: they can't be written; nothing of them is in a file.
        """
        if self._process != os.getpid() or (self._file is not None and not self._is_there()):
            self.close()
            self._process = os.getpid()
        if self._file is None or (self._size and self._size + len(lines) > self._most_bytes):
            self._begin()
        file = self._file
        assert file is not None
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            try:
                os.ftruncate(file, self._size)
            except OSError:
                self._end()  # its last line is torn: no other may follow it
            raise
        self._size += len(lines)

    def close(self) -> None:
        """Let go of the file and the place."""
        self._end()
        if self._lock is not None:
            lock, self._lock = self._lock, None
            with suppress(OSError):
                os.close(lock)

    def _is_there(self) -> bool:
        """Whether the file that is open is the one that its path names: a folder may go away."""
        assert self._file is not None
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _begin(self) -> None:
        self._end()
        if self._lock is None:
            self._lock, self._place = self._take_place()
        there = sorted(self._folder.glob(f"requests-{self._place:04}-*.ndjson"))
        for old in there[: max(0, len(there) + 1 - self._most_files)]:
            old.unlink(missing_ok=True)
        number = int(there[-1].stem.rsplit("-", 1)[1]) + 1 if there else 1
        self._path = self._folder / f"requests-{self._place:04}-{number:09}.ndjson"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0

    def _take_place(self) -> tuple[int, int]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for place in range(MOST_PLACES):
            lock = os.open(self._folder / f".place-{place:04}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            except OSError:
                os.close(lock)
                raise
            else:
                return lock, place
        raise BlockingIOError(f"{MOST_PLACES} processes write to the folder already")

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                os.close(file)
