"""A sample of rows: of all rows evenly, and the same however the rows are cut into batches."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from service.core.columnar import column_of
from service.events import Batch, RowSample


def batch(numbers):
    arrays = {
        "number": pa.array(numbers, pa.int64()),
        "text": pa.array([None if n % 3 == 0 else f"né {n}" for n in numbers], pa.string()),
        "half": pa.array([n / 2 for n in numbers], pa.float64()),
        "odd": pa.array([bool(n % 2) for n in numbers], pa.bool_()),
    }
    columns = {name: column_of(array) for name, array in arrays.items()}
    return Batch(columns=columns, n_rows=len(numbers), labels=None, times=None, file=0, done=1.0)


def sample(parts, *, size, seed=(0,)):
    rows = RowSample(size=size, seed=list(seed))
    for part in parts:
        rows.offer(batch(part))
    return rows.rows()


def numbers(parts, **options):
    return [row["number"] for row in sample(parts, **options)]


def test_how_the_rows_are_cut_into_batches_makes_no_difference():
    whole = sample([range(500)], size=30)
    for cuts in ([], [1], [250], [10, 20, 30], list(range(1, 500)), [0, 0, 500]):
        parts = [part.tolist() for part in np.split(np.arange(500), cuts)]
        assert sample(parts, size=30) == whole, cuts


@pytest.mark.parametrize("n_rows", [0, 1, 5, 29, 30])
def test_of_no_more_rows_than_its_size_it_takes_all(n_rows):
    assert sorted(numbers([range(n_rows)], size=30)) == list(range(n_rows))


def test_no_row_comes_twice():
    found = numbers([range(500), range(500, 1_000)], size=200)
    assert len(set(found)) == len(found) == 200


def test_the_seed_decides():
    parts = [range(1_000)]
    assert numbers(parts, size=30, seed=[3, 1]) == numbers(parts, size=30, seed=[3, 1])
    assert len({tuple(numbers(parts, size=30, seed=[seed])) for seed in range(20)}) == 20


def test_every_row_is_as_likely_as_any_other():
    batches = batch(range(7)), batch(range(7, 20))
    counts = Counter()
    for seed in range(1_000):
        rows = RowSample(size=5, seed=[seed])
        for part in batches:
            rows.offer(part)
        counts.update(row["number"] for row in rows.rows())
    # Binomial(1000, 1/4): a standard deviation of 13.7; 5 of them are met by chance once in a million times 20. A row
    # that is half as likely as the others is 9 of them away.
    assert len(counts) == 20
    assert all(abs(count - 250) < 5 * 13.7 for count in counts.values())


def test_rows_are_what_a_client_would_send():
    rows = sample([range(10)], size=10)
    assert sorted(rows, key=lambda row: row["number"]) == [
        {"number": n, "text": f"né {n}" if n % 3 else None, "half": n / 2, "odd": n % 2 == 1} for n in range(10)
    ]
    assert json.loads(json.dumps(rows)) == rows
    assert all(type(row["number"]) is int and type(row["odd"]) is bool for row in rows)


def test_what_it_keeps_does_not_grow_with_the_rows():
    kept = RowSample(size=4, seed=[0])
    for first in range(0, 1_000, 100):
        kept.offer(batch(range(first, first + 100)))
        assert len(kept.rows()) == 4
