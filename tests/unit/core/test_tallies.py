"""What a field's and a bucket's tally tell, against counters; the loops are in ``kernels/test_tally_kernels.py``."""

from collections import Counter

import numpy as np
import pytest

from service.core.tallies import GRID, BucketTally, Collisions, FieldTally
from service.kernels.tallies import MAX_ROWS, running_rates

MISSING = 99


def field_of(*hashes, missing=MISSING):
    tally = FieldTally(missing)
    take(tally, hashes)
    return tally


def take(tally, hashes):
    labels = np.zeros(len(hashes), dtype=np.int8)
    tally.update(np.array(hashes, dtype=np.uint64), labels, running_rates(labels, rows=0, positives=0))


def test_the_missing_value_is_counted_and_is_no_value():
    tally = field_of(5, MISSING, 5, 7, MISSING, 0)
    assert (tally.distinct, tally.missing) == (3, 2)
    hashes, rows = tally.values()
    assert dict(zip(hashes.tolist(), rows.tolist(), strict=True)) == {5: 2, 7: 1, 0: 1}
    assert (tally.grid.shape, tally.grid.dtype) == ((2, GRID + 1), np.int64)
    assert tally.grid[0, GRID // 2] == tally.grid.sum() == 6


def test_of_no_rows_there_is_nothing():
    tally = field_of()
    assert (tally.distinct, tally.missing, tally.grid.sum()) == (0, 0, 0)
    assert [len(column) for column in tally.values()] == [0, 0]


def test_a_score_is_the_rate_of_a_value_s_rows_and_of_four_others_against_that_of_all():
    """The second row of 5: one row of it, a one, before; of the three rows before, two were ones."""
    labels = np.array([1, 0, 1, 1], dtype=np.int8)
    tally = FieldTally(MISSING)
    hashes = np.array([5, 6, 7, 5], dtype=np.uint64)
    tally.update(hashes, labels, running_rates(labels, rows=0, positives=0))
    own, all_rows = (1 + 4 * 2 / 3) / (1 + 4), 2 / 3
    odds, base = own / (1 - own), all_rows / (1 - all_rows)
    scores = np.flatnonzero(tally.grid.sum(axis=0))
    assert scores.tolist() == [GRID // 2, pytest.approx(odds / (odds + base) * GRID, abs=1)]


def test_missing_rows_are_counted_beyond_what_a_record_can():
    tally = field_of(MISSING, 5)
    tally.table.places["rows"][tally.table.places["rows"] > 0] = MAX_ROWS
    take(tally, [MISSING, 5, MISSING])
    assert tally.missing == MAX_ROWS + 2
    assert tally.values()[1].tolist() == [MAX_ROWS]


def test_more_rows_than_a_cell_of_32_bits_counts_are_all_counted():
    tally = field_of(5, 7)
    tally._grid[0, GRID // 2] = tally._rows_in_grid = MAX_ROWS - 1
    take(tally, [5])
    take(tally, [7, 5])
    assert tally.grid[0, GRID // 2] == tally.grid.sum() == MAX_ROWS + 2


def test_values_come_as_good_as_sorted():
    hashes = np.random.default_rng(1).integers(0, 2**64, 5_000, dtype=np.uint64)
    found, rows = field_of(*hashes.tolist()).values()
    assert sorted(found.tolist()) == sorted(set(hashes.tolist()))
    assert np.count_nonzero(found[1:] < found[:-1]) < len(found) / 4
    assert rows.sum() == len(hashes)


def test_without_crosses_a_bucket_costs_nothing_while_rows_come():
    """A table of 2^62 buckets would not fit; what is asked at the end takes a byte each."""
    BucketTally(2**62)
    assert BucketTally(8).collisions([field_of(8, 16, 3)]) == Collisions(values=2, lookups=2)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (1, 3), (2, 40)])
def test_one_hash_of_two_crosses_is_two_values(one, other):
    buckets = BucketTally(8)
    for index in (one, other):
        buckets.update(index, np.array([5, 5], dtype=np.uint64))
    assert buckets.collisions([]) == Collisions(values=0, lookups=4)


@pytest.mark.parametrize("n_buckets", [2, 64, 2**16])
def test_collisions_of_fields_and_crosses_are_those_of_counters(n_buckets):
    random = np.random.default_rng(n_buckets)
    columns = [random.integers(0, 2**64, 200, dtype=np.uint64)[random.integers(0, 200, 3_000)] for _ in range(4)]
    columns[0][:50] = MISSING
    columns[3][:100] = columns[2][:100]  # the very hashes of another cross
    labels = np.zeros(3_000, dtype=np.int8)
    fields, buckets = [FieldTally(MISSING), FieldTally(MISSING + n_buckets)], BucketTally(n_buckets)
    for end in (1_000, 3_000):
        batch = slice(0 if end == 1_000 else 1_000, end)
        for field, hashes in zip(fields, columns, strict=False):
            field.update(hashes[batch], labels[batch], running_rates(labels[batch], rows=0, positives=0))
        for index in (2, 3):
            buckets.update(index, columns[index][batch])
        lookups = [(slot, int(hashed)) for slot, hashes in enumerate(columns) for hashed in hashes[:end]]
        owners = Counter(hashed % n_buckets for _, hashed in set(lookups))
        on_shared = [(slot, hashed) for slot, hashed in lookups if owners[hashed % n_buckets] > 1]
        values = {(slot, hashed) for slot, hashed in on_shared if slot < 2} - {(0, MISSING)}
        assert buckets.collisions(fields) == Collisions(values=len(values), lookups=len(on_shared))
