"""How good probabilities are: log loss, normalised entropy, ROC AUC, calibration ratio, curve and error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.core.model import Probabilities
from service.kernels.sums import count_cells, sum_losses

Labels: TypeAlias = NDArray[np.int8]
"""Shape ``(n_rows,)``, each 0 or 1."""

EPSILON = 1e-15
"""A logarithm takes no probability closer to 0 than this, so no error costs an infinite loss."""

CURVE_BINS = 20
"""Bins of a calibration curve: few enough that each holds many rows, many enough to show where predictions are off."""

_CHUNK_ROWS = 2**17  # so that what is made on the way takes no memory by the number of rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Metrics of one set of rows. A metric that the rows do not define (AUC of one class, say) is NaN.

    Attributes:
        log_loss: mean negative log likelihood, in nats.
        base_log_loss: that of always predicting the rows' own share of ones: the entropy of the label.
        normalized_entropy: ``log_loss / base_log_loss``; below 1 beats the base rate (He et al. 2014, "Practical
            Lessons from Predicting Clicks on Ads at Facebook").
        auc: area under the ROC curve, a tie counted half.
        calibration_ratio: mean prediction over mean label.
        expected_calibration_error: how far the calibration curve is from the diagonal (``calibration_error``). A ratio
            of 1 may hide predictions too low here and too high there; this does not. Not known of a stream.
    """

    rows: int
    positives: int
    log_loss: float
    base_log_loss: float
    normalized_entropy: float
    auc: float
    calibration_ratio: float
    expected_calibration_error: float

    def to_document(self) -> dict[str, float]:
        """The metrics as a plain document; what is not defined is left out, for JSON knows no NaN."""
        return {name: value for name, value in asdict(self).items() if not math.isnan(value)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveBin:
    """One bin of a calibration curve: how many rows, their mean prediction, their share of ones."""

    rows: int
    predicted: float
    observed: float


def log_losses(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """The loss of each row, in nats, shape ``(n_rows,)``."""
    of_label = np.where(labels == 1, probabilities, 1.0 - probabilities)
    losses: NDArray[np.float64] = -np.log(np.maximum(of_label, EPSILON))
    return losses


def entropy(share: float) -> float:
    """The entropy, in nats, of a label that is 1 with probability ``share``."""
    return -sum(p * math.log(p) for p in (share, 1.0 - share) if p > 0.0)


def auc(labels: Labels, probabilities: Probabilities) -> float:
    """The share of (one, zero) pairs in which the one is predicted higher, a tie counted half; NaN without such a pair.

    Computed by sorting (Mann-Whitney U) in O(n log n). A probability that is NaN has no rank: NaN.
    """
    if np.isnan(probabilities).any():
        return math.nan
    of_ones, of_zeros = probabilities[labels == 1], probabilities[labels != 1]
    if not len(of_ones) or not len(of_zeros):
        return math.nan
    of_ones.sort()
    of_zeros.sort()
    twice_below = 0  # the zeros below each one, and those not above it: of a tie, the mean of both is half
    for chunk in _chunks(len(of_ones)):
        for side in ("left", "right"):
            twice_below += int(np.searchsorted(of_zeros, of_ones[chunk], side=side).sum())
    return twice_below / 2.0 / (len(of_ones) * len(of_zeros))


def calibration_curve(labels: Labels, probabilities: Probabilities) -> list[CurveBin]:
    """Predictions against what came of them, in ascending bins of as many rows each as can be.

    The bins part at the quantiles of the prediction, up to ``CURVE_BINS`` of them, and equal predictions are in one
    bin: of a model with few distinct predictions, there are fewer bins, and not of one size. Equal rows rather than
    equal widths, for predictions of rare events crowd at one end (Nixon et al. 2019, "Measuring Calibration in Deep
    Learning").

    Args:
        labels, probabilities: shape ``(n_rows,)``. Without rows, or with a NaN among the probabilities, no bins.
    """
    if not len(labels) or np.isnan(probabilities).any():
        return []
    edges = np.unique(np.quantile(probabilities, np.arange(1, CURVE_BINS) / CURVE_BINS))
    sums = np.zeros((3, len(edges) + 1))
    for chunk in _chunks(len(labels)):
        bins = np.searchsorted(edges, probabilities[chunk], side="right")
        for total, weights in zip(sums, (None, probabilities[chunk], labels[chunk]), strict=True):
            total += np.bincount(bins, weights, minlength=len(total))
    filled = [(rows, predicted, ones) for rows, predicted, ones in sums.T.tolist() if rows]
    return [CurveBin(rows=int(n), predicted=predicted / n, observed=ones / n) for n, predicted, ones in filled]


def calibration_error(curve: Sequence[CurveBin]) -> float:
    """The mean over rows of |mean prediction - share of ones| of their bin; NaN without bins.

    The expected calibration error of Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning". Never below 0, and of a perfect model above it by chance: some 0.8 standard errors of a bin's share.
    """
    rows = sum(part.rows for part in curve)
    return sum(part.rows * abs(part.predicted - part.observed) for part in curve) / rows if rows else math.nan


def evaluate(labels: Labels, probabilities: Probabilities) -> Metrics:
    """The metrics of labels and probabilities, each of shape ``(n_rows,)``."""
    labels, probabilities = np.ascontiguousarray(labels), np.ascontiguousarray(probabilities)
    loss, predicted = sum_losses(labels, probabilities, epsilon=EPSILON)
    return _metrics(
        rows=len(labels),
        positives=int(np.count_nonzero(labels)),
        loss=loss,
        predicted=predicted,
        auc=auc(labels, probabilities),
        calibration_error=calibration_error(calibration_curve(labels, probabilities)),
    )


class RunningMetrics:
    """Metrics of a stream in constant memory, for progressive validation (each row predicted before it is learned).

    Everything is exact but AUC, which takes probabilities in the same 1/65,536 as tied. The expected calibration error
    is left out: its bins are known only when every prediction is.
    """

    _GRID = 65_536

    def __init__(self) -> None:
        self._loss = 0.0
        self._predicted = 0.0
        self._counts = np.zeros((2, self._GRID), dtype=np.int64)

    def update(self, labels: Labels, probabilities: Probabilities) -> None:
        """Take in a batch: labels and probabilities of shape ``(n_rows,)``.

        Raises:
            ValueError: the shapes do not fit, or a probability is not from 0 to 1.
        """
        count_cells(labels, probabilities, self._counts)
        loss, predicted = sum_losses(labels, probabilities, epsilon=EPSILON)
        self._loss += loss
        self._predicted += predicted

    def result(self) -> Metrics:
        """The metrics of all that was taken in."""
        zeros, ones = self._counts.astype(np.float64)
        pairs = zeros.sum() * ones.sum()
        below = np.cumsum(zeros) - zeros
        return _metrics(
            rows=int(self._counts.sum()),
            positives=int(ones.sum()),
            loss=self._loss,
            predicted=self._predicted,
            auc=float((ones * (below + zeros / 2.0)).sum() / pairs) if pairs else math.nan,
            calibration_error=math.nan,
        )


def _chunks(n_rows: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK_ROWS) for start in range(0, n_rows, _CHUNK_ROWS))


def _metrics(
    *, rows: int, positives: int, loss: float, predicted: float, auc: float, calibration_error: float
) -> Metrics:
    log_loss = loss / rows if rows else math.nan
    base = entropy(positives / rows) if rows else math.nan
    return Metrics(
        rows=rows,
        positives=positives,
        log_loss=log_loss,
        base_log_loss=base,
        normalized_entropy=log_loss / base if base > 0.0 else math.nan,
        auc=auc,
        calibration_ratio=predicted / positives if positives else math.nan,
        expected_calibration_error=calibration_error,
    )
