"""Columns of strings in parts; their values, choices and hashes are in ``test_core_columns`` and ``test_columnar``."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.columnar import column_of
from service.core.texts import CodedText, Parts, Text
from service.kernels.csv import TextColumn
from service.kernels.library import ALL_SET, Bitmap
from service.kernels.text import NotAValue

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


def test_a_column_of_csv_keeps_what_is_known_of_it_and_is_judged_where_it_may_be_no_utf_8():
    data = np.frombuffer(b"ab\xff\xc3\xa4", dtype=np.uint8)
    begins, ends = np.array([0, 2, 3], dtype=np.int32), np.array([2, 3, 5], dtype=np.int32)
    hashed = 7, np.arange(3, dtype=np.uint64)
    without = Bitmap(np.array([0b101], dtype=np.uint8))
    column = {"begins": begins, "ends": ends, "data": data, "ascii": False, "hashed": hashed}
    text = Text.of_csv(TextColumn(**column, valid=without, n_missing=1))
    assert [text.value(row) for row in range(3)] == ["ab", None, "ä"]
    assert text.hashes(7) is hashed[1]
    with pytest.raises(NotAValue) as caught:
        Text.of_csv(TextColumn(**column, valid=ALL_SET, n_missing=0))
    assert caught.value.row == 1


def test_of_a_text_nothing_is_missing_where_nothing_else_is_said():
    begins, ends = np.array([0, 1], dtype=np.int32), np.array([1, 3], dtype=np.int32)
    text = Text(begins=begins, ends=ends, data=np.frombuffer(b"abc", dtype=np.uint8))
    assert [text.value(row) for row in range(2)] == ["a", "bc"]
    coded = CodedText(codes=np.array([1, 0], dtype=np.int32), values=text)
    assert [coded.rows(row, row + 1).value(0) for row in range(2)] == ["bc", "a"]
