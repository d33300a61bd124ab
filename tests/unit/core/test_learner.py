"""FTRL-Proximal: against finite differences, a naive version in plain Python, and a model that was planted."""

import math
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from service.core.learner import FTRL, Learner
from service.core.model import LinearModel
from service.kernels import learning

N_BUCKETS = 32

PARAMETERS = [
    FTRL(alpha=0.1, beta=1.0, l1=0.0, l2=0.0),
    FTRL(alpha=0.5, beta=0.1, l1=0.0, l2=2.0),
    FTRL(alpha=0.05, beta=1.0, l1=1.5, l2=1.0),
    FTRL(alpha=10.0, beta=0.0, l1=0.2, l2=0.0),
]


def events(seed, n_rows=400, n_slots=4):
    random = np.random.default_rng(seed)
    buckets = random.integers(0, N_BUCKETS, size=(n_rows, n_slots)).astype(np.uint32)
    labels = (random.random(n_rows) < 0.3).astype(np.int8)
    return buckets, labels


def log_loss(logit, label):
    return math.log1p(math.exp(-logit)) if label else math.log1p(math.exp(logit))


class NaiveFTRL:
    """Algorithm 1 of McMahan et al. 2013, as the paper writes it: a dictionary per quantity, a row at a time."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.z, self.n = {}, {}

    def weight(self, i):
        p = self.parameters
        l1, l2 = (0.0, 0.0) if i == "intercept" else (p.l1, p.l2)
        z, n = self.z.get(i, 0.0), self.n.get(i, 0.0)
        if abs(z) <= l1:
            return 0.0
        sign = 1.0 if z > 0 else -1.0
        return -1.0 / ((p.beta + math.sqrt(n)) / p.alpha + l2) * (z - sign * l1)

    def learn_row(self, buckets, label):
        coordinates = [*buckets, "intercept"]
        weights = [self.weight(i) for i in coordinates]
        probability = 1.0 / (1.0 + math.exp(-sum(weights)))
        g = probability - label
        for i, w in zip(coordinates, weights, strict=True):
            n = self.n.get(i, 0.0)
            sigma = (math.sqrt(n + g * g) - math.sqrt(n)) / self.parameters.alpha
            self.z[i] = self.z.get(i, 0.0) + g - sigma * w
            self.n[i] = n + g * g
        return probability

    def weights(self):
        return [self.weight(i) for i in [*range(N_BUCKETS), "intercept"]]


def test_the_gradient_is_the_slope_of_the_log_loss(subtests):
    step, no_slots = 1e-5, np.empty((1, 0), dtype=np.uint32)
    for logit, label in product((-8.0, -1.0, 0.0, 0.3, 2.5, 9.0), (0, 1)):
        with subtests.test(logit=logit, label=label):
            slope = (log_loss(logit + step, label) - log_loss(logit - step, label)) / (2 * step)
            state = np.zeros((N_BUCKETS + 1, 2))
            state[-1, 0] = -logit  # of the intercept alone, and beta / alpha is 1
            labels = np.array([label], dtype=np.int8)
            learning.learn_rows(no_slots, labels, state, alpha=1.0, beta=1.0, l1=0.0, l2=0.0)
            squared = state[-1, 1]
            assert squared == pytest.approx(slope**2, rel=1e-6, abs=1e-9)
            assert state[-1, 0] + logit == pytest.approx(slope - abs(slope) * logit, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("z", "n", "l1", "l2"), [(3.0, 2.0, 0.0, 0.0), (-3.0, 2.0, 1.0, 0.5), (0.7, 9.0, 0.0, 4.0), (0.5, 1.0, 0.5, 0.0)]
)
def test_a_weight_minimises_what_ftrl_proximal_minimises(z, n, l1, l2):
    alpha, beta = 0.3, 1.0

    def objective(w):
        return z * w + 0.5 * ((beta + math.sqrt(n)) / alpha + l2) * w * w + l1 * abs(w)

    state = np.array([[z, n], [0.0, 0.0]])
    best = float(learning.learned_weights(state, alpha=alpha, beta=beta, l1=l1, l2=l2)[0])
    assert all(objective(best) <= objective(best + step) for step in (-0.1, -1e-4, 1e-4, 0.1))


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_the_compiled_loop_is_the_naive_one(parameters):
    buckets, labels = events(seed=1)
    naive = NaiveFTRL(parameters)
    expected = [naive.learn_row(row, label) for row, label in zip(buckets.tolist(), labels.tolist(), strict=True)]
    learner = Learner(n_buckets=N_BUCKETS, parameters=parameters)
    np.testing.assert_allclose(learner.learn(buckets, labels), expected, rtol=1e-10, atol=0)
    assert learner.weights() == pytest.approx(np.float32(naive.weights()), rel=1e-6, abs=1e-12)


def test_the_events_have_rows_in_which_two_slots_share_a_bucket():
    buckets, _ = events(seed=1)
    assert any(len(set(row)) < len(row) for row in buckets.tolist())


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_a_row_is_predicted_before_it_is_learned(parameters):
    buckets, labels = events(seed=2, n_rows=50)
    learner = Learner(n_buckets=N_BUCKETS, parameters=parameters)
    for index in range(len(labels)):
        row = slice(index, index + 1)
        before = LinearModel(learner.weights()).predict_proba(buckets[row])
        # The model rounds its weights to single precision, the learner does not.
        np.testing.assert_allclose(learner.learn(buckets[row], labels[row]), before, rtol=1e-5)


def test_the_first_row_is_predicted_as_even():
    buckets, labels = events(seed=3)
    assert Learner(n_buckets=N_BUCKETS, parameters=FTRL()).learn(buckets, labels)[0] == 0.5


def test_a_probability_does_not_depend_on_the_label_of_its_own_row():
    buckets, labels = events(seed=4)
    flipped = labels.copy()
    flipped[-1] = 1 - flipped[-1]
    first = Learner(n_buckets=N_BUCKETS, parameters=FTRL()).learn(buckets, labels)
    second = Learner(n_buckets=N_BUCKETS, parameters=FTRL()).learn(buckets, flipped)
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("cut", [0, 1, 137, 400])
def test_where_a_batch_ends_changes_no_bit(cut):
    buckets, labels = events(seed=5)
    whole = Learner(n_buckets=N_BUCKETS, parameters=PARAMETERS[2])
    parts = Learner(n_buckets=N_BUCKETS, parameters=PARAMETERS[2])
    expected = whole.learn(buckets, labels)
    found = np.concatenate([parts.learn(buckets[:cut], labels[:cut]), parts.learn(buckets[cut:], labels[cut:])])
    assert found.tolist() == expected.tolist()
    assert parts.weights().tolist() == whole.weights().tolist()


def test_the_same_events_give_the_same_bits():
    buckets, labels = events(seed=6)
    runs = []
    for _ in range(2):
        learner = Learner(n_buckets=N_BUCKETS, parameters=PARAMETERS[1])
        runs.append((learner.learn(buckets, labels).tobytes(), learner.weights().tobytes()))
    assert runs[0] == runs[1]


def test_the_order_of_the_rows_matters():
    buckets, labels = events(seed=6)
    forwards = Learner(n_buckets=N_BUCKETS, parameters=PARAMETERS[1])
    backwards = Learner(n_buckets=N_BUCKETS, parameters=PARAMETERS[1])
    forwards.learn(buckets, labels)
    backwards.learn(buckets[::-1].copy(), labels[::-1].copy())
    assert forwards.weights().tolist() != backwards.weights().tolist()


def test_l1_gives_weights_of_exactly_zero_and_spares_the_intercept():
    buckets, labels = events(seed=7)
    weights = []
    for l1 in (0.0, 1.0, 1_000.0):
        learner = Learner(n_buckets=N_BUCKETS, parameters=FTRL(alpha=0.1, beta=1.0, l1=l1, l2=1.0))
        learner.learn(buckets, labels)
        weights.append(learner.weights())
    zeros = [int(np.count_nonzero(w[:-1] == 0.0)) for w in weights]
    assert zeros[0] < zeros[1] < zeros[2] == N_BUCKETS
    assert weights[2][-1] < 0.0


def test_a_bucket_that_was_never_seen_has_a_weight_of_zero():
    learner = Learner(n_buckets=N_BUCKETS, parameters=FTRL(l1=0.0))
    learner.learn(np.full((20, 2), 3, dtype=np.uint32), np.ones(20, dtype=np.int8))
    weights = learner.weights()
    assert np.flatnonzero(weights).tolist() == [3, N_BUCKETS]
    assert weights.dtype == np.float32
    assert weights.shape == (N_BUCKETS + 1,)


def test_no_rows_teach_nothing():
    learner = Learner(n_buckets=N_BUCKETS, parameters=FTRL())
    nothing = learner.learn(np.empty((0, 3), dtype=np.uint32), np.empty(0, dtype=np.int8))
    assert nothing.shape == (0,)
    assert not learner.weights().any()


OUT_OF_BOUNDS = [
    ("alpha", 0.0),
    ("alpha", -0.1),
    ("alpha", math.nextafter(1e-6, 0)),
    ("alpha", math.nextafter(1e3, math.inf)),
    ("beta", math.nextafter(1e6, math.inf)),
    ("l1", math.nextafter(1e6, math.inf)),
    ("l2", math.nextafter(1e6, math.inf)),
    ("alpha", math.nan),
    ("alpha", math.inf),
    ("beta", -1.0),
    ("beta", math.nan),
    ("l1", -1e-9),
    ("l1", math.inf),
    ("l2", -1.0),
    ("l2", math.nan),
]


def test_a_parameter_out_of_its_bounds_is_refused_by_name(subtests):
    for name, value in OUT_OF_BOUNDS:
        with subtests.test(name=name, value=value), pytest.raises(ValueError, match=f"^{name} must be"):
            FTRL(**{name: value})


def test_zero_is_within_the_bounds_of_all_but_alpha():
    FTRL(alpha=1e-6, beta=0.0, l1=0.0, l2=0.0)
    FTRL(alpha=1e3, beta=1e6, l1=1e6, l2=1e6)


def test_a_planted_model_is_learned():
    random = np.random.default_rng(8)
    n_rows, per_slot = 60_000, 8
    truth = random.normal(scale=1.0, size=3 * per_slot)
    buckets = (random.integers(0, per_slot, size=(n_rows, 3)) + per_slot * np.arange(3)).astype(np.uint32)
    probabilities = 1 / (1 + np.exp(-(truth[buckets].sum(axis=1) - 1.0)))
    labels = (random.random(n_rows) < probabilities).astype(np.int8)
    learner = Learner(n_buckets=N_BUCKETS, parameters=FTRL(alpha=0.1, beta=1.0, l1=0.0, l2=0.0))
    half = n_rows // 2
    learner.learn(buckets[:half], labels[:half])
    learned = LinearModel(learner.weights()).predict_proba(buckets[half:])
    assert np.abs(learned - probabilities[half:]).mean() < 0.03
    ceiling = roc_auc_score(labels[half:], probabilities[half:])
    assert roc_auc_score(labels[half:], learned) > ceiling - 0.005


@pytest.mark.parametrize(
    ("buckets", "labels"),
    [
        (np.zeros(4, np.uint32), np.zeros(4, np.int8)),
        (np.zeros((4, 2), np.uint32), np.zeros(3, np.int8)),
        (np.zeros((4, 2), np.uint32), np.zeros((4, 1), np.int8)),
        (np.full((4, 2), 16, np.uint32), np.zeros(4, np.int8)),
    ],
    ids=["one dimension", "too few labels", "labels of two dimensions", "a bucket past the last"],
)
def test_what_would_reach_outside_the_table_is_refused(buckets, labels):
    learner = Learner(n_buckets=16, parameters=FTRL())
    with pytest.raises(ValueError, match="fit|outside"):
        learner.learn(buckets, labels)
    assert not learner.weights().any()
