"""Log-odds and probabilities of whole batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import I64, U64, array, function, output

Logits = NDArray[np.float64]

_add_weights = function("add_weights", [array(np.uint64, 2), I64, I64, U64, array(np.float32), output(np.float64)])
_add_row_weights = function(
    "add_row_weights", [array(np.uint32, 2), I64, I64, I64, array(np.float32), output(np.float64)], result=I64
)
_sigmoids = function("sigmoids", [output(np.float64), I64])


def add_weights(hashes: NDArray[np.uint64], weights: NDArray[np.float32], logits: Logits) -> None:
    """Add the weights of all slots to the logits, in place, from whole hashes by slot, shape ``(n_slots, n_rows)``.

    Args:
        weights: shape ``(n_buckets + 1,)``, ``n_buckets`` a power of two.
    """
    n_buckets = len(weights) - 1
    if hashes.shape[1:] != logits.shape or n_buckets < 1 or n_buckets & (n_buckets - 1):
        raise ValueError(f"hashes of shape {hashes.shape}, {len(logits)} logits and {n_buckets} buckets do not fit")
    _add_weights(hashes, *hashes.shape, n_buckets - 1, weights, logits)


def add_row_weights(buckets: NDArray[np.uint32], weights: NDArray[np.float32], logits: Logits) -> None:
    """Add the weights of all slots to the logits, in place, from buckets of shape ``(n_rows, n_slots)``.

    Raises:
        ValueError: the shapes do not fit, or there is no such bucket.
    """
    if len(buckets) != len(logits):
        raise ValueError(f"buckets of shape {buckets.shape} and {len(logits)} logits do not fit")
    bad = _add_row_weights(buckets, *buckets.shape, len(weights) - 1, weights, logits)
    if bad >= 0:
        raise ValueError(f"a bucket of row {bad} is not one of the {len(weights) - 1}")


def sigmoids(logits: Logits) -> None:
    """Turn logits into probabilities, in place."""
    _sigmoids(logits, len(logits))
