"""Columns of strings in parts; their values, choices and hashes are in ``test_core_columns`` and ``test_columnar``."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from service.core.columnar import column_of
from service.core.texts import Parts
from service.kernels.library import Bitmap


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@given(
    values=st.lists(TEXT | st.none(), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=6),
    bits=st.binary(min_size=2, max_size=2),
)
def test_parts_are_the_column_that_they_are_parts_of(values, cuts, bits):
    whole = column_of(pa.array(values, pa.string()))
    borders = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    parts = Parts([whole.rows(first, last) for first, last in itertools.pairwise(borders)])
    assert len(parts) == len(values)
    assert [parts.value(row) for row in range(len(parts))] == values
    mask = Bitmap(np.frombuffer(bits, dtype=np.uint8)).flags(len(values))
    for one, other in ((parts, whole), (parts.where(mask), whole.where(mask))):
        hashes, expected = np.zeros((2, 2, len(other)), dtype=np.uint64)
        one.hash_into(hashes[0], 7)
        one.carry_on(hashes[1])
        other.hash_into(expected[0], 7)
        other.carry_on(expected[1])
        assert hashes.tolist() == expected.tolist()
