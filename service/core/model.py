"""The hashed logistic model: one weight a bucket, and an intercept."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.core.encoder import Buckets
from service.kernels import scoring

Weights: TypeAlias = NDArray[np.float32]
"""Shape ``(n_buckets + 1,)``: the weight of each bucket, and the intercept last."""

Probabilities: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearModel:
    """``P(y=1 | x) = sigmoid(intercept + sum of the weights of x's buckets)``.

    The sum runs over the slots in their order, in double precision, whether one row is scored or a million: batch and
    single row give the same probability to the last bit.
    """

    weights: Weights

    def predict_logit(self, buckets: Buckets) -> NDArray[np.float64]:
        """Log-odds, shape ``(n_rows,)``, of buckets of shape ``(n_rows, n_slots)``.

        Raises:
            ValueError: there is no such bucket.
        """
        logits = np.full(len(buckets), self.weights[-1], dtype=np.float64)
        scoring.add_row_weights(np.ascontiguousarray(buckets), self.weights, logits)
        return logits

    def predict_proba(self, buckets: Buckets) -> Probabilities:
        """Probabilities, shape ``(n_rows,)``, of buckets of shape ``(n_rows, n_slots)``."""
        probabilities = self.predict_logit(buckets)
        scoring.sigmoids(probabilities)
        return probabilities

    def predict_proba_hashes(self, hashes: NDArray[np.uint64]) -> Probabilities:
        """Probabilities, shape ``(n_rows,)``, of whole hashes by slot, shape ``(n_slots, n_rows)``."""
        probabilities = np.full(hashes.shape[1], self.weights[-1], dtype=np.float64)
        scoring.add_weights(np.ascontiguousarray(hashes), self.weights, probabilities)
        scoring.sigmoids(probabilities)
        return probabilities

    def predict_proba_row(self, buckets: Iterable[int]) -> float:
        """The probability of one row, without the cost of an array."""
        weights = self.weights.data  # indexing a memoryview gives a Python float, exactly
        logit: float = weights[-1]
        for bucket in buckets:
            logit += weights[bucket]
        return sigmoid(logit)


def sigmoid(logit: float) -> float:
    """``1 / (1 + exp(-logit))`` without overflow. The C library's ``exp`` serves every path, for equal bits on each.

    >>> sigmoid(0.0), sigmoid(-800.0), sigmoid(800.0)
    (0.5, 0.0, 1.0)
    """
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)
