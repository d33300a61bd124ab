"""The model of the peers: scikit-learn's FeatureHasher and SGDClassifier, from weights that were saved as an array."""

from __future__ import annotations

import os

import numpy as np
import sklearn
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

FIELDS = tuple(os.environ["BENCH_FIELDS"].split(","))
N_FEATURES = 2**22

sklearn.set_config(assume_finite=True)


class Model:
    """Probabilities of rows, each a list of ``field=value`` words."""

    def __init__(self) -> None:
        weights = np.load(os.environ["BENCH_WEIGHTS"])
        self._hasher = FeatureHasher(n_features=N_FEATURES, input_type="string")
        self._classifier = SGDClassifier(loss="log_loss")
        self._classifier.coef_ = weights[None, :-1]
        self._classifier.intercept_ = weights[-1:]
        self._classifier.classes_ = np.array([0, 1])

    def predict(self, rows: list[list[str]]) -> list[float]:
        """One probability for each row."""
        return self._classifier.predict_proba(self._hasher.transform(rows))[:, 1].tolist()
