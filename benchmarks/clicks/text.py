"""Rows as text: CSV, and the input format of Vowpal Wabbit.

No id holds a character that either format gives a meaning to, so nothing is quoted. Of the shapes that Vowpal Wabbit
can be given, it reads this one fastest: one namespace, and one letter for a field's name (a namespace for each field
takes it a third longer).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from clicks.fields import FIELDS, LABEL

HEADERS = {"csv": ",".join([LABEL, *(field.name for field in FIELDS)]).encode() + b"\n", "vw": b""}
"""What a file of each kind begins with."""


LETTERS = "abcdefghijkl"
"""A field's name in Vowpal Wabbit's format, in the order of ``FIELDS``."""


def text_of(rows: pa.RecordBatch, kind: str) -> memoryview:
    """The rows as lines of ``csv`` or ``vw``; a few hundred thousand at most, for the text must stay below 2 GB."""
    columns = [rows[field.name] for field in FIELDS]
    if kind == "csv":
        lines = pc.binary_join_element_wise(pc.cast(rows[LABEL], pa.string()), *columns, ",")
    else:
        label = pc.if_else(pc.equal(rows[LABEL], 1), "1", "-1")
        features = [part for letter, column in zip(LETTERS, columns, strict=True) for part in (f" {letter}=", column)]
        lines = pc.binary_join_element_wise(label, " |", *features, "")
    lines = pc.binary_join_element_wise(lines, "\n", "")
    _, offsets, text = lines.buffers()
    return memoryview(text)[: np.frombuffer(offsets, np.int32)[len(lines)]]
