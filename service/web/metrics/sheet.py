"""One worker's figures, in memory that the workers share: each writes to its own sheet, and reads all of them.

A sheet is a state, which its owner writes over, and counters, which only grow. It stays when its owner ends, however
that was, and the next owner goes on in it. Whoever reads takes nothing in it for granted: the owner may be writing, or
may have been killed while it wrote.

    state      CRC-32 and length of a JSON document, and the document, in ``STATE_BYTES``
    used       bytes of the entries that are complete, uint64
    entries    length of the key, how many numbers (uint32 both), the key padded to 8 bytes, float64 numbers

The machine's own byte order and alignment, for no other machine ever reads it. A number is 8 aligned bytes, which a
processor writes at once: no one sees half of it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, TypeAlias
from zlib import crc32

import orjson

SHEET_BYTES = 2**19
"""Room for some 4,000 counters; what is not written to takes no memory."""

STATE_BYTES = 2**12

SPARE_NUMBERS = 64

SPARE = SHEET_BYTES // 8 - SPARE_NUMBERS
"""The first of some numbers at the end that belong to no entry: to write what nobody will read."""

_STATE = struct.Struct("=II")
_ENTRY = struct.Struct("=II")
_ENTRIES = STATE_BYTES + 8
_END = 8 * SPARE
_TRIES = 3

Key: TypeAlias = tuple[str, ...]
"""A family's name, and the values of its labels in their order."""


class Sheet:
    """A view of one.

    Args:
        memory: ``SHEET_BYTES``, zero at first.

    Attributes:
        numbers: all of it as numbers, to be used where an entry has them, or from ``SPARE`` on.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._used = memory[STATE_BYTES:_ENTRIES].cast("Q")
        self.numbers = memory.cast("d")

    def read_state(self) -> dict[str, Any] | None:
        """The state; ``None`` if there is none."""
        for _ in range(_TRIES):  # its owner may be writing it
            check, length = _STATE.unpack_from(self._memory)
            text = bytes(self._memory[_STATE.size : min(_STATE.size + length, STATE_BYTES)])
            if text and crc32(text) == check:
                state: dict[str, Any] = orjson.loads(text)
                return state
        return None

    def write_state(self, state: dict[str, Any] | None) -> None:
        """Put another state in the place of this one; ``None`` for none.

        Raises:
            ValueError: it is too long.
        """
        text = b"" if state is None else orjson.dumps(state)
        whole = _STATE.pack(crc32(text), len(text)) + text
        if len(whole) > STATE_BYTES:
            raise ValueError(f"a state of {len(whole)} bytes")
        self._memory[: len(whole)] = whole

    def entries(self) -> Iterator[tuple[Key, int, int]]:
        """Each entry's key, the index of its first number, and how many it has.

        Raises:
            ValueError: it is damaged from there on.
        """
        at, end = _ENTRIES, _ENTRIES + self._used[0]
        if end > _END or end % 8:
            raise ValueError(f"{end} bytes in a sheet of {SHEET_BYTES}")
        while at < end:
            if at + _ENTRY.size > end:
                raise ValueError(f"no entry at {at}")
            length, count = _ENTRY.unpack_from(self._memory, at)
            first = at + _ENTRY.size + _padded(length)
            if not count or first + 8 * count > end:
                raise ValueError(f"no entry at {at}")
            key = _key(bytes(self._memory[at + _ENTRY.size : at + _ENTRY.size + length]))
            if not all(0.0 <= number < math.inf for number in self.numbers[first // 8 : first // 8 + count]):
                raise ValueError(f"what {key[0]} counts is no number of anything")
            yield key, first // 8, count
            at = first + 8 * count

    def append(self, key: Key, count: int) -> int | None:
        """The index of the first number of a new entry, all of them 0; ``None``: there is no room."""
        text = orjson.dumps(key)
        at = _ENTRIES + self._used[0]
        first = at + _ENTRY.size + _padded(len(text))
        end = first + 8 * count
        if end > _END:
            return None
        self._memory[at:end] = bytes(end - at)  # an owner that was killed may have left something there
        self._memory[at : at + _ENTRY.size + len(text)] = _ENTRY.pack(len(text), count) + text
        self._used[0] = end - _ENTRIES  # from now on it is there, and not before it is whole
        return first // 8

    def clear(self) -> None:
        """Begin anew."""
        self._used[0] = 0
        self.write_state(None)


def _padded(length: int) -> int:
    return -(-length // 8) * 8


def _key(text: bytes) -> Key:
    key = orjson.loads(text)
    if not isinstance(key, list) or not key or not all(isinstance(part, str) for part in key):
        raise ValueError("a key is no list of texts")
    return tuple(key)
