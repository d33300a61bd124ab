"""How good probabilities are: log loss, normalised entropy, ROC AUC, calibration ratio."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.model import Probabilities

Labels = NDArray[np.int8]
"""Shape ``(n_rows,)``, each 0 or 1."""

EPSILON = 1e-15
"""A logarithm takes no probability closer to 0 than this, so no error costs an infinite loss."""


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
    """

    rows: int
    positives: int
    log_loss: float
    base_log_loss: float
    normalized_entropy: float
    auc: float
    calibration_ratio: float

    def to_document(self) -> dict[str, float]:
        """The metrics as a plain document; what is not defined is left out, for JSON knows no NaN."""
        return {name: value for name, value in asdict(self).items() if not math.isnan(value)}


def log_losses(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """The loss of each row, in nats, shape ``(n_rows,)``."""
    of_label = np.where(labels == 1, probabilities, 1.0 - probabilities)
    losses: NDArray[np.float64] = -np.log(np.clip(of_label, EPSILON, 1.0))
    return losses


def entropy(share: float) -> float:
    """The entropy, in nats, of a label that is 1 with probability ``share``."""
    return -sum(p * math.log(p) for p in (share, 1.0 - share) if p > 0.0)


def auc(labels: Labels, probabilities: Probabilities) -> float:
    """The share of (one, zero) pairs in which the one is predicted higher, a tie counted half; NaN without such a pair.

    Computed from mid-ranks (Mann-Whitney U) in O(n log n).
    """
    positives = int(np.count_nonzero(labels))
    negatives = len(labels) - positives
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2.0
    rank_sum = float(mid_ranks[inverse][labels == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2.0) / (positives * negatives)


def evaluate(labels: Labels, probabilities: Probabilities) -> Metrics:
    """The metrics of labels and probabilities, each of shape ``(n_rows,)``."""
    return _metrics(
        rows=len(labels),
        positives=int(np.count_nonzero(labels)),
        loss=float(log_losses(labels, probabilities).sum()),
        predicted=float(probabilities.sum()),
        auc=auc(labels, probabilities),
    )


class RunningMetrics:
    """Metrics of a stream in constant memory, for progressive validation (each row predicted before it is learned).

    Everything is exact but AUC, which takes probabilities in the same 1/65,536 as tied.
    """

    _GRID = 65_536

    def __init__(self) -> None:
        self._loss = 0.0
        self._predicted = 0.0
        self._counts = np.zeros((2, self._GRID), dtype=np.int64)

    def update(self, labels: Labels, probabilities: Probabilities) -> None:
        """Take in a batch: labels and probabilities of shape ``(n_rows,)``."""
        self._loss += float(log_losses(labels, probabilities).sum())
        self._predicted += float(probabilities.sum())
        cells = np.minimum((probabilities * self._GRID).astype(np.int64), self._GRID - 1)
        for label in (0, 1):
            self._counts[label] += np.bincount(cells[labels == label], minlength=self._GRID)

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
        )


def _metrics(*, rows: int, positives: int, loss: float, predicted: float, auc: float) -> Metrics:
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
    )
