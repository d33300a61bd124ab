"""Sums and counts over labels and probabilities against numpy and plain Python."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernels.sums import count_cells, sum_losses

ROWS = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])), max_size=200)


def arrays(rows):
    return np.array([label for label, _ in rows], dtype=np.int8), np.array([p for _, p in rows], dtype=np.float64)


@given(rows=ROWS)
def test_sums_are_those_of_exact_addition(rows):
    losses, predicted = sum_losses(*arrays(rows), epsilon=1e-15)
    of_labels = [p if label else 1.0 - p for label, p in rows]
    assert losses == pytest.approx(math.fsum(-math.log(max(p, 1e-15)) for p in of_labels), rel=1e-14, abs=1e-300)
    assert predicted == pytest.approx(math.fsum(p for _, p in rows), rel=1e-14, abs=1e-300)


def test_many_rows_cost_no_digits():
    random = np.random.default_rng(4)
    labels, probabilities = random.integers(0, 2, 100_000).astype(np.int8), random.random(100_000)
    losses, predicted = sum_losses(labels, probabilities, epsilon=1e-15)
    of_labels = np.where(labels == 1, probabilities, 1.0 - probabilities)
    # Added one after the other, they are wrong by 7e-15 and 10e-15.
    assert losses == pytest.approx(math.fsum(-np.log(of_labels)), rel=4e-15)
    assert predicted == pytest.approx(math.fsum(probabilities), rel=4e-15)


@pytest.mark.parametrize("position", [0, 63, 64, 199])
def test_a_probability_that_is_nan_makes_nan_of_both(position):
    probabilities = np.full(200, 0.5)
    probabilities[position] = math.nan
    assert all(math.isnan(found) for found in sum_losses(np.ones(200, dtype=np.int8), probabilities, epsilon=1e-15))


@given(rows=ROWS, n_cells=st.sampled_from([1, 4, 65_536]))
def test_cells_are_those_of_a_counter(rows, n_cells):
    counts = np.zeros((2, n_cells), dtype=np.int64)
    expected = Counter((label, min(int(p * n_cells), n_cells - 1)) for label, p in rows)
    for times in (1, 2):
        count_cells(*arrays(rows), counts)
        found = {place: counts[place] for place in zip(*np.nonzero(counts), strict=True)}
        assert found == {place: times * count for place, count in expected.items()}


@pytest.mark.parametrize("wrong", [math.nan, -1e-9, 1.0 + 1e-9, math.inf, -math.inf])
def test_what_is_no_probability_is_in_no_cell(wrong):
    counts = np.zeros((2, 4), dtype=np.int64)
    with pytest.raises(ValueError, match=r"the probability of row 1 is \S+, not from 0 to 1"):
        count_cells(np.zeros(3, dtype=np.int8), np.array([0.5, wrong, 0.5]), counts)
    assert counts.tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]


def test_arrays_that_do_not_fit_are_an_error():
    labels, probabilities = np.zeros(2, dtype=np.int8), np.zeros(3)
    with pytest.raises(ValueError, match="2 labels and 3 probabilities do not fit"):
        sum_losses(labels, probabilities, epsilon=1e-15)
    with pytest.raises(ValueError, match="2 labels and 3 probabilities do not fit"):
        count_cells(labels, probabilities, np.zeros((2, 4), dtype=np.int64))
    with pytest.raises(ValueError, match="are not by two labels"):
        count_cells(labels, probabilities[:2], np.zeros((1, 4), dtype=np.int64))
