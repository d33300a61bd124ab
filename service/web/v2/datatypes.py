"""The protocol's datatypes: how each lies in JSON and in binary, and which of them a field takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from service.core.features import FieldType


@dataclass(frozen=True, slots=True, kw_only=True)
class Datatype:
    """One datatype of fixed size.

    Attributes:
        packed: an element as the binary tensor data extension has it.
        listed: what holds the elements of JSON, whose numbers have no width.
        types: what an element of JSON is in Python, null apart.
        marks: what the ``missing_value`` of a tensor of it may be, in words; ``None``: there is none.
    """

    packed: np.dtype[Any]
    listed: np.dtype[Any]
    types: frozenset[type]
    marks: str | None


def _integer(code: str) -> Datatype:
    listed = np.dtype(np.uint64 if code == "u8" else np.int64)
    return Datatype(packed=np.dtype(f"<{code}"), listed=listed, types=frozenset({int}), marks="an integer")


def _float(code: str) -> Datatype:
    types: frozenset[type] = frozenset({int, float})
    return Datatype(packed=np.dtype(f"<{code}"), listed=np.dtype(float), types=types, marks='a number or "NaN"')


FIXED: dict[str, Datatype] = {
    "BOOL": Datatype(packed=np.dtype("u1"), listed=np.dtype(bool), types=frozenset({bool}), marks=None),
    **{f"INT{8 * size}": _integer(f"i{size}") for size in (8, 4, 2, 1)},
    **{f"UINT{8 * size}": _integer(f"u{size}") for size in (8, 4, 2, 1)},
    **{f"FP{8 * size}": _float(f"f{size}") for size in (8, 4, 2)},
}
"""The datatypes of fixed size, by their names."""

TEXT = "BYTES"
"""The one without: strings, in UTF-8."""

_INTEGERS = tuple(name for name in FIXED if "INT" in name)

DATATYPES: dict[FieldType, tuple[str, ...]] = {
    "string": (TEXT,),
    "integer": _INTEGERS,
    "boolean": ("BOOL", "INT8"),
    "number": ("FP64", "FP32", "FP16", *_INTEGERS),
}
"""What a field takes, by its type, and first what the metadata says. INT8 is for booleans some of which are missing."""
