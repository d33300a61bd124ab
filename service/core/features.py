"""What a model is told of an event: fields, their types, their crosses.

A :class:`Schema` is the agreement between training and serving. Both turn a value into the same canonical bytes through
the same :class:`Field`, or refuse it with the same words.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Any, Literal, TypeAlias, get_args

from service.core import bucketer
from service.errors import FeatureError

FieldType = Literal["string", "integer", "boolean", "number"]
FIELD_TYPES: tuple[FieldType, ...] = get_args(FieldType)

Bins: TypeAlias = tuple[float, ...] | Literal["log2"]

EXPECTED: dict[FieldType, str] = {
    "string": "a string of valid Unicode or null",
    "integer": "an integer from -2^63 to 2^63-1 or null",
    "boolean": "true, false or null",
    "number": "a finite number or null",
}
"""What each type accepts, in the words of every message about it."""

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


def bin_index(bins: Bins, value: float) -> int:
    """The bin of a finite number.

    With edges: how many of them are at or below the value, so that edges ``(0, 10)`` make the bins ``x < 0``,
    ``0 <= x < 10`` and ``10 <= x``. With ``"log2"``: 0 for ``|x| < 1``, else the sign times ``1 + floor(log2 |x|)``, so
    that each doubling is a bin.

    >>> bin_index((0.0, 10.0), 10.0), bin_index("log2", 5.0), bin_index("log2", -0.5)
    (2, 3, 0)
    """
    if bins != "log2":
        return bisect_right(bins, value)
    magnitude = abs(value)
    if magnitude < 1.0:
        return 0
    exponent = math.frexp(magnitude)[1]
    return exponent if value > 0 else -exponent


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of the model. ``bins`` is given for numbers and for nothing else.

    A ``required`` field must be there in every request; ``null`` is always allowed and means missing.
    """

    name: str
    type: FieldType
    required: bool = True
    bins: Bins | None = None

    def canonical(self, value: object) -> bytes | None:
        """The bytes to hash for a value as JSON knows it (``str``, ``int``, ``float``, ``bool`` or ``None``).

        Raises:
            FeatureError: the value is not one that this field's type accepts. There is no coercion: the string ``"7"``
                is not an integer and ``7.0`` is not one either.
        """
        if value is None:
            return None
        kind = self.type
        if kind == "string":
            if isinstance(value, str):
                try:
                    return value.encode()
                except UnicodeEncodeError:
                    raise FeatureError(field=self.name, expected=EXPECTED[kind], found="a lone surrogate") from None
        elif kind == "integer":
            if isinstance(value, int) and value is not True and value is not False and INT64_MIN <= value <= INT64_MAX:
                return bucketer.canonical(value)
        elif kind == "boolean":
            if value is True or value is False:
                return bucketer.canonical(value)
        elif isinstance(value, (int, float)) and value is not True and value is not False and is_finite(value):
            assert self.bins is not None  # a number without bins does not pass the schema document
            return bucketer.canonical(bin_index(self.bins, float(value)))
        raise FeatureError(field=self.name, expected=EXPECTED[kind], found=describe(value))

    def absent(self) -> FeatureError:
        """The error for a required field that is not there at all."""
        return FeatureError(field=self.name, expected=EXPECTED[self.type], found="nothing: the field is required")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Name, label, fields and crosses of a model, checked by ``service.core.documents`` and canonical from then on.

    Fields are kept in the order of their names and crosses in that of theirs, so that the order in a file changes
    neither the fingerprint nor a sum of weights. Within a cross the order is part of the bucket contract and stays.
    """

    name: str
    label: str
    timestamp: str | None
    n_buckets: int
    fields: tuple[Field, ...]
    crosses: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(sorted(self.fields, key=lambda field: field.name)))
        object.__setattr__(self, "crosses", tuple(sorted(self.crosses)))

    @property
    def slots(self) -> tuple[str, ...]:
        """What each column of an encoded row stands for: the fields, then the crosses (``origin x dest``)."""
        return tuple(field.name for field in self.fields) + tuple(" x ".join(cross) for cross in self.crosses)

    def to_document(self) -> dict[str, Any]:
        """The schema as the plain document that ``service.core.documents.load_schema`` reads."""
        document: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "n_buckets": self.n_buckets,
            "crosses": [list(cross) for cross in self.crosses],
            "fields": {field.name: _field_document(field) for field in self.fields},
        }
        if self.timestamp is not None:
            document["timestamp"] = self.timestamp
        return document

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of the canonical document: equal exactly when two schemas mean the same."""
        return sha256(dumps(self.to_document(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def describe(value: object) -> str:
    """What a value is, in JSON's words, without showing it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer" if INT64_MIN <= value <= INT64_MAX else "an integer out of range"
    if isinstance(value, float):
        return "a number" if math.isfinite(value) else "NaN or an infinity"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, (list, tuple)):
        return "an array"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


def is_finite(value: int | float) -> bool:
    """Whether a number has a finite double, which an integer may be too large for."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _field_document(field: Field) -> dict[str, Any]:
    document: dict[str, Any] = {"type": field.type, "required": field.required}
    if field.bins is not None:
        document["bins"] = field.bins if isinstance(field.bins, str) else list(field.bins)
    return document
