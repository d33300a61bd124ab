"""The world that the clicks come from: ids by Zipf's law, labels from weights that were planted.

Each id has a weight, drawn from a normal distribution. A row's true probability is the sigmoid of the intercept and the
sum of its ids' weights, and its label is drawn with it. So no model can expect a lower log loss than the entropy of the
true probabilities: the floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clicks.fields import FIELDS, LABEL, Field

SPREAD = 0.61
"""Standard deviation of the planted weights; with the intercept, every fifth row is clicked, and the floor is 0.33."""

INTERCEPT = -2.44

TRAIN, TEST = 0, 1
"""What is drawn: streams of random numbers that have nothing in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows and what only their maker knows of them.

    Attributes:
        table: the label, int8, then the fields, strings.
        probabilities: the true ones, float64, shape ``(n_rows,)``.
    """

    table: pa.Table
    probabilities: NDArray[np.float64]

    def floor(self) -> float:
        """The log loss of the true probabilities on the labels that were drawn."""
        labels = self.table[LABEL].to_numpy().astype(bool)
        return float(-np.log(np.where(labels, self.probabilities, 1.0 - self.probabilities)).mean())

    def entropy(self) -> float:
        """The log loss that the true probabilities expect of themselves."""
        p = self.probabilities
        return float(-(p * np.log(p) + (1.0 - p) * np.log1p(-p)).mean())


class World:
    """Ids, weights and laws of all fields, some 200 MB; the same seed makes the same world."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._columns = [_Column(field, np.random.default_rng([seed, 0, n])) for n, field in enumerate(FIELDS)]

    def rows(self, split: int, part: int, n_rows: int) -> Rows:
        """Draw rows; the same split, part and number give the same ones, whatever else was drawn before."""
        random = np.random.default_rng([self._seed, 1, split, part, n_rows])
        logits = np.full(n_rows, INTERCEPT)
        texts = {}
        for column in self._columns:
            ranks = np.searchsorted(column.shares, random.random(n_rows), side="right")
            logits += column.weights[ranks]
            texts[column.name] = column.ids.take(pa.array(ranks))
        probabilities = 1.0 / (1.0 + np.exp(-logits))
        labels = (random.random(n_rows) < probabilities).astype(np.int8)
        return Rows(table=pa.table({LABEL: labels, **texts}), probabilities=probabilities)


class _Column:
    def __init__(self, field: Field, random: np.random.Generator) -> None:
        self.name = field.name
        self.ids = field.ids()
        self.weights = SPREAD * random.standard_normal(field.n_ids)
        mass = np.arange(1, field.n_ids + 1, dtype=np.float64) ** -field.exponent
        self.shares = np.cumsum(mass / mass.sum())[:-1]  # of the last rank, whatever is left
