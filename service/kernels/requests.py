"""Requests in JSON, from their bytes to probabilities, without a Python object for a row or a value.

The C code answers where it is sure of a request and else says that it is not; what is wrong, it never says.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import I64, U64, function

I32 = ctypes.c_int32

Kind = Literal["string", "integer", "boolean", "edges", "log2"]
KINDS: tuple[Kind, ...] = ("string", "integer", "boolean", "edges", "log2")
"""In the order of their numbers in request.c."""

LONG = 16 * 1024
"""Bytes of a body (some 20 us) from which on other threads run meanwhile. For less, letting them costs more: a thread
that computes may then keep the interpreter for 5 ms."""

_BYTES_OF_A_ROW = 3
"""A row is ``{}`` and a comma or a line break, at least; so many rows of results a body has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlan:
    """How the values of one field are read and hashed.

    Attributes:
        seed: the hash of the field's name and of a missing value; XXH64 with seed 42.
        edges: of the kind ``edges``, ascending.
        required: a row without the field is not answered.
    """

    name: bytes
    seed: int
    kind: Kind
    required: bool
    edges: tuple[float, ...] = ()


class _Field(ctypes.Structure):
    _fields_ = [
        ("key", ctypes.c_char_p),
        ("key_length", I64),
        ("seed", U64),
        ("edges", ctypes.c_void_p),
        ("n_edges", I64),
        ("kind", I32),
        ("required", I32),
        ("plain", I32),
        ("unused", I32),
    ]


class _Plan(ctypes.Structure):
    _fields_ = [
        ("fields", ctypes.c_void_p),
        ("n_fields", I64),
        ("table", ctypes.c_void_p),
        ("table_mask", U64),
        ("members", ctypes.c_void_p),
        ("ends", ctypes.c_void_p),
        ("n_crosses", I64),
        ("weights", ctypes.c_void_p),
        ("mask", U64),
    ]


_ARGUMENTS = (ctypes.c_void_p, ctypes.c_char_p, I64, I32, I64, ctypes.c_void_p)
_predict_long = function("predict_request", _ARGUMENTS, result=I64)
_predict_short = ctypes.PYFUNCTYPE(I64, *_ARGUMENTS)(ctypes.cast(_predict_long, ctypes.c_void_p).value or 0)


class RequestPlan:
    """Fields, crosses and weights as the C code takes them. It never changes; any number of threads may use it.

    Args:
        fields: at least one, of different names, in the order of their slots.
        crosses: indices of two or more fields each, in the order of their slots, which come after those of the fields.
        weights: shape ``(n_buckets + 1,)``, ``n_buckets`` a power of two, the intercept last; kept, not copied.

    Attributes:
        address: of the plan as the C code has it, valid as long as this is.

    Raises:
        ValueError: that is not so.
    """

    def __init__(
        self, fields: Sequence[FieldPlan], crosses: Iterable[Sequence[int]], weights: NDArray[np.float32]
    ) -> None:
        n_buckets = len(weights) - 1
        if weights.dtype != np.float32 or weights.ndim != 1 or not weights.flags.c_contiguous:
            raise ValueError("the weights are no contiguous array of float32")
        if n_buckets < 1 or n_buckets & (n_buckets - 1):
            raise ValueError(f"{n_buckets} buckets are no power of two")
        if not fields or len({field.name for field in fields}) < len(fields):
            raise ValueError("there is no field, or one comes twice")
        paths = [list(cross) for cross in crosses]
        if not all(cross and 0 <= min(cross) <= max(cross) < len(fields) for cross in paths):
            raise ValueError(f"a cross is not of the {len(fields)} fields")
        table = _table([field.seed for field in fields])
        members = np.array([index for cross in paths for index in cross], dtype=np.int32)
        ends = np.cumsum([len(cross) for cross in paths], dtype=np.int64)
        edges = [np.array(field.edges, dtype=np.float64) for field in fields]
        described = (_Field * len(fields))(*map(_field, fields, edges))
        self._plan = _Plan(
            fields=ctypes.addressof(described),
            n_fields=len(fields),
            table=table.ctypes.data,
            table_mask=len(table) - 1,
            members=members.ctypes.data,
            ends=ends.ctypes.data,
            n_crosses=len(paths),
            weights=weights.ctypes.data,
            mask=n_buckets - 1,
        )
        self._owners = (described, table, members, ends, edges, weights)  # what the plan points to lives as long as it
        self.address = ctypes.addressof(self._plan)

    def predict(self, body: bytes, *, max_rows: int, by_lines: bool = False) -> list[float] | None:
        """The probability of each row of a request, or ``None``: not sure.

        Args:
            body: ``{"instances": [row, ...]}``, or a row a line, in JSON.
            max_rows: of a request with more, nothing is sure.
        """
        length = len(body)
        most = min(max_rows, length // _BYTES_OF_A_ROW + 1)
        probabilities = array("d", bytes(8 * most))
        predict = _predict_short if length < LONG else _predict_long
        n_rows = predict(self.address, body, length, by_lines, most, probabilities.buffer_info()[0])
        return None if n_rows < 0 else probabilities[:n_rows].tolist()


def _field(field: FieldPlan, edges: NDArray[np.float64]) -> _Field:
    plain = not any(byte < 0x20 or byte in b'"\\' for byte in field.name)
    return _Field(
        key=(field.name + b'"').ljust(8, b"\0"),
        key_length=len(field.name) + 1,
        seed=field.seed,
        edges=edges.ctypes.data,
        n_edges=len(edges),
        kind=KINDS.index(field.kind),
        required=field.required,
        plain=plain,
    )


def _table(seeds: Sequence[int]) -> NDArray[np.int32]:
    """Open addressing from seeds to their indices, at most half full: -1 where there is none."""
    size = 1 << (2 * len(seeds) - 1).bit_length()
    table = np.full(size, -1, dtype=np.int32)
    for index, seed in enumerate(seeds):
        place = seed
        while table[place % size] >= 0:
            place += 1
        table[place % size] = index
    return table
