"""Rows to buckets, one row at a time: the path of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh64_intdigest

from service.core import bucketer
from service.core.features import Schema

Buckets: TypeAlias = NDArray[np.uint32]
"""Shape ``(n_rows, n_slots)``: for each row, the bucket of every field and then of every cross."""


class Encoder:
    """Encodes rows (mappings from field name to JSON value) by a schema; keys that it does not know are ignored."""

    def __init__(self, schema: Schema) -> None:
        self.n_slots = len(schema.slots)
        self._mask = schema.n_buckets - 1  # the same as mod, for a power of two
        self._fields = [(field, field.name, bucketer.field_seed(field.name)) for field in schema.fields]
        position = {field.name: index for index, field in enumerate(schema.fields)}
        self._crosses = [
            (position[first], [(name.encode(), position[name]) for name in rest]) for first, *rest in schema.crosses
        ]

    def hash_row(self, row: Mapping[str, object]) -> list[int]:
        """The ``n_slots`` whole hashes of one row, of which the buckets are the last bits.

        Raises:
            FeatureError: a value that its field does not accept, or a required field that is absent.
        """
        values = []
        hashes = []
        for field, name, seed in self._fields:
            raw = row.get(name)
            if raw is None and field.required and name not in row:
                raise field.absent()
            value = field.canonical(raw)
            values.append(value)
            hashes.append(seed if value is None else xxh64_intdigest(value, seed))
        for first, rest in self._crosses:
            state = hashes[first]
            for name_bytes, index in rest:
                state = bucketer.chain(xxh64_intdigest(name_bytes, state), values[index])
            hashes.append(state)
        return hashes

    def encode_row(self, row: Mapping[str, object]) -> list[int]:
        """The ``n_slots`` buckets of one row; it raises what ``hash_row`` does."""
        mask = self._mask
        return [hashed & mask for hashed in self.hash_row(row)]

    def encode_rows(self, rows: Sequence[Mapping[str, object]]) -> Buckets:
        """The buckets of many rows, shape ``(len(rows), n_slots)``, uint32."""
        encoded = [self.encode_row(row) for row in rows]
        return np.array(encoded, dtype=np.uint32).reshape(len(rows), self.n_slots)
