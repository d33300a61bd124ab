"""Folders that belong to one process for as long as it lives: a lock on a file in them, which ends with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"
"""The file, and not the folder itself: a network file system may know no locks on folders."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Make a new folder, and have it until the end of the block."""
    folder.mkdir()
    with open(folder / LOCK, "xb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_claimed(folder: Path) -> bool:
    """Whether somebody who lives has a folder; in one without the file, nobody has come that far."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
