"""FTRL-Proximal over batches of encoded rows; the formulas are in ``service.core.learner``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import F64, I64, array, function, output

State = NDArray[np.float64]
"""Shape ``(n_buckets + 1, 2)``: ``z`` and ``n`` of each bucket, those of the intercept last."""

_learn_rows = function(
    "learn_rows",
    [
        *(array(np.uint32, 2), I64, I64, array(np.int8)),
        *(output(np.float64, 2), I64, F64, F64, F64, F64),
        *(output(np.float64), output(np.float64)),
    ],
    result=I64,
)
_learned_weights = function("learned_weights", [array(np.float64, 2), I64, F64, F64, F64, F64, output(np.float32)])


def learn_rows(
    buckets: NDArray[np.uint32],
    labels: NDArray[np.int8],
    state: State,
    *,
    alpha: float,
    beta: float,
    l1: float,
    l2: float,
) -> NDArray[np.float64]:
    """Learn rows in their order; return each one's probability from before it was learned, shape ``(n_rows,)``.

    Args:
        buckets: shape ``(n_rows, n_slots)``.
        labels: 0 or 1, shape ``(n_rows,)``.

    Raises:
        ValueError: the shapes do not fit, or there is no such bucket; of a batch with one, the rows before are learned.
    """
    if buckets.ndim != 2 or labels.shape != (len(buckets),):
        raise ValueError(f"buckets of shape {buckets.shape} and labels of shape {labels.shape} do not fit")
    probabilities = np.empty(len(labels), dtype=np.float64)
    scratch = np.empty(6 * buckets.shape[1], dtype=np.float64)
    n_buckets = len(state) - 1
    bad = _learn_rows(buckets, *buckets.shape, labels, state, n_buckets, alpha, beta, l1, l2, scratch, probabilities)
    if bad >= 0:
        raise ValueError(f"a bucket of row {bad} is outside 0 to {n_buckets - 1}")
    return probabilities


def learned_weights(state: State, *, alpha: float, beta: float, l1: float, l2: float) -> NDArray[np.float32]:
    """The weights that a state stands for, shape ``(n_buckets + 1,)``, the intercept last."""
    weights = np.empty(len(state), dtype=np.float32)
    _learned_weights(state, len(state) - 1, alpha, beta, l1, l2, weights)
    return weights
