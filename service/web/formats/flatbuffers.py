"""Tables of a flatbuffer, read with every position checked: a hostile buffer is an error, never a wild read.

A table points to its vtable, which holds for each field where it lies in the table, or 0. Offsets between objects are
unsigned and point forward, so no chain of them comes back to where it began.
"""

from __future__ import annotations

from struct import Struct, error

import numpy as np
from numpy.typing import NDArray

_U16, _I32, _U32 = Struct("<H"), Struct("<i"), Struct("<I")

BOOL, BYTE, SHORT, INT, LONG = Struct("<?"), Struct("<B"), Struct("<h"), Struct("<i"), Struct("<q")


class Malformed(ValueError):
    """The buffer is not what its positions say."""


class Table:
    """One table: its fields by number, or a default where they are not there.

    Raises:
        Malformed: from any method, if what is asked for is not within the buffer.
    """

    __slots__ = ("_buffer", "_n_entries", "_position", "_vtable")

    def __init__(self, buffer: bytes, position: int) -> None:
        vtable = position - _read(_I32, buffer, position)
        n_bytes = _read(_U16, buffer, vtable)
        if vtable + n_bytes > len(buffer):
            raise Malformed("a vtable ends behind the buffer")
        self._buffer = buffer
        self._position = position
        self._vtable = vtable
        self._n_entries = n_bytes // 2 - 2

    @classmethod
    def root(cls, buffer: bytes) -> Table:
        """The table that the buffer is about."""
        return cls(buffer, _read(_U32, buffer, 0))

    def scalar(self, field: int, kind: Struct, default: int = 0) -> int:
        """A number or truth value."""
        at = self._field(field)
        return _read(kind, self._buffer, at) if at else default

    def table(self, field: int) -> Table | None:
        """A table, a union's among them."""
        at = self._target(field)
        return Table(self._buffer, at) if at else None

    def text(self, field: int) -> str | None:
        """A string; bytes that are not UTF-8 become U+FFFD."""
        at, length = self._vector(field, 1)
        return self._buffer[at : at + length].decode(errors="replace") if at else None

    def tables(self, field: int) -> list[Table]:
        """A vector of tables."""
        at, length = self._vector(field, 4)
        positions = range(at, at + 4 * length, 4)
        return [Table(self._buffer, place + _read(_U32, self._buffer, place)) for place in positions]

    def count(self, field: int) -> int:
        """How many elements a vector of tables has."""
        return self._vector(field, 4)[1]

    def longs(self, field: int, width: int = 1) -> NDArray[np.int64]:
        """A vector of 64-bit integers, or of structs of so many of them: shape ``(length, width)``."""
        at, length = self._vector(field, 8 * width)
        numbers = np.frombuffer(self._buffer, dtype="<i8", count=length * width, offset=at)
        return numbers.reshape(length, width)

    def _field(self, field: int) -> int:
        if field >= self._n_entries:
            return 0
        offset = _read(_U16, self._buffer, self._vtable + 4 + 2 * field)
        return self._position + offset if offset else 0

    def _target(self, field: int) -> int:
        at = self._field(field)
        return at + _read(_U32, self._buffer, at) if at else 0

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        at = self._target(field)
        if not at:
            return 0, 0
        length = _read(_U32, self._buffer, at)
        if at + 4 + width * length > len(self._buffer):
            raise Malformed("a vector ends behind the buffer")
        return at + 4, length


def _read(kind: Struct, buffer: bytes, position: int) -> int:
    if position < 0:
        raise Malformed("a position before the buffer")
    try:
        value: int = kind.unpack_from(buffer, position)[0]
    except error:
        raise Malformed("a position behind the buffer") from None
    return value
