"""Probabilities as lines of text."""

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decimals import csv_lines, ndjson_lines

PROBABILITIES = st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.0, 1.0, 5e-324, 1e-7, 0.1 + 0.2, 1 - 2**-53]))


@given(PROBABILITIES, st.booleans())
def test_every_line_is_the_same_double_in_as_many_digits_as_it_takes(probabilities, as_array):
    given_ = np.array(probabilities, dtype=np.float64) if as_array else probabilities
    lines = csv_lines(given_).decode().splitlines()
    assert [float(line) for line in lines] == probabilities
    assert [Decimal(line) for line in lines] == [Decimal(repr(value)) for value in probabilities]
    rows = [json.loads(line) for line in ndjson_lines(given_).splitlines()]
    assert rows == [{"probability": value} for value in probabilities]


@pytest.mark.parametrize("lines", [csv_lines, ndjson_lines])
def test_every_line_ends_and_no_rows_are_no_lines(lines):
    assert lines([]) == lines(np.empty(0)) == b""
    assert lines([0.5]).count(b"\n") == 1
    assert lines([0.5, 0.25]).endswith(b"\n")
