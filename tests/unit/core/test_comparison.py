"""Comparisons against the naive bootstrap, DeLong's formula and simulations whose truth is planted."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from service.core import comparison as comparing
from service.core.comparison import METRICS, compare
from service.core.metrics import auc, entropy, evaluate

NORMAL_95, NORMAL_80 = 1.9599639845400545, 0.8416212335729143  # quantiles of the normal distribution at 0.975 and 0.8


class Population:
    """Kinds of rows, all equally frequent: what is true of each, and what two models predict of it."""

    def __init__(self, seed, noise, n_kinds=150):
        random = np.random.default_rng(seed)
        logits = random.normal(-1, 1, size=n_kinds)
        off = random.normal(0, 1, size=(n_kinds, 2)) * noise
        self.share = 1 / (1 + np.exp(-logits))
        self.candidate, self.baseline = 1 / (1 + np.exp(-(logits + off.T)))

    def rows(self, random, n_rows):
        kinds = random.integers(len(self.share), size=n_rows)
        labels = (random.random(n_rows) < self.share[kinds]).astype(np.int8)
        return labels, self.candidate[kinds], self.baseline[kinds]

    def true(self, model):
        """The metrics of infinitely many rows, by enumeration of the kinds."""
        ones, zeros = self.share / self.share.sum(), (1 - self.share) / (1 - self.share).sum()
        loss = -(self.share * np.log(model) + (1 - self.share) * np.log(1 - model)).mean()
        order = (model[:, np.newaxis] > model) + (model[:, np.newaxis] == model) / 2
        return {
            "log_loss": loss,
            "normalized_entropy": loss / entropy(self.share.mean()),
            "auc": ones @ order @ zeros,
            "calibration_ratio": model.mean() / self.share.mean(),
        }

    def true_change(self):
        candidate, baseline = self.true(self.candidate), self.true(self.baseline)
        return {metric: candidate[metric] - baseline[metric] for metric in METRICS}


POPULATION = Population(7, noise=(0.5, 0.7))


def naive_metrics(labels, probabilities):
    share = labels.mean()
    base = -share * math.log(share) - (1 - share) * math.log(1 - share)
    loss = -np.log(np.where(labels, probabilities, 1 - probabilities)).mean()
    area = placements(probabilities[labels == 1], probabilities[labels == 0]).mean()
    return np.array([loss, loss / base, area, probabilities.mean() / share])


def placements(scores, others):
    """The share of the others that each score is above, a tie counted half."""
    others = np.sort(others)
    return (np.searchsorted(others, scores) + np.searchsorted(others, scores, side="right")) / 2 / len(others)


def delong(labels, candidate, baseline):
    """The standard error of the change of the AUC (DeLong et al. 1988)."""
    variance = 0.0
    for label in (0, 1):
        of_models = [placements(model[labels == label], model[labels != label]) for model in (candidate, baseline)]
        variance += np.var(of_models[0] - of_models[1], ddof=1) / np.count_nonzero(labels == label)
    return math.sqrt(variance)


@pytest.fixture(scope="module")
def sample():
    return POPULATION.rows(np.random.default_rng(3), 400)


@pytest.fixture(scope="module")
def naive(sample):
    """Changes of the metrics, absolute and relative, of 500 resamples of the rows themselves: ``(500, 4)`` each."""
    random = np.random.default_rng(4)
    labels, *models = sample
    changes, relatives = [], []
    for _ in range(500):
        drawn = random.integers(len(labels), size=len(labels))
        candidate, baseline = (naive_metrics(labels[drawn], model[drawn]) for model in models)
        changes.append(candidate - baseline)
        relatives.append((candidate - baseline) / baseline)
    return np.array(changes), np.array(relatives)


def test_the_naive_metrics_are_scikit_learn_s(sample):
    labels, *models = sample
    for model in models:
        loss, _, area, _ = naive_metrics(labels, model)
        assert loss == pytest.approx(log_loss(labels, model), rel=1e-12)
        assert area == pytest.approx(roc_auc_score(labels, model), rel=1e-12)


def test_it_agrees_with_resampling_the_rows(sample, naive):
    """500 resamples know a standard error within 3.2 % (one sigma), and an end of the interval within 0.12 of it."""
    found = compare(*sample, replicates=4_000)
    for kind, columns in zip(("change", "relative"), naive, strict=True):
        for column, metric in zip(columns.T, METRICS, strict=True):
            change = getattr(found[metric], kind)
            error, ends = column.std(ddof=1), np.quantile(column, (0.025, 0.975))
            assert change.standard_error == pytest.approx(error, rel=0.1), (metric, kind)
            assert change.interval == pytest.approx(ends, abs=0.4 * error), (metric, kind)


@pytest.mark.parametrize("decimals", [None, 2])
@pytest.mark.parametrize("n_rows", [2, 400, 1_200, 3_500])
def test_the_values_are_those_of_the_metrics(monkeypatch, n_rows, decimals):
    """Over one block of rows and over several, with runs of equal predictions across their borders."""
    monkeypatch.setattr(comparing, "_BLOCK", 1_000)
    monkeypatch.setattr(comparing._blocks, "__defaults__", (1_000,))
    random = np.random.default_rng(5)
    labels = np.arange(n_rows, dtype=np.int8) % 2
    candidate, baseline = random.beta(1, 3, size=(2, n_rows)).round(decimals or 17)
    found = compare(labels, candidate, baseline, replicates=40, groups=100)
    expected, base = evaluate(labels, candidate), evaluate(labels, baseline)
    assert tuple(found) == METRICS
    for metric, comparison in found.items():
        assert comparison.metric == metric
        assert comparison.candidate == pytest.approx(getattr(expected, metric), rel=1e-12)
        assert comparison.baseline == pytest.approx(getattr(base, metric), rel=1e-12)
        change = comparison.candidate - comparison.baseline
        assert comparison.change.value == pytest.approx(change, abs=1e-12)
        assert comparison.relative.value == pytest.approx(change / comparison.baseline, abs=1e-12)
        assert comparison.change.rows == comparison.relative.rows == n_rows
    if n_rows > 2:
        error = delong(labels, candidate, baseline)
        assert found["auc"].change.standard_error == pytest.approx(error, rel=0.4)  # 40 resamples of 100 groups


@pytest.mark.parametrize("decimals", [17, 1])
def test_where_a_block_of_rows_ends_makes_no_difference_to_their_placements(monkeypatch, decimals):
    random = np.random.default_rng(7)
    labels, group = random.integers(2, size=500), random.integers(20, size=500)
    probabilities = random.beta(1, 3, size=500).round(decimals)
    of_label = np.stack([np.bincount(group, labels == label, 20) for label in (1, 0)])
    whole = comparing._placement_sums(labels, probabilities, group, of_label)
    for block in (1, 7, 200):
        monkeypatch.setattr(comparing, "_BLOCK", block)
        cut = comparing._placement_sums(labels, probabilities, group, of_label)
        np.testing.assert_allclose(cut, whole, rtol=0, atol=1e-10, err_msg=f"blocks of {block}")


@pytest.mark.parametrize("decimals", [None, 1])
def test_the_standard_error_of_the_auc_is_delong_s(decimals):
    labels, *models = POPULATION.rows(np.random.default_rng(6), 600)
    models = models if decimals is None else [model.round(decimals) for model in models]
    found = compare(labels, *models, replicates=6_000)["auc"].change
    assert found.standard_error == pytest.approx(delong(labels, *models), rel=0.04)


def test_95_of_100_intervals_hold_the_true_change():
    """200 simulations: a count of 190 has a standard deviation of 3.1, and what is accepted is three of them."""
    random, true = np.random.default_rng(8), POPULATION.true_change()
    held = dict.fromkeys(METRICS, 0)
    for seed in range(200):
        found = compare(*POPULATION.rows(random, 300), replicates=200, seed=seed)
        for metric in METRICS:
            low, high = found[metric].change.interval
            held[metric] += low <= true[metric] <= high
    assert all(181 <= count <= 199 for count in held.values()), held


def test_the_confidence_is_the_share_of_resamples_inside():
    rows = POPULATION.rows(np.random.default_rng(9), 500)
    for confidence, normal in ((0.5, 0.6744897501960817), (0.8, 1.2815515655446004), (0.99, 2.5758293035489004)):
        change = compare(*rows, replicates=5_000, confidence=confidence)["log_loss"].change
        assert (change.interval[1] - change.interval[0]) / change.standard_error / 2 == pytest.approx(normal, rel=0.06)
        assert change.confidence == confidence


def test_groups_of_rows_have_the_standard_error_of_the_rows():
    """The mean over twenty groupings into 500 is off by some 1 %, that of the rows themselves by 1.6 % (one sigma).

    The rows are in the order of a prediction: groups of neighbours would be off by far.
    """
    labels, candidate, baseline = POPULATION.rows(np.random.default_rng(10), 5_000)
    order = np.argsort(candidate)
    rows = labels[order], candidate[order], baseline[order]
    ungrouped = compare(*rows, replicates=2_000, groups=5_000)
    grouped = [compare(*rows, replicates=500, groups=500, seed=seed) for seed in range(20)]
    for metric in METRICS:
        for kind in ("change", "relative"):
            errors = [getattr(found[metric], kind).standard_error for found in grouped]
            assert np.mean(errors) == pytest.approx(getattr(ungrouped[metric], kind).standard_error, rel=0.05), metric


def test_at_the_rows_needed_a_true_change_is_found_with_the_power_asked_for():
    """150 simulations: a share of 0.8 has a standard deviation of 0.033."""
    random, population = np.random.default_rng(11), Population(7, noise=(0.3, 0.9))
    pilot = compare(*population.rows(random, 20_000), groups=2_000)["log_loss"].change
    n_rows = pilot.rows_needed(population.true_change()["log_loss"])
    assert 100 < n_rows < 1_000
    found = 0
    for seed in range(150):
        change = compare(*population.rows(random, n_rows), replicates=200, seed=seed)["log_loss"].change
        found += not change.interval[0] <= 0 <= change.interval[1]
    assert found / 150 == pytest.approx(0.8, abs=0.08)


def test_what_is_detectable_is_in_standard_errors_and_the_rows_needed_follow_from_it(sample):
    for comparison in compare(*sample).values():
        for change in (comparison.change, comparison.relative):
            detectable = change.detectable()
            assert detectable == pytest.approx((NORMAL_95 + NORMAL_80) * change.standard_error)
            assert change.detectable(0.5) == pytest.approx(NORMAL_95 * change.standard_error)
            assert change.rows_needed(detectable / 2) == pytest.approx(4 * 400, abs=1)
            assert change.rows_needed(-2 * detectable) == pytest.approx(100, abs=1)
            assert change.rows_needed(0.0) is change.rows_needed(math.nan) is change.rows_needed(5e-324) is None


def test_a_run_is_repeated_to_the_bit_and_another_seed_is_another_run():
    rows = POPULATION.rows(np.random.default_rng(12), 3_000)
    first, again = (compare(*rows, replicates=200, groups=1_000, seed=1) for _ in range(2))
    other = compare(*rows, replicates=200, groups=1_000, seed=2)
    assert first == again
    for metric in METRICS:
        assert first[metric].change.interval != other[metric].change.interval
        assert first[metric].change.value == pytest.approx(other[metric].change.value, abs=1e-12)


@pytest.mark.parametrize("n_rows", [400, 3_000])
def test_the_same_predictions_have_a_change_of_exactly_nothing(n_rows):
    labels, candidate, _ = POPULATION.rows(np.random.default_rng(13), n_rows)
    for comparison in compare(labels, candidate, candidate.copy(), replicates=200, groups=1_000).values():
        assert comparison.candidate == comparison.baseline
        for change in (comparison.change, comparison.relative):
            assert (change.value, change.interval, change.standard_error) == (0.0, (0.0, 0.0), 0.0)


@pytest.mark.parametrize("n_rows", [400, 3_000])
def test_swapping_the_models_turns_the_change_round(n_rows):
    labels, candidate, baseline = POPULATION.rows(np.random.default_rng(14), n_rows)
    found = compare(labels, candidate, baseline, replicates=200, groups=1_000)
    swapped = compare(labels, baseline, candidate, replicates=200, groups=1_000)
    for metric in METRICS:
        one, other = found[metric].change, swapped[metric].change
        assert found[metric].candidate == swapped[metric].baseline
        assert found[metric].baseline == swapped[metric].candidate
        assert (one.value, one.standard_error) == (-other.value, other.standard_error)
        assert one.interval == tuple(-end for end in reversed(other.interval))


def test_the_relative_change_of_normalised_entropy_is_that_of_log_loss(sample):
    found = compare(*sample)
    loss, normalized = found["log_loss"].relative, found["normalized_entropy"].relative
    assert normalized.interval == pytest.approx(loss.interval, rel=1e-12)
    assert normalized.standard_error == pytest.approx(loss.standard_error, rel=1e-12)


def known(change):
    """Whether a change has a value, and whether it has an interval; one without has no other certainty either."""
    ends = [math.isnan(end) for end in change.interval]
    assert ends[0] == ends[1] == math.isnan(change.standard_error) == math.isnan(change.detectable())
    assert ends[0] or change.interval[0] <= change.interval[1]
    assert (change.rows_needed(0.01) is None) == ends[0]
    return not math.isnan(change.value), not ends[0]


ALL, NONE = set(METRICS), set()
PARTLY_DEFINED = [
    ("no rows", [], [], [], NONE, NONE),
    ("one row", [1], [0.3], [0.4], {"log_loss", "calibration_ratio"}, NONE),
    ("two rows", [0, 1], [0.2, 0.6], [0.3, 0.5], ALL, {"log_loss"}),
    ("zeros only", [0] * 50, [0.3] * 50, [0.4] * 50, {"log_loss"}, {"log_loss"}),
    ("ones only", [1] * 50, [0.3] * 50, [0.4] * 50, *[{"log_loss", "calibration_ratio"}] * 2),
    ("candidate NaN", [0, 1] * 50, [0.3] * 99 + [math.nan], [0.4] * 100, NONE, NONE),
    ("baseline NaN", [0, 1] * 50, [0.3] * 100, [math.nan] + [0.4] * 99, NONE, NONE),
    ("ones too few to resample", [0] * 500 + [1] * 2, [0.3] * 502, [0.4] * 502, ALL, {"log_loss"}),
    ("just enough ones", [0] * 500 + [1] * 8, [0.3] * 508, [0.4] * 508, ALL, ALL),
]


def test_what_the_rows_do_not_define_is_nan(subtests):
    for name, labels, candidate, baseline, with_value, with_interval in PARTLY_DEFINED:
        with subtests.test(rows=name):
            found = compare(np.array(labels, dtype=np.int8), np.array(candidate, float), np.array(baseline, float))
            for kind in ("change", "relative"):
                certainty = {metric: known(getattr(comparison, kind)) for metric, comparison in found.items()}
                assert {metric for metric, (value, _) in certainty.items() if value} == with_value
                assert {metric for metric, (_, interval) in certainty.items() if interval} == with_interval


def test_a_nan_of_one_model_leaves_the_other_s_value():
    labels, good, bad = np.array([0, 1], np.int8), np.array([0.2, 0.6]), np.array([0.2, math.nan])
    for metric, comparison in compare(labels, good, bad).items():
        assert comparison.candidate == pytest.approx(getattr(evaluate(labels, good), metric))
        assert math.isnan(comparison.baseline)


def test_a_baseline_of_zero_has_no_relative_change():
    labels, certain = np.array([0, 1] * 20, np.int8), np.array([0.0, 1.0] * 20)
    found = compare(labels, np.full(40, 0.5), certain)["log_loss"]
    assert known(found.change) == (True, True)
    assert known(found.relative) == (False, False)


PREDICTIONS = st.integers(0, 4).map(lambda quarter: quarter / 4) | st.floats(0, 1) | st.just(math.nan)


@given(st.lists(st.tuples(st.integers(0, 1), PREDICTIONS, PREDICTIONS), max_size=20), st.integers(2, 25))
def test_any_rows_can_be_compared(rows, groups):
    labels, candidate, baseline = np.array(rows, dtype=float).reshape(-1, 3).T
    labels = labels.astype(np.int8)
    for comparison in compare(labels, candidate, baseline, replicates=40, groups=groups).values():
        has_value, _ = known(comparison.change)
        known(comparison.relative)
        assert has_value == (not math.isnan(comparison.candidate) and not math.isnan(comparison.baseline))
    assert comparison.metric == METRICS[-1]
    found = compare(labels, candidate, baseline, replicates=40)["auc"].candidate
    assert found == pytest.approx(auc(labels, candidate), nan_ok=True)


TWO = np.array([0, 1], dtype=np.int8), np.array([0.2, 0.6]), np.array([0.3, 0.5])


OUTSIDE = [
    ({"replicates": 38}, "38 replicates are too few for an interval of confidence 0.95"),
    ({"replicates": 0}, "0 replicates"),
    *(
        ({"confidence": wrong}, f"confidence must be above 0 and below 1, not {wrong}")
        for wrong in (-0.1, 0.0, 1.0, 1.1, math.inf, math.nan)
    ),
    ({"groups": 1}, "groups must be from 2 to 65536, not 1"),
    ({"groups": 2**16 + 1}, "not 65537"),
]


def test_a_parameter_outside_its_bounds_is_refused(subtests):
    for parameters, said in OUTSIDE:
        with subtests.test(**parameters), pytest.raises(ValueError, match=said):
            compare(*TWO, **parameters)


def test_the_bounds_themselves_are_within():
    for groups in (2, 2**16):
        known(compare(*TWO, groups=groups)["log_loss"].change)


def test_as_many_groups_as_rows_are_a_group_for_each_row(sample):
    assert compare(*sample, replicates=40, groups=400) == compare(*sample, replicates=40, groups=10_000)


def test_in_whatever_groups_rows_fall_the_values_are_those_of_all():
    labels, candidate, baseline = np.array([0, 1, 1], np.int8), np.array([0.2, 0.6, 0.7]), np.array([0.3, 0.5, 0.5])
    expected = evaluate(labels, candidate)
    for seed in range(20):  # of three rows in two groups, all are in the first one time in eight
        for metric, comparison in compare(labels, candidate, baseline, groups=2, seed=seed, replicates=40).items():
            assert comparison.candidate == pytest.approx(getattr(expected, metric))


def test_39_replicates_are_enough_for_95_percent_and_19_for_90():
    for replicates, confidence in ((39, 0.95), (19, 0.9)):
        known(compare(*TWO, replicates=replicates, confidence=confidence)["log_loss"].change)


def test_two_resamples_are_the_ends_of_their_interval_and_give_a_standard_error(sample):
    for comparison in compare(*sample, replicates=2, confidence=0.3).values():
        low, high = comparison.change.interval
        assert comparison.change.standard_error == pytest.approx((high - low) / math.sqrt(2)) != 0.0


def test_where_as_many_resamples_are_undefined_as_may_be_left_out_there_is_no_interval():
    """Of four ones and four zeros, a resample misses one kind once in 128: of 40 resamples, often exactly one does."""
    labels = np.array([0, 1] * 4, np.int8)
    rows = labels, np.linspace(0.2, 0.8, 8), np.linspace(0.8, 0.3, 8)
    intervals = [known(compare(*rows, replicates=40, seed=seed)["auc"].change)[1] for seed in range(40)]
    assert 10 < sum(intervals) < 36


def test_resamples_of_the_auc_count_ones_and_zeros_alike():
    """The ones are all alike, so a resample's AUC is the share of its zeros that are below them: between 0 and 1."""
    labels, candidate = np.array([1] * 10 + [0] * 3, np.int8), np.array([0.5] * 10 + [0.2, 0.2, 0.8])
    found = compare(labels, candidate, np.full(13, 0.5), confidence=0.8)["auc"]
    assert (found.candidate, found.baseline) == (pytest.approx(2 / 3), 0.5)
    assert found.change.interval == pytest.approx((-0.5, 0.5))


def test_what_is_not_asked_for_is_said():
    said = {name: parameter.default for name, parameter in inspect.signature(compare).parameters.items()}
    by_default = {name: value for name, value in said.items() if value is not inspect.Parameter.empty}
    assert by_default == {"confidence": 0.95, "replicates": 2_000, "seed": 0, "groups": 10_000}


def test_models_that_did_not_predict_the_same_rows_are_refused():
    labels, candidate, baseline = TWO
    short = candidate[:1]
    for rows in ((labels[:1], candidate, baseline), (labels, short, baseline), (labels, candidate, short)):
        with pytest.raises(ValueError, match="are not of the same rows"):
            compare(*rows)
