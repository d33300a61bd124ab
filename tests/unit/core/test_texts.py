"""Columns of strings in parts; their values, choices and hashes are in ``test_core_columns`` and ``test_columnar``."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from service.core.columnar import column_of
from service.core.texts import Parts


@given(values=st.lists(st.text(max_size=3) | st.none(), max_size=12), cuts=st.lists(st.integers(0, 12)), data=st.data())
def test_parts_are_the_column_that_they_are_parts_of(values, cuts, data):
    values = [None if value is None else value.encode(errors="ignore").decode() for value in values]
    whole = column_of(pa.array(values, pa.string()))
    borders = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    parts = Parts([whole.rows(first, last) for first, last in itertools.pairwise(borders)])
    assert len(parts) == len(values)
    assert [parts.value(row) for row in range(len(parts))] == values
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), dtype=bool)
    for one, other in ((parts, whole), (parts.where(mask), whole.where(mask))):
        hashes, expected = np.zeros((2, 2, len(other)), dtype=np.uint64)
        one.hash_into(hashes[0], 7)
        one.carry_on(hashes[1])
        other.hash_into(expected[0], 7)
        other.carry_on(expected[1])
        assert hashes.tolist() == expected.tolist()
