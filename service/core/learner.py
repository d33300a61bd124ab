"""Learn a hashed logistic model, row by row: FTRL-Proximal with per-coordinate learning rates.

McMahan et al. 2013, "Ad Click Prediction: a View from the Trenches" (KDD). With the gradient ``g`` of the log loss with
respect to the logit, each coordinate that a row touches keeps ``z`` and ``n``, the sum of squared gradients:

    w     = 0                                                      if |z| <= l1
            -(z - sign(z) l1) / ((beta + sqrt(n)) / alpha + l2)    otherwise
    sigma = (sqrt(n + g^2) - sqrt(n)) / alpha
    z    += g - sigma w
    n    += g^2

The loops are compiled by numba, in double precision and without reordering, so that a run can be repeated to the bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from service.core.encoder import Buckets
from service.core.metrics import Labels
from service.core.model import Probabilities, Weights

Z, N = 0, 1
"""Columns of the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FTRL:
    """Parameters of FTRL-Proximal; the defaults were measured (``docs/decisions/0003-learner.md``).

    Attributes:
        alpha: learning rate of a coordinate that has seen little.
        beta: how slowly that rate falls at first.
        l1: weights whose evidence stays below this are zero.
        l2: strength of the pull towards zero.

    Raises:
        ValueError: a parameter is outside its bounds.
    """

    alpha: float = 0.03
    beta: float = 1.0
    l1: float = 1.0
    l2: float = 10.0

    def __post_init__(self) -> None:
        for name, low, high in (("alpha", 1e-6, 1e3), ("beta", 0.0, 1e6), ("l1", 0.0, 1e6), ("l2", 0.0, 1e6)):
            value = getattr(self, name)
            if not low <= value <= high:  # this way round, NaN is outside
                raise ValueError(f"{name} must be from {low:g} to {high:g}, not {value!r}")


class Learner:
    """Learns from batches of encoded rows, in their order.

    The intercept is a coordinate of its own, the last, that every row touches; it has the same learning rate and no
    regularisation. Of a bucket that two slots of one row share, each slot makes its own update.

    Args:
        n_buckets: size of the table of weights. The state takes 16 bytes a bucket.
    """

    def __init__(self, *, n_buckets: int, parameters: FTRL) -> None:
        self.parameters = parameters
        self._state = np.zeros((n_buckets + 1, 2), dtype=np.float64)

    def learn(self, buckets: Buckets, labels: Labels) -> Probabilities:
        """Learn a batch and return each row's probability *before* it was learned, shape ``(n_rows,)``.

        Args:
            buckets: shape ``(n_rows, n_slots)``.
            labels: 0 or 1, shape ``(n_rows,)``.

        Raises:
            ValueError: the shapes do not fit, or there is no such bucket; the compiled loop checks nothing.
        """
        if buckets.ndim != 2 or labels.shape != (len(buckets),):
            raise ValueError(f"buckets of shape {buckets.shape} and labels of shape {labels.shape} do not fit")
        if buckets.size and not 0 <= int(buckets.min()) <= int(buckets.max()) < len(self._state) - 1:
            raise ValueError(f"a bucket is outside 0 to {len(self._state) - 2}")
        p = self.parameters
        probabilities = np.empty(len(labels), dtype=np.float64)
        _learn_rows(buckets, labels, self._state, p.alpha, p.beta, p.l1, p.l2, probabilities)
        return probabilities

    def weights(self) -> Weights:
        """The weights learned so far, float32, shape ``(n_buckets + 1,)``, the intercept last."""
        p = self.parameters
        weights = np.empty(len(self._state), dtype=np.float32)
        _weights(self._state, p.alpha, p.beta, p.l1, p.l2, weights)
        return weights


def warm_up() -> None:
    """Compile the loops, or load them from numba's cache, which takes up to some seconds."""
    learner = Learner(n_buckets=2, parameters=FTRL())
    learner.learn(np.zeros((1, 1), dtype=np.uint32), np.zeros(1, dtype=np.int8))
    learner.weights()


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def gradient(probability: float, label: int) -> float:
    """The derivative of the log loss with respect to the logit."""
    return probability - label


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def weight(z: float, n: float, alpha: float, beta: float, l1: float, l2: float) -> float:
    """The weight that a coordinate's state stands for."""
    if abs(z) <= l1:
        return 0.0
    return -(z - math.copysign(l1, z)) / ((beta + math.sqrt(n)) / alpha + l2)


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _update(state: NDArray[np.float64], coordinate: int, w: float, g: float, alpha: float) -> None:
    n = state[coordinate, N]
    squares = n + g * g
    state[coordinate, Z] += g - (math.sqrt(squares) - math.sqrt(n)) / alpha * w
    state[coordinate, N] = squares


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _sigmoid(logit: float) -> float:
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    odds = math.exp(logit)
    return odds / (1.0 + odds)


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _learn_rows(  # type: ignore[no-untyped-def]
    buckets, labels, state, alpha, beta, l1, l2, probabilities
):
    n_slots = buckets.shape[1]
    intercept = state.shape[0] - 1
    row_weights = np.empty(n_slots)
    for row in range(buckets.shape[0]):
        bias = weight(state[intercept, Z], state[intercept, N], alpha, beta, 0.0, 0.0)
        logit = bias
        for slot in range(n_slots):
            bucket = buckets[row, slot]
            row_weights[slot] = weight(state[bucket, Z], state[bucket, N], alpha, beta, l1, l2)
            logit += row_weights[slot]
        probability = _sigmoid(logit)
        probabilities[row] = probability
        g = gradient(probability, labels[row])
        for slot in range(n_slots):
            _update(state, buckets[row, slot], row_weights[slot], g, alpha)
        _update(state, intercept, bias, g, alpha)


@njit(cache=True, nogil=True)  # type: ignore[misc,unused-ignore]
def _weights(state, alpha, beta, l1, l2, weights):  # type: ignore[no-untyped-def]
    intercept = state.shape[0] - 1
    for coordinate in range(intercept):
        weights[coordinate] = weight(state[coordinate, Z], state[coordinate, N], alpha, beta, l1, l2)
    weights[intercept] = weight(state[intercept, Z], state[intercept, N], alpha, beta, 0.0, 0.0)
