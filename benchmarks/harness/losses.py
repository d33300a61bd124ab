"""One log loss for everybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clicks.fields import LABEL

SMALLEST = 1e-12


def log_loss(labelled: Path, probabilities: NDArray[np.float64]) -> float:
    """Mean log loss of one probability for each row of a Parquet file with labels."""
    labels = pq.read_table(labelled, columns=[LABEL])[LABEL].to_numpy().astype(bool)
    if len(labels) != len(probabilities):
        raise ValueError(f"{len(probabilities)} probabilities for {len(labels)} rows")
    likelihood = np.where(labels, probabilities, 1.0 - probabilities)
    return float(-np.log(np.maximum(likelihood, SMALLEST)).mean())


def scored(path: Path) -> NDArray[np.float64]:
    """The probabilities in a Parquet file that ``andon score`` wrote."""
    found: NDArray[np.float64] = pq.read_table(path, columns=["probability"])["probability"].to_numpy()
    return found
