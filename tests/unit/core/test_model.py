"""The hashed logistic model: batch and single row agree to the last bit, and nothing overflows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.core.model import LinearModel, sigmoid

N_BUCKETS = 16
WEIGHTS = hnp.arrays(
    np.float32,
    N_BUCKETS + 1,
    elements=st.floats(-(2.0**100), 2.0**100, width=32) | st.floats(-4, 4, width=32),
)
BUCKETS = hnp.arrays(
    np.uint32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
    elements=st.integers(0, N_BUCKETS - 1),
)


@given(weights=WEIGHTS, buckets=BUCKETS)
def test_a_row_has_one_probability_to_the_last_bit_in_a_batch_alone_and_among_others(weights, buckets):
    model = LinearModel(weights)
    single = [model.predict_proba_row(row) for row in buckets.tolist()]
    assert model.predict_proba(buckets).tolist() == single
    assert model.predict_proba(buckets[::-1]).tolist() == single[::-1]
    logits = model.predict_logit(buckets)
    assert logits.dtype == np.float64
    for logit, row in zip(logits.tolist(), buckets.tolist(), strict=True):
        terms = [float(weights[-1]), *(float(weights[bucket]) for bucket in row)]
        magnitude = math.fsum(map(abs, terms))
        assert logit == pytest.approx(math.fsum(terms), abs=1e-14 * magnitude, rel=1e-14)


def test_no_rows_have_no_probabilities():
    model = LinearModel(np.zeros(N_BUCKETS + 1, dtype=np.float32))
    assert model.predict_proba(np.empty((0, 3), dtype=np.uint32)).shape == (0,)


def test_a_row_without_slots_has_the_intercept_s_probability():
    weights = np.zeros(N_BUCKETS + 1, dtype=np.float32)
    weights[-1] = 1.0
    assert LinearModel(weights).predict_proba_row([]) == 1 / (1 + math.exp(-1))


def test_read_only_weights_will_do():
    weights = np.frombuffer(np.arange(N_BUCKETS + 1, dtype="<f4").tobytes(), dtype="<f4")
    assert not weights.flags.writeable
    model = LinearModel(weights)
    assert model.predict_proba_row([1]) == model.predict_proba(np.array([[1]], dtype=np.uint32))[0] == sigmoid(17.0)


SIGMOIDS = [
    (0.0, 0.5),
    (-0.0, 0.5),
    (800.0, 1.0),
    (-800.0, 0.0),
    (1.7e308, 1.0),
    (-1.7e308, 0.0),
    (math.inf, 1.0),
    (-math.inf, 0.0),
    (-740.0, 4.199558e-322),
]


def test_a_sigmoid_never_overflows(subtests):
    for logit, expected in SIGMOIDS:
        with subtests.test(logit=logit):
            assert sigmoid(logit) == pytest.approx(expected, rel=1e-2, abs=0)


@given(st.floats(-700, 700))
def test_the_sigmoids_of_a_logit_and_its_negative_are_complements(logit):
    assert sigmoid(logit) + sigmoid(-logit) == pytest.approx(1.0, abs=1e-15)
    assert sigmoid(logit) == pytest.approx(math.exp(logit) / (1 + math.exp(logit)), rel=1e-12)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_larger_logit_never_has_a_smaller_probability(first, second):
    low, high = sorted((first, second))
    assert 0.0 <= sigmoid(low) <= sigmoid(high) + 1e-16 <= 1.0 + 1e-15
