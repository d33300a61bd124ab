"""What the learning kernel refuses; that it learns as the paper says is in ``core/test_learner.py``."""

import numpy as np
import pytest

from service.kernels import learning

PARAMETERS = {"alpha": 0.1, "beta": 1.0, "l1": 0.0, "l2": 0.0}


def learn(buckets, labels, state):
    return learning.learn_rows(buckets, labels, state, **PARAMETERS)


def test_a_row_may_have_any_number_of_slots():
    state = np.zeros((17, 2))
    wide = np.arange(5_000, dtype=np.uint32).reshape(1, -1) % 16
    assert learn(wide, np.ones(1, dtype=np.int8), state).tolist() == [0.5]
    assert state.any(axis=1).all()


def test_of_a_batch_with_a_bucket_that_there_is_not_the_rows_before_it_are_learned():
    buckets = np.array([[1, 2], [3, 16]], dtype=np.uint32)
    state = np.zeros((17, 2))
    with pytest.raises(ValueError, match="a bucket of row 1 is outside 0 to 15"):
        learn(buckets, np.ones(2, dtype=np.int8), state)
    assert np.flatnonzero(state.any(axis=1)).tolist() == [1, 2, 16]


def test_the_last_rows_of_a_batch_do_not_look_past_its_end():
    random = np.random.default_rng(0)
    for n_rows in range(20):
        buckets = random.integers(0, 16, (n_rows, 3)).astype(np.uint32)
        assert learn(buckets, np.zeros(n_rows, dtype=np.int8), np.zeros((17, 2))).shape == (n_rows,)
