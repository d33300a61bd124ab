"""Sums and counts over labels and probabilities; what for is in ``service.core.metrics``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.kernels.library import F64, I64, array, function, output

_sum_losses = function("sum_losses", [array(np.int8), array(np.float64), I64, F64, output(np.float64)])
_count_cells = function("count_cells", [array(np.int8), array(np.float64), I64, I64, output(np.int64, 2)], result=I64)


def sum_losses(labels: NDArray[np.int8], probabilities: NDArray[np.float64], *, epsilon: float) -> tuple[float, float]:
    """The sum of the losses, in nats, and that of the probabilities.

    Args:
        labels: 0 or 1, shape ``(n_rows,)``.
        probabilities: of the same shape; with a NaN among them, both sums are NaN.
        epsilon: a logarithm takes no probability closer to 0.

    Raises:
        ValueError: the shapes do not fit.
    """
    sums = np.empty(2, dtype=np.float64)
    _sum_losses(labels, probabilities, _rows(labels, probabilities), epsilon, sums)
    return float(sums[0]), float(sums[1])


def count_cells(labels: NDArray[np.int8], probabilities: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
    """Add rows to their counts by label and probability, shape ``(2, n_cells)``: equal steps from 0 to 1.

    Raises:
        ValueError: the shapes do not fit, or a probability is not from 0 to 1; the rows before it are counted.
    """
    if len(counts) != 2:
        raise ValueError(f"counts of shape {counts.shape} are not by two labels")
    bad = _count_cells(labels, probabilities, _rows(labels, probabilities), counts.shape[1], counts)
    if bad >= 0:
        raise ValueError(f"the probability of row {bad} is {probabilities[bad]}, not from 0 to 1")


def _rows(labels: NDArray[np.int8], probabilities: NDArray[np.float64]) -> int:
    if len(labels) != len(probabilities):
        raise ValueError(f"{len(labels)} labels and {len(probabilities)} probabilities do not fit")
    return len(labels)
