"""A candidate against a baseline on the same rows: the change of each metric, and how sure the rows make us of it.

By the bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapters 6 and 13), paired: a resample
takes both models' predictions of each row that it takes, so what makes a row hard for both of them cancels. The metrics
are made of sums; rows are put at random into groups, each with its sums, and a resample of the groups is one product of
matrices. That groups are drawn and not rows leaves the standard error unbiased, and adds noise of 1 / sqrt(2 groups).

The AUC is no sum. To first order it is one: over ones, of the share of zeros predicted lower, and over zeros, of the
share of ones predicted higher (the placements of DeLong et al. 1988, "Comparing the Areas under Two or More Correlated
Receiver Operating Characteristic Curves").

Rows are taken as independent. Where they are not (many rows of one user), less is certain than is said here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.metrics import Labels, log_losses
from service.core.model import Probabilities

METRICS = ("log_loss", "normalized_entropy", "auc", "calibration_ratio")
"""What is compared, by the names of ``Metrics``."""

GROUPS = 10_000
"""Groups that rows are put into, fewer rows being a group each: the noise that this adds is below 1 %."""

_BLOCK = 2**18
"""Rows, or draws, that are worked on at once: it bounds the memory."""

_Floats: TypeAlias = NDArray[np.float64]
_GroupOfRow: TypeAlias = NDArray[np.uint16]
"""Shape ``(n_rows,)``: the group that each row is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From the baseline's value of a metric to the candidate's. What the rows do not define is NaN.

    Attributes:
        value: as measured on all rows.
        interval: its ``(low, high)``: percentiles of the resamples.
        standard_error: the resamples' standard deviation.
        rows: how many rows.
        confidence: how often an interval made like this holds the true change.
    """

    value: float
    interval: tuple[float, float]
    standard_error: float
    rows: int
    confidence: float

    def detectable(self, power: float = 0.8) -> float:
        """The smallest true change whose interval would leave out 0, with probability ``power``, on as many rows.

        It is also the tightest bound that the interval of a candidate without any true change would keep with that
        probability.
        """
        normal = NormalDist()
        return (normal.inv_cdf((1.0 + self.confidence) / 2.0) + normal.inv_cdf(power)) * self.standard_error

    def rows_needed(self, bound: float, power: float = 0.8) -> int | None:
        """How many rows like these would make ``bound`` detectable; None for a bound of 0, or if that is not known.

        The standard error is taken to fall with the root of the rows.
        """
        times = self.detectable(power) / abs(bound) if bound else math.nan
        needed = self.rows * times * times
        return math.ceil(needed) if math.isfinite(needed) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of two models on the same rows.

    Attributes:
        metric: one of ``METRICS``.
        candidate: the candidate's value.
        baseline: the baseline's.
        change: ``candidate - baseline``.
        relative: ``(candidate - baseline) / baseline``, both of one resample. Of normalised entropy it is that of log
            loss, for the entropy cancels.
    """

    metric: str
    candidate: float
    baseline: float
    change: Change
    relative: Change


def compare(
    labels: Labels,
    candidate: Probabilities,
    baseline: Probabilities,
    *,
    confidence: float = 0.95,
    replicates: int = 2_000,
    seed: int = 0,
    groups: int = GROUPS,
) -> dict[str, Comparison]:
    """Each of ``METRICS`` compared. The same arguments give the same result, to the bit.

    All that is said of a metric is NaN where a probability is, or where the rows do not define it. Where too many
    resamples do not define it (next to no ones), or there is one row, it has a change but no interval.

    Args:
        labels, candidate, baseline: shape ``(n_rows,)``, the same rows in the same order.
        confidence: of the intervals, above 0 and below 1.
        replicates: how many resamples.
        seed: of the groups and the resamples.
        groups: how many groups at most, 2 to 65,536; time grows with groups times replicates.

    Raises:
        ValueError: the shapes differ, a parameter is out of bounds, or the replicates are too few for the confidence.
    """
    if not labels.shape == candidate.shape == baseline.shape == (len(labels),):
        raise ValueError(f"shapes {labels.shape}, {candidate.shape} and {baseline.shape} are not of the same rows")
    if not 2 <= groups <= 2**16:
        raise ValueError(f"groups must be from 2 to 65536, not {groups!r}")
    if not 0.0 < confidence < 1.0:  # this way round, NaN is outside
        raise ValueError(f"confidence must be above 0 and below 1, not {confidence!r}")
    tail = int(round((replicates + 1) * (1.0 - confidence) / 2.0, 9))  # rounded, for 1 - 0.9 is a little less than 0.1
    if tail < 1:
        raise ValueError(f"{replicates!r} replicates are too few for an interval of confidence {confidence!r}")

    random = np.random.default_rng(seed)
    rows = len(labels)
    n_groups = min(rows, groups)
    group = np.arange(rows, dtype=np.uint16) if rows <= groups else random.integers(groups, size=rows, dtype=np.uint16)
    of_label = _label_sums(labels, group, n_groups)
    ours, theirs = (
        np.concatenate([_score_sums(labels, model, group, n_groups), _placement_sums(labels, model, group, of_label)])
        for model in (candidate, baseline)
    )
    # The change is resampled from the differences of the sums, and so cancels exactly where the models agree.
    sums = np.concatenate([of_label, ours, theirs, ours - theirs])
    drawn = np.concatenate([sums.sum(axis=1, keepdims=True), _resampled(sums, replicates, random)], axis=1)
    ones_and_zeros, *models = np.split(drawn, [2, 6, 10])
    found = zip(METRICS, *(_values(ones_and_zeros, model) for model in models), strict=True)
    return {
        metric: Comparison(
            metric=metric,
            candidate=float(candidates[0]),
            baseline=float(baselines[0]),
            change=_change(changes, tail, rows, confidence),
            relative=_change(_ratio(changes, baselines), tail, rows, confidence),
        )
        for metric, candidates, baselines, changes in found
    }


def _label_sums(labels: Labels, group: _GroupOfRow, n_groups: int) -> _Floats:
    """Ones and zeros of each group, shape ``(2, n_groups)``."""
    sums = np.zeros((2, n_groups))
    for rows in _blocks(len(labels)):
        for total, label in zip(sums, (1, 0), strict=True):
            total += np.bincount(group[rows][labels[rows] == label], minlength=n_groups)
    return sums


def _score_sums(labels: Labels, probabilities: Probabilities, group: _GroupOfRow, n_groups: int) -> _Floats:
    """Loss and prediction of each group, shape ``(2, n_groups)``."""
    sums = np.zeros((2, n_groups))
    for rows in _blocks(len(labels)):
        sums[0] += np.bincount(group[rows], log_losses(labels[rows], probabilities[rows]), n_groups)
        sums[1] += np.bincount(group[rows], probabilities[rows], n_groups)
    return sums


def _placement_sums(labels: Labels, probabilities: Probabilities, group: _GroupOfRow, of_label: _Floats) -> _Floats:
    """Placements of each group's ones, and of its zeros less the AUC, shape ``(2, n_groups)``.

    The mean over ones of the first and the mean over zeros of the second add up to the AUC, and to first order they do
    so in a resample.
    """
    sums = np.zeros_like(of_label)
    n_ones, n_zeros = of_label.sum(axis=1)
    if not n_ones or not n_zeros or np.isnan(probabilities).any():
        return np.full_like(of_label, math.nan)
    order = np.argsort(probabilities)
    # Blocks of ascending predictions; each begins where a run of equal ones does.
    firsts = np.searchsorted(probabilities, probabilities[order[::_BLOCK]], sorter=order)
    ones_before = zeros_before = 0.0
    for first, last in pairwise([*np.unique(firsts).tolist(), len(order)]):
        rows = order[first:last]
        is_one = labels[rows] == 1
        tie = np.cumsum(np.diff(probabilities[rows], prepend=probabilities[rows[0]]) > 0.0)
        ones, zeros = np.bincount(tie, is_one), np.bincount(tie, ~is_one)
        zeros_below = zeros_before + np.cumsum(zeros) - zeros / 2.0  # a tie counted half
        ones_above = n_ones - (ones_before + np.cumsum(ones) - ones / 2.0)
        for total, of, placed in ((sums[0], is_one, zeros_below / n_zeros), (sums[1], ~is_one, ones_above / n_ones)):
            total += np.bincount(group[rows[of]], placed[tie[of]], total.size)
        ones_before, zeros_before = ones_before + ones.sum(), zeros_before + zeros.sum()
    sums[1] -= sums[0].sum() / n_ones * of_label[1]
    return sums


def _resampled(sums: _Floats, replicates: int, random: np.random.Generator) -> _Floats:
    """Sums over resamples of the groups, shape ``(len(sums), replicates)``; of fewer than two groups, NaN."""
    n_groups = sums.shape[1]
    drawn = np.full((len(sums), replicates), math.nan)
    if n_groups < 2:
        return drawn
    for block in _blocks(replicates, _BLOCK // n_groups):
        n_drawn = len(range(replicates)[block])
        cells = random.integers(n_groups, size=(n_drawn, n_groups))
        cells += np.arange(n_drawn)[:, np.newaxis] * n_groups
        counts = np.bincount(cells.ravel(), minlength=cells.size).reshape(cells.shape)
        with np.errstate(invalid="ignore"):  # NaN goes through
            drawn[:, block] = sums @ counts.T.astype(np.float64)
    return drawn


def _values(of_label: _Floats, of_model: _Floats) -> _Floats:
    """The metrics of sums, shape ``(len(METRICS), n)``; linear in a model's sums, hence of a difference the change."""
    ones, zeros = of_label
    loss, predicted, ones_placed, zeros_placed = of_model
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = ones + zeros
        entropy = -(ones * np.log(ones / rows) + zeros * np.log(zeros / rows)) / rows
        log_loss = loss / rows
        values = np.stack([log_loss, log_loss / entropy, ones_placed / ones + zeros_placed / zeros, predicted / ones])
    values[~np.isfinite(values)] = math.nan
    return values


def _ratio(numerators: _Floats, denominators: _Floats) -> _Floats:
    ratios = np.full_like(numerators, math.nan)
    return np.divide(numerators, denominators, out=ratios, where=denominators != 0.0)


def _change(values: _Floats, tail: int, rows: int, confidence: float) -> Change:
    """What was measured, first, and the resamples; a resample that is NaN is taken as beyond both ends."""
    measured, resampled = float(values[0]), values[1:]
    defined = resampled[~np.isnan(resampled)]
    tail -= len(resampled) - len(defined)
    interval, error = (math.nan, math.nan), math.nan
    if tail > 0:
        ascending = np.sort(defined)
        interval, error = (float(ascending[tail - 1]), float(ascending[-tail])), float(defined.std(ddof=1))
    return Change(value=measured, interval=interval, standard_error=error, rows=rows, confidence=confidence)


def _blocks(n: int, size: int = _BLOCK) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, n, size))
