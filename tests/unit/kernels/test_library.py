"""What the library takes: an array of the declared type, as it lies in memory, and nothing else."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernels.library import ALL_SET, Bitmap, array, output

READ_ONLY = np.zeros(3, dtype=np.int64)
READ_ONLY.flags.writeable = False


def address_of(handed_over):
    is_pointer = isinstance(handed_over, ctypes.c_void_p)
    return handed_over.value if is_pointer else ctypes.addressof(handed_over)


def test_what_is_handed_over_is_the_address_of_the_first_element():
    values = np.arange(5, dtype=np.int64)
    for argument in (array(np.int64), output(np.int64)):
        for window in (values, values[2:]):
            address = address_of(argument.from_param(window))
            assert ctypes.c_int64.from_address(address).value == window[0]
    assert address_of(array(np.int64).from_param(READ_ONLY)) == READ_ONLY.ctypes.data


@pytest.mark.parametrize(
    ("argument", "given", "said"),
    [
        (array(np.int64), [1, 2], "no array"),
        (array(np.int64), None, "no array"),
        (array(np.int64), np.zeros(3, dtype=np.uint64), "must have data type int64, not uint64"),
        (array(np.int64), np.zeros(3, dtype=">i8"), "must have data type int64, not >i8"),
        (array(np.int64), np.zeros((3, 1), dtype=np.int64), "must have 1 dimensions, not 2"),
        (array(np.int64, 2), np.zeros(3, dtype=np.int64), "must have 2 dimensions, not 1"),
        (array(np.int64), np.zeros(6, dtype=np.int64)[::2], "must be contiguous"),
        (array(np.int64, 2), np.zeros((2, 3), dtype=np.int64).T, "must be contiguous"),
        (output(np.int64), READ_ONLY, "must be writeable"),
    ],
)
def test_anything_else_is_refused(argument, given, said):
    with pytest.raises(TypeError, match=said):
        argument.from_param(given)


FLAGS = st.integers(0, 2**60 - 1).map(lambda number: [digit == "1" for digit in f"{number:060b}"])
"""Of 60 rows in one piece: to draw a list of them takes a hundred times as long."""


@given(
    first=st.integers(0, 19), n_rows=st.integers(0, 40), cut=st.integers(0, 40), everything=FLAGS, wanted=FLAGS
)
def test_a_bitmap_says_of_each_row_what_its_bit_is(first, n_rows, cut, everything, wanted):
    before, flags = everything[:first], everything[first:][:n_rows]
    bits = np.packbits(np.array([*before, *flags, True, True], dtype=bool), bitorder="little")
    bitmap = Bitmap(bits, len(before))
    assert bitmap.flags(len(flags)).tolist() == flags == [bitmap.at(row) for row in range(len(flags))]
    cut = min(cut, len(flags))
    assert bitmap.rows(cut).flags(len(flags) - cut).tolist() == flags[cut:]
    mask = np.array(wanted[: len(flags)], dtype=bool)
    chosen = [flag for flag, wanted in zip(flags, mask, strict=True) if wanted]
    assert bitmap.where(mask).flags(len(chosen)).tolist() == chosen


def test_where_all_bits_are_set_they_stay_so():
    assert ALL_SET.at(7)
    assert ALL_SET.flags(3).tolist() == [True] * 3
    assert ALL_SET.rows(2) is ALL_SET is ALL_SET.where(np.array([True, False]))
