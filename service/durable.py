"""Writes that survive a crash: each is on the disk, whole, when the call returns, or it did not happen."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

_TEMPORARY = re.compile(r"\..+-[0-9a-f]{16}")


def write_new(path: Path, *parts: bytes | memoryview) -> dict[str, str | int]:
    """Write a new file, wait until it is on the disk, and return its ``sha256`` and ``bytes``."""
    digest, size = sha256(), 0
    with open(path, "xb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
        file.flush()
        os.fsync(file.fileno())
    return {"sha256": digest.hexdigest(), "bytes": size}


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there, and those above it; its entry is on the disk then."""
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)  # also where it was there: its maker may have died before this


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, put in the place of ``path`` when the block ends well: old or new, never a mixture."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file has such a name as :func:`replacing` writes under; one stays behind when its writer is killed."""
    return _TEMPORARY.fullmatch(name) is not None


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` in a file's place at once: the old content or the new, whenever the power goes."""
    with replacing(path) as file:
        file.write(data)
