"""The scoring kernels against numpy, and what they refuse to reach for."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.model import sigmoid
from service.kernels import scoring


def test_weights_are_added_slot_by_slot_from_hashes_and_from_buckets_alike():
    for n_rows, n_slots in product((0, 1, 15, 16, 17, 1_000), (0, 1, 12)):
        random = np.random.default_rng(n_rows)
        weights = random.normal(size=2**6 + 1).astype(np.float32)
        hashes = random.integers(0, 2**64, (n_slots, n_rows), dtype=np.uint64)
        buckets = np.ascontiguousarray((hashes % np.uint64(2**6)).T.astype(np.uint32))
        expected = np.full(n_rows, weights[-1], dtype=np.float64)
        for slot in range(n_slots):
            expected += weights[buckets[:, slot]]
        by_hash, by_bucket = (np.full(n_rows, weights[-1], dtype=np.float64) for _ in range(2))
        scoring.add_weights(hashes, weights, by_hash)
        scoring.add_row_weights(buckets, weights, by_bucket)
        assert by_hash.tolist() == by_bucket.tolist() == expected.tolist(), (n_rows, n_slots)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(-40, 40)))
def test_the_sigmoid_is_the_scalar_one_to_the_last_bit(values):
    logits = np.array(values, dtype=np.float64)
    scoring.sigmoids(logits)
    for found, value in zip(logits.tolist(), values, strict=True):
        assert found == sigmoid(value) or (math.isnan(found) and math.isnan(value))


def test_a_bucket_past_the_last_is_refused_and_the_intercept_is_none():
    weights, logits = np.zeros(9, dtype=np.float32), np.zeros(2)
    with pytest.raises(ValueError, match="a bucket of row 1 is not one of the 8"):
        scoring.add_row_weights(np.array([[0, 7], [1, 8]], dtype=np.uint32), weights, logits)


def test_what_does_not_fit_is_refused():
    weights, logits = np.zeros(9, dtype=np.float32), np.zeros(2)
    with pytest.raises(ValueError, match="do not fit"):
        scoring.add_weights(np.zeros((1, 3), dtype=np.uint64), weights, logits)
    with pytest.raises(ValueError, match="do not fit"):
        scoring.add_weights(np.zeros((1, 2), dtype=np.uint64), weights[:8], logits)
    with pytest.raises(ValueError, match="do not fit"):
        scoring.add_row_weights(np.zeros((3, 1), dtype=np.uint32), weights, logits)
