"""What an item is given: where things are kept, how large they are, and the models that servers serve."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from clicks.fields import FIELDS, LABEL
from clicks.files import Clicks, replacing
from harness.commands import ANDON, Ran, read_through, run
from harness.say import say

N_BUCKETS = 2**22
LEARNER = ("--alpha", "0.3", "--beta", "0.3", "--l1", "0", "--l2", "1")
"""How ``andon train`` learns the clicks; its defaults suit events of fewer ids (``docs/decisions/0003-learner.md``).

The best of 60 settings: learned on the first million rows, judged on 300,000 of the second million. The rows that the
benchmark tests on had no part in it.
"""

WORDS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Bench:
    """A run of the benchmarks.

    Attributes:
        data: the folder for everything that is made.
        quick: sizes to try things out, instead of those that were asked for.
        rounds: how often all sides take their turn.
    """

    data: Path
    quick: bool
    rounds: int

    @cached_property
    def clicks(self) -> Clicks:
        return Clicks(self.data)

    def size(self, full: int, quick: int) -> int:
        """The one that this run is of."""
        return quick if self.quick else full

    @property
    def model_rows(self) -> int:
        """Rows that the models of the servers learn."""
        return self.size(1_000_000, 50_000)

    @property
    def test_rows(self) -> int:
        return self.size(200_000, 20_000)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder on the data's disk, gone afterwards."""
        self.data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="work-", dir=self.data) as name:
            yield Path(name)

    def train(self, store: Path, events: list[Path], n_buckets: int = N_BUCKETS, *, sampled: bool = False) -> Ran:
        """``andon train`` in one pass; the version id is in its output."""
        options = ["--schema", self.clicks.schema(n_buckets), "--store", store, "--passes", "1", *LEARNER]
        read_through(*events)
        return run([*ANDON, "train", *events, *options], sampled=sampled)

    @contextmanager
    def store(self, n_buckets: int = N_BUCKETS) -> Iterator[Path]:
        """A store with a current version, of the size that servers are measured with."""
        with self.folder() as folder:
            say("  training the model to serve")
            store = folder / "store"
            version = self.train(store, self.clicks.train("parquet", self.model_rows), n_buckets).output.strip()
            run([*ANDON, "promote", version, "--store", store, "--override", "benchmark: no gate was asked"])
            yield store

    def classic_weights(self) -> Path:
        """The weights of the peers' model, float64, shape ``(n_features + 1,)``, the intercept last; learned once."""
        path = self.data / f"classic-{self.model_rows}.npy"
        if not path.exists():
            say("  training the peers' model")
            hasher = FeatureHasher(n_features=N_BUCKETS, input_type="string")
            classifier = SGDClassifier(loss="log_loss", random_state=0)
            for file in self.clicks.train("parquet", self.model_rows):
                for batch in pq.ParquetFile(file).iter_batches(batch_size=WORDS_AT_ONCE):
                    classifier.partial_fit(hasher.transform(words_of(batch)), batch[LABEL].to_numpy(), classes=[0, 1])
            with replacing(path) as fresh, open(fresh, "wb") as out:
                np.save(out, np.append(classifier.coef_[0], classifier.intercept_))
        return path


def words_of(batch: object) -> list[list[str]]:
    """Each row of a record batch as the ``field=value`` words that FeatureHasher takes."""
    columns = [[f"{field.name}={value}" for value in batch[field.name].to_pylist()] for field in FIELDS]  # type: ignore
    return [list(row) for row in zip(*columns, strict=True)]
