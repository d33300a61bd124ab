"""The answer as an Arrow IPC stream: a schema with one column of doubles, one batch, the end."""

from __future__ import annotations

from functools import lru_cache
from struct import pack

import numpy as np

from service.core.model import Probabilities
from service.web.formats.flatbuffer_parts import Node, Scalar, Vector, write
from service.web.formats.flatbuffers import BYTE, LONG, SHORT

_SCHEMA, _BATCH = 1, 3
_FLOAT, _DOUBLE = 3, 2
_VERSION_5 = 4
_END = pack("<II", 0xFFFFFFFF, 0)


def write_stream(probabilities: Probabilities, *, model: str, version: str) -> bytes:
    """A stream with the column ``probability``; ``model`` and ``version`` are in the metadata of its schema."""
    body = np.ascontiguousarray(probabilities, dtype="<f8").tobytes()
    n_rows = len(probabilities)
    batch: Node = {
        0: Scalar(LONG, n_rows),
        1: Vector(structs=pack("<qq", n_rows, 0), n_structs=1),
        2: Vector(structs=pack("<qqqq", 0, 0, 0, len(body)), n_structs=2),
    }
    return b"".join([_schema(model, version), _message(_BATCH, batch, len(body)), body, _END])


@lru_cache(maxsize=8)
def _schema(model: str, version: str) -> bytes:
    metadata = Vector([{0: "model", 1: model}, {0: "version", 1: version}])
    column: Node = {0: "probability", 2: Scalar(BYTE, _FLOAT), 3: {0: Scalar(SHORT, _DOUBLE)}, 5: Vector()}
    return _message(_SCHEMA, {1: Vector([column]), 2: metadata}, 0)


def _message(kind: int, header: Node, n_bytes: int) -> bytes:
    metadata = write({0: Scalar(SHORT, _VERSION_5), 1: Scalar(BYTE, kind), 2: header, 3: Scalar(LONG, n_bytes)})
    return pack("<II", 0xFFFFFFFF, len(metadata)) + metadata
