"""Files of an artefact, opened so that nothing another process does to them can be mistaken for what was verified.

A file below ``SHARED_FROM`` is read into memory and verified there: whatever happens to it later, no answer changes.
A larger one is memory-mapped, so that N workers hold one copy of it. Such a file may not be changed in place while it
is in use: written over, it would change answers; cut short, it would kill the process that touches the missing part
(SIGBUS). The store never does either, for it writes new files and renames folders.

A file that is cut short *while* it is verified is refused: its digest is taken from what ``read`` gives, which ends
where the file ends, and it is mapped only if it still has its full size then.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as numpy_format
from numpy.typing import NDArray

from service.errors import ArtefactInvalid

npy: Any = numpy_format  # numpy has no types for it

SHARED_FROM = 16 * 2**20
"""Files of this many bytes and more are memory-mapped."""

CHUNK_BYTES = 8 * 2**20
"""So much is verified at a time, while other threads run; between two chunks the verifying one waits for its turn, so
that smaller ones would make it slow beside busy threads."""

_HEADER_BYTES = 4_096


def read_whole(path: Path, version: str) -> bytes:
    """A file of which nothing is known beforehand.

    Raises:
        ArtefactInvalid: it is no regular file, can't be read, or has ``SHARED_FROM`` bytes or more.
    """
    with _opened(path, version) as (descriptor, size):
        if size >= SHARED_FROM:
            raise ArtefactInvalid(version=version, reason=f"{path.name} is too large")
        content = bytearray()
        for chunk in _chunks(descriptor, size):
            content += chunk
        return bytes(content)


def read_sealed(path: Path, version: str, stated: Mapping[str, Any]) -> memoryview:
    """The content, read-only, of a file whose ``sha256`` (hexadecimal) and ``bytes`` are stated.

    Raises:
        ArtefactInvalid: it is no regular file, can't be read, or has another size or digest.
    """
    mismatch = ArtefactInvalid(version=version, reason=f"{path.name} does not have the digest in its manifest")
    with _opened(path, version) as (descriptor, size):
        if size != stated["bytes"]:
            raise mismatch
        shared = size >= SHARED_FROM
        digest, content = sha256(), bytearray()
        for chunk in _chunks(descriptor, size):
            digest.update(chunk)
            if not shared:
                content += chunk
        if digest.hexdigest() != stated["sha256"] or os.fstat(descriptor).st_size != size:
            raise mismatch
        if not shared:
            return memoryview(content).toreadonly()
        try:
            return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
        except ValueError:  # it was cut short since
            raise mismatch from None


def array_in(data: memoryview, *, name: str, dtype: np.dtype[Any], shape: tuple[int], version: str) -> NDArray[Any]:
    """The array in an ``.npy`` file of which type and shape are known beforehand: read-only, and not copied.

    Raises:
        ArtefactInvalid: it is not exactly that.
    """
    head = io.BytesIO(data[:_HEADER_BYTES])
    try:
        if npy.read_magic(head) != (1, 0):
            raise ValueError("not version 1.0 of the format")
        found_shape, _, found_dtype = npy.read_array_header_1_0(head)
    except Exception as error:  # numpy lets through whatever Python's own parser and tokenizer raise
        raise ArtefactInvalid(version=version, reason=f"{name} is no array: {error}") from None
    size = head.tell() + dtype.itemsize * shape[0]
    if found_shape != shape or found_dtype != dtype or len(data) != size:
        raise ArtefactInvalid(version=version, reason=f"{name} is not {dtype} of shape {shape}")
    array = np.frombuffer(data, dtype=dtype, offset=head.tell())
    if not array.flags.aligned:  # numpy pads every header; what is not aligned can't be read without a copy
        raise ArtefactInvalid(version=version, reason=f"{name} does not begin where its type may")
    return array


def array_parts(array: NDArray[Any]) -> tuple[bytes, memoryview]:
    """The header and the data of an array's ``.npy`` file, the data not copied where it is contiguous."""
    array = np.ascontiguousarray(array)
    header = io.BytesIO()
    npy.write_array_header_1_0(header, npy.header_data_from_array_1_0(array))
    return header.getvalue(), array.view(np.uint8).data


@contextmanager
def _opened(path: Path, version: str) -> Iterator[tuple[int, int]]:
    """A descriptor of a regular file, and its size; what the system refuses in the block is refused here too."""
    try:
        # Not to block: a named pipe in the file's place would never open.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = f"{path.name} can't be opened: {getattr(error, 'strerror', None) or error}"
        raise ArtefactInvalid(version=version, reason=reason) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ArtefactInvalid(version=version, reason=f"{path.name} is no regular file")
        yield descriptor, status.st_size
    except OSError as error:
        raise ArtefactInvalid(version=version, reason=f"{path.name} can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _chunks(descriptor: int, size: int) -> Iterator[memoryview]:
    """The first ``size`` bytes of a file, or what there is of them; a chunk is there until the next is asked for."""
    buffer = memoryview(bytearray(min(CHUNK_BYTES, size)))
    done = 0
    while done < size and (count := os.preadv(descriptor, [buffer[: size - done]], done)):
        yield buffer[:count]
        done += count
