"""Metrics against scikit-learn, the stream against the batch, and what is not defined."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve as sklearn_curve
from sklearn.metrics import log_loss, roc_auc_score

from service.core.metrics import (
    RunningMetrics,
    auc,
    calibration_curve,
    calibration_error,
    entropy,
    evaluate,
    log_losses,
)

NO_LABELS = np.empty(0, dtype=np.int8)
NO_PROBABILITIES = np.empty(0, dtype=np.float64)


def sample(seed, n_rows=2_000, decimals=None):
    random = np.random.default_rng(seed)
    probabilities = random.beta(1, 3, size=n_rows)
    labels = (random.random(n_rows) < probabilities).astype(np.int8)
    return labels, probabilities if decimals is None else probabilities.round(decimals)


def sorted_sample(*arguments, **options):
    labels, probabilities = sample(*arguments, **options)
    order = np.argsort(probabilities)
    return labels[order], probabilities[order]


def test_auc_is_scikit_learn_s_with_and_without_ties(subtests):
    for seed, decimals in product(range(3), (None, 3, 2, 1)):
        with subtests.test(seed=seed, decimals=decimals):
            labels, probabilities = sample(seed, decimals=decimals)
            assert auc(labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=12))
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs):
    labels = np.array([label for label, _ in pairs], dtype=np.int8)
    probabilities = np.array([cell / 4 for _, cell in pairs])
    ones, zeros = probabilities[labels == 1], probabilities[labels == 0]
    wins = [1.0 if one > zero else 0.5 if one == zero else 0.0 for one in ones for zero in zeros]
    found = auc(labels, probabilities)
    assert found == pytest.approx(sum(wins) / len(wins)) if wins else math.isnan(found)


@pytest.mark.parametrize("seed", range(3))
def test_log_loss_is_scikit_learn_s(seed):
    labels, probabilities = sample(seed)
    assert evaluate(labels, probabilities).log_loss == pytest.approx(log_loss(labels, probabilities), rel=1e-12)


def test_the_base_log_loss_is_scikit_learn_s_of_the_base_rate():
    labels, probabilities = sample(1)
    metrics = evaluate(labels, probabilities)
    base = log_loss(labels, np.full(len(labels), labels.mean()))
    assert metrics.base_log_loss == pytest.approx(base, rel=1e-12)
    assert metrics.normalized_entropy == pytest.approx(metrics.log_loss / base, rel=1e-12)
    assert (metrics.rows, metrics.positives) == (len(labels), labels.sum())
    assert metrics.calibration_ratio == pytest.approx(probabilities.mean() / labels.mean(), rel=1e-12)


def test_predicting_the_base_rate_has_a_normalized_entropy_of_one_and_a_calibration_of_one():
    labels, _ = sample(2)
    metrics = evaluate(labels, np.full(len(labels), labels.mean()))
    assert metrics.normalized_entropy == pytest.approx(1.0, abs=1e-12)
    assert metrics.calibration_ratio == pytest.approx(1.0, abs=1e-12)
    assert metrics.auc == 0.5


def test_an_error_that_was_certain_costs_much_and_not_infinity():
    losses = log_losses(np.array([1, 0, 1, 0], dtype=np.int8), np.array([0.0, 1.0, 1.0, 0.0]))
    assert losses.tolist() == [pytest.approx(15 * math.log(10))] * 2 + [0.0, 0.0]


@pytest.mark.parametrize(("share", "nats"), [(0.0, 0.0), (1.0, 0.0), (0.5, math.log(2)), (0.25, 0.5623351446188083)])
def test_the_entropy_of_a_label(share, nats):
    assert entropy(share) == pytest.approx(nats, abs=1e-15)


@pytest.mark.parametrize("decimals", [None, 2])
@pytest.mark.parametrize("n_batches", [1, 7])
def test_the_stream_has_the_metrics_of_the_batch_and_auc_within_its_grid(decimals, n_batches):
    labels, probabilities = sample(3, n_rows=5_000, decimals=decimals)
    running = RunningMetrics()
    cuts = zip(np.array_split(labels, n_batches), np.array_split(probabilities, n_batches), strict=True)
    for batch in cuts:
        running.update(*batch)
    found, expected = running.result(), evaluate(labels, probabilities)
    assert (found.rows, found.positives) == (expected.rows, expected.positives)
    for name in ("log_loss", "base_log_loss", "normalized_entropy", "calibration_ratio"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12), name
    on_grid = auc(labels, np.minimum(np.floor(probabilities * 65_536), 65_535))
    assert found.auc == pytest.approx(on_grid, abs=1e-12)
    assert found.auc == pytest.approx(expected.auc, abs=1e-3)


def test_the_stream_takes_probabilities_of_exactly_zero_and_one():
    running = RunningMetrics()
    running.update(np.array([0, 1], dtype=np.int8), np.array([0.0, 1.0]))
    assert running.result().auc == 1.0


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_the_stream_takes_no_probability_that_is_none(wrong):
    with pytest.raises(ValueError, match="not from 0 to 1"):
        RunningMetrics().update(np.array([0, 1], dtype=np.int8), np.array([0.5, wrong]))


def test_rows_that_are_taken_from_wider_arrays_have_the_same_metrics():
    labels, probabilities = sample(8)
    wide = evaluate(labels.repeat(3)[::3], probabilities.repeat(2)[::2])
    assert wide == evaluate(labels, probabilities)


def test_more_rows_than_are_taken_at_a_time_have_the_same_auc_and_the_same_curve():
    labels, probabilities = (column[::-1] for column in sorted_sample(9, n_rows=300_000, decimals=4))
    assert auc(labels, probabilities) == pytest.approx(roc_auc_score(labels, probabilities), abs=1e-12)
    edges = np.unique(np.quantile(probabilities, np.arange(1, 20) / 20))
    bins = np.searchsorted(edges, probabilities, side="right")
    curve = calibration_curve(labels, probabilities)
    assert [part.rows for part in curve] == np.bincount(bins).tolist()
    assert [part.predicted for part in curve] == pytest.approx(
        [probabilities[bins == index].mean() for index in range(len(curve))], rel=1e-12
    )
    assert [part.observed for part in curve] == pytest.approx(
        [labels[bins == index].mean() for index in range(len(curve))], rel=1e-12
    )


def test_the_bins_of_a_curve_hold_as_many_rows_each():
    """Against a sort and a cut into 20; scikit-learn's curve has the same means by its quantile strategy."""
    labels, probabilities = sample(4)
    curve = calibration_curve(labels, probabilities)
    order = np.argsort(probabilities)
    expected = [(100, probabilities[rows].mean(), labels[rows].mean()) for rows in np.split(order, 20)]
    assert [(part.rows, part.predicted, part.observed) for part in curve] == [pytest.approx(part) for part in expected]
    observed, predicted = sklearn_curve(labels, probabilities, n_bins=20, strategy="quantile")
    assert [part.predicted for part in curve] == pytest.approx(predicted.tolist())
    assert [part.observed for part in curve] == pytest.approx(observed.tolist())
    by_hand = sum(100 * abs(predicted - observed) for _, predicted, observed in expected) / 2_000
    assert evaluate(labels, probabilities).expected_calibration_error == pytest.approx(by_hand, rel=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9) | st.integers(0, 99)), min_size=1, max_size=120))
def test_a_curve_has_every_row_once_in_ascending_bins_and_equal_predictions_together(rows):
    labels, cells = np.array(rows, dtype=np.int8).T
    probabilities = cells / 100
    curve = calibration_curve(labels, probabilities)
    assert 1 <= len(curve) <= 20
    assert sum(part.rows for part in curve) == len(rows)
    assert sum(part.rows * part.observed for part in curve) == pytest.approx(labels.sum())
    ascending, first = np.sort(probabilities), 0
    for part in curve:
        last = first + part.rows
        assert part.predicted == pytest.approx(float(ascending[first:last].mean()))
        assert last == len(rows) or ascending[last - 1] < ascending[last]
        first = last


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=50))
def test_the_calibration_error_is_at_least_the_whole_s_and_at_most_one(rows):
    labels, probabilities = np.array([label for label, _ in rows], np.int8), np.array([p for _, p in rows])
    error = calibration_error(calibration_curve(labels, probabilities))
    assert abs(probabilities.mean() - labels.mean()) - 1e-12 <= error <= 1 + 1e-12


def test_two_predictions_are_two_bins(subtests):
    for low, high in [(50, 50), (50, 51), (51, 50), (1, 2), (90, 10), (10, 90)]:
        with subtests.test(low=low, high=high):
            probabilities = np.array([0.25, 0.75]).repeat([low, high])
            curve = calibration_curve((probabilities < 0.5).astype(np.int8), probabilities)
            bins = [(part.rows, part.predicted, part.observed) for part in curve]
            assert bins == [(low, 0.25, 1.0), (high, 0.75, 0.0)]
            assert calibration_error(curve) == pytest.approx(0.75)


def test_errors_that_cancel_in_the_calibration_ratio_do_not_in_the_calibration_error():
    probabilities = np.array([0.3, 0.7]).repeat(100)
    labels = np.array([0, 1] * 100, dtype=np.int8)
    metrics = evaluate(labels, probabilities)
    assert metrics.calibration_ratio == pytest.approx(1.0)
    assert metrics.expected_calibration_error == pytest.approx(0.2)


def test_a_constant_prediction_has_one_bin():
    labels, _ = sample(5)
    (part,) = calibration_curve(labels, np.full(len(labels), 0.25))
    assert (part.rows, part.predicted, part.observed) == (2_000, 0.25, pytest.approx(labels.mean()))


def test_chance_gives_a_perfect_model_an_error_of_0_8_standard_errors_of_a_bin():
    """E|N(0, 1)| is sqrt(2 / pi); over 40 models of 20 bins, its mean has a standard deviation of 2.7 %."""
    random = np.random.default_rng(6)
    errors = []
    for _ in range(40):
        probabilities = random.uniform(0.45, 0.55, size=4_000)
        labels = (random.random(4_000) < probabilities).astype(np.int8)
        errors.append(evaluate(labels, probabilities).expected_calibration_error)
    assert np.mean(errors) == pytest.approx(math.sqrt(2 / math.pi) * math.sqrt(0.25 / 200), rel=0.08)


@pytest.mark.parametrize(("labels", "probabilities"), [([], []), ([0, 1], [0.5, math.nan])])
def test_without_rows_or_with_a_nan_there_is_no_curve_and_its_error_is_nan(labels, probabilities):
    curve = calibration_curve(np.array(labels, dtype=np.int8), np.array(probabilities))
    assert curve == []
    assert math.isnan(calibration_error(curve))


EVERY = {"log_loss", "base_log_loss", "normalized_entropy", "auc", "calibration_ratio", "expected_calibration_error"}
UNDEFINED = [
    ([], [], EVERY),
    ([0, 0], [0.1, 0.2], {"normalized_entropy", "auc", "calibration_ratio"}),
    ([1, 1], [0.1, 0.2], {"normalized_entropy", "auc"}),
    ([0, 1], [0.1, 0.2], set()),
]


@pytest.mark.parametrize(("labels", "probabilities", "undefined"), UNDEFINED)
def test_what_the_rows_do_not_define_is_nan_and_left_out_of_the_document(labels, probabilities, undefined):
    labels, probabilities = np.array(labels, dtype=np.int8), np.array(probabilities, dtype=np.float64)
    running = RunningMetrics()
    running.update(labels, probabilities)
    names = {"rows", "positives"} | EVERY
    streamed = undefined | {"expected_calibration_error"}
    for metrics, absent in ((evaluate(labels, probabilities), undefined), (running.result(), streamed)):
        assert {name for name in names if math.isnan(getattr(metrics, name))} == absent
        document = metrics.to_document()
        assert set(document) == names - absent
        assert all(document[name] == getattr(metrics, name) for name in document)


def test_a_stream_without_a_batch_has_no_metrics():
    assert RunningMetrics().result().to_document() == {"rows": 0, "positives": 0}


def test_of_a_probability_that_is_nan_no_metric_is_made():
    metrics = evaluate(np.array([0, 1], dtype=np.int8), np.array([0.5, math.nan]))
    assert metrics.to_document() == {"rows": 2, "positives": 1, "base_log_loss": pytest.approx(math.log(2))}
