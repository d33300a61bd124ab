"""Whether CSV, Parquet and Vowpal Wabbit's format hold the same rows, read by other code than that which wrote them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pyarrow.parquet as pq

from clicks.fields import FIELDS, LABEL
from clicks.files import Clicks
from clicks.text import LETTERS

Row = tuple[str, ...]


def check(clicks: Clicks, n_rows: int) -> int:
    """Compare all training rows of the three formats, and the test rows, and count them.

    Raises:
        AssertionError: they differ.
    """
    csvs, parquets = clicks.train("csv", n_rows), clicks.train("parquet", n_rows)
    vw, joined = clicks.joined("vw", n_rows), [clicks.joined(kind, n_rows) for kind in ("csv", "parquet")]
    test = [clicks.test(kind, n_rows) for kind in ("csv", "parquet", "vw")]
    readings = [
        (_csv(csvs), _parquet(parquets), _vw(vw), _csv(joined[:1]), _parquet(joined[1:])),
        (_csv(test[:1]), _parquet(test[1:2]), _vw(test[2])),
    ]
    n_checked = 0
    for reading in readings:
        for rows in zip_longest(*reading):
            assert len(set(rows)) == 1, f"they differ: {rows}"
            n_checked += 1
    return n_checked


def _csv(paths: list[Path]) -> Iterator[Row]:
    for path in paths:
        with open(path, newline="") as file:
            lines = csv.reader(file)
            assert next(lines) == [LABEL, *(field.name for field in FIELDS)]
            yield from map(tuple, lines)


def _parquet(paths: list[Path]) -> Iterator[Row]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=10_000):
                for label, *ids in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield (str(label), *ids)


def _vw(path: Path) -> Iterator[Row]:
    labels = {"1": "1", "-1": "0"}
    with open(path) as file:
        for line in file:
            label, features = line.rstrip("\n").split(" | ")
            letters, ids = zip(*(feature.split("=") for feature in features.split(" ")), strict=True)
            assert "".join(letters) == LETTERS
            yield (labels[label], *ids)
