"""Vowpal Wabbit as a command, in its own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.commands import VOWPAL_WABBIT, Ran, read_through, run

BITS = 22


def train(data: Path, model: Path, *options: str) -> Ran:
    """One pass; without options nothing but the size of the table and the loss is said."""
    read_through(data)
    said = ["--loss_function", "logistic", "-b", str(BITS), *options]
    return run([*VOWPAL_WABBIT, "--data", data, *said, "-f", model, "--quiet"])


def score(data: Path, model: Path, out: Path) -> Ran:
    """The logit of each row, written to a file."""
    read_through(data)
    return run([*VOWPAL_WABBIT, "--testonly", "--data", data, "-i", model, "-p", out, "--quiet"])


def probabilities(out: Path) -> NDArray[np.float64]:
    """What ``score`` wrote, as probabilities."""
    return 1.0 / (1.0 + np.exp(-np.loadtxt(out, dtype=np.float64)))
