"""What the catalogue does to flights before they are learned: from table to table, always the same."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BANDS = np.array(["early", "0 to 14", "15 to 29", "30 to 59", "60 and more"])
"""Of minutes after schedule; the last three are late."""


def dice():
    """Random numbers, the same at every call."""
    return np.random.default_rng(7)


def put(table, **columns):
    """A table with some of its columns replaced, or with new ones."""
    for name, column in columns.items():
        index = table.schema.get_field_index(name)
        table = table.append_column(name, column) if index < 0 else table.set_column(index, name, column)
    return table


def labels(table):
    """The labels, int8, shape ``(n_rows,)``."""
    return table["late"].to_numpy()


def relabelled(table, values):
    """A table with other labels, shape ``(n_rows,)``."""
    return put(table, late=pa.array(np.asarray(values, np.int8)))


def some(table, share):
    """A mask, shape ``(n_rows,)``, of about that share of the rows."""
    return dice().random(len(table)) < share


def without(table, name, rows):
    """A table with a column missing where the mask ``rows`` is true."""
    return put(table, **{name: pc.if_else(pa.array(rows), pa.scalar(None, table[name].type), table[name])})


def with_arrival(table):
    """A table with ``arrival``, the band of the delay: a field that is written after the landing."""
    late = labels(table).astype(np.int64)
    return put(table, arrival=pa.array(BANDS[2 * late + dice().integers(2 + late)]))
