"""Probabilities as text: the lines of an answer, and of a file that ``andon score`` writes.

Each is the shortest decimal number that is the same double.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from service.core.model import Probabilities

CSV_HEADER = b"probability\n"

_SERIALIZE = orjson.OPT_SERIALIZE_NUMPY


def csv_lines(probabilities: Sequence[float] | Probabilities) -> bytes:
    """One number a line."""
    return _joined(probabilities, b"\n") + b"\n" if len(probabilities) else b""


def ndjson_lines(probabilities: Sequence[float] | Probabilities) -> bytes:
    """One ``{"probability":…}`` a line."""
    if not len(probabilities):
        return b""
    return b'{"probability":' + _joined(probabilities, b'}\n{"probability":') + b"}\n"


def _joined(probabilities: Sequence[float] | Probabilities, between: bytes) -> bytes:
    return orjson.dumps(probabilities, option=_SERIALIZE)[1:-1].replace(b",", between)
