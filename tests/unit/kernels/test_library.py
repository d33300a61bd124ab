"""What the library takes: an array of the declared type, as it lies in memory, and nothing else."""

import ctypes

import numpy as np
import pytest

from service.kernels.library import array, output

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
