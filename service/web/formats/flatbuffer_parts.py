"""Writing flatbuffers: each object in turn, front to back, so that every offset points forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, pack

_WORD = 8


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number or truth value in a table."""

    kind: Struct
    value: int


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of tables and texts, or of structs whose bytes these are."""

    items: Sequence[Node] = ()
    structs: bytes = b""
    n_structs: int = 0


Node = str | Vector | dict[int, "Scalar | Node"]
"""What an offset points to; a table is the mapping from the numbers of its fields to what they hold."""


def write(table: dict[int, Scalar | Node]) -> bytes:
    """The flatbuffer whose root is the table, filled up to a multiple of eight bytes."""
    out = bytearray(4)
    out[:4] = pack("<I", _place(out, table))
    _fill(out, 0)
    return bytes(out)


def _place(out: bytearray, node: Node) -> int:
    """Write a node behind what there is; where an offset to it points."""
    if isinstance(node, str):
        text = node.encode()
        _fill(out, 4)
        at = len(out)
        out += pack("<I", len(text)) + text + b"\0"
        return at
    if isinstance(node, Vector):
        return _place_vector(out, node)
    return _place_table(out, node)


def _place_vector(out: bytearray, vector: Vector) -> int:
    _fill(out, 4)  # behind the length, structs of 64-bit numbers are in their places
    at = len(out)
    if vector.n_structs:
        out += pack("<I", vector.n_structs) + vector.structs
        return at
    out += pack("<I", len(vector.items)) + bytes(4 * len(vector.items))
    for number, item in enumerate(vector.items):
        _point(out, at + 4 + 4 * number, _place(out, item))
    return at


def _place_table(out: bytearray, fields: dict[int, Scalar | Node]) -> int:
    """A table: its vtable, the offset to that, and then a word for each field."""
    n_entries = max(fields, default=-1) + 1
    vtable_bytes = 4 + 2 * n_entries
    _fill(out, 4 - vtable_bytes)
    vtable, at = len(out), len(out) + vtable_bytes
    places = {field: 4 + _WORD * number for number, field in enumerate(sorted(fields))}
    out += pack("<HH", vtable_bytes, 4 + _WORD * len(fields))
    out += pack(f"<{n_entries}H", *(places.get(field, 0) for field in range(n_entries)))
    out += pack("<i", at - vtable) + bytes(_WORD * len(fields))
    for field, held in fields.items():
        if isinstance(held, Scalar):
            held.kind.pack_into(out, at + places[field], held.value)
    for field, held in fields.items():
        if not isinstance(held, Scalar):
            _point(out, at + places[field], _place(out, held))
    return at


def _point(out: bytearray, place: int, target: int) -> None:
    out[place : place + 4] = pack("<I", target - place)


def _fill(out: bytearray, rest: int) -> None:
    """Zeros, until the length is so much more than a multiple of eight."""
    out += bytes((rest - len(out)) % _WORD)
