"""Tallies of values and buckets against dictionaries, one row after the other, wherever hashes meet."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernels import tallies
from service.kernels.tallies import BUCKET, MAX_ROWS, Owners, ValueTable, running_rates, tally_buckets

STEPS, PRIOR = 64, 4.0
MISSING = 2**63 + 5
NEIGHBOURS = [MISSING, *range(2**63, 2**63 + 4), 0, 1, 2**64 - 1, 2**64 - 2, 2**64 - 3]
"""Hashes of few places, of which those of the last one go on at the first; and the zero of a free place."""

ROWS = st.lists(st.tuples(st.sampled_from(NEIGHBOURS) | st.integers(0, 2**64 - 1), st.integers(0, 1)), max_size=60)


def naive(rows):
    """Rows and positives by hash, and rows by label and score, of one pass in plain Python."""
    counts, ones, grid = Counter(), Counter(), Counter()
    positives = 0
    for number, (hashed, label) in enumerate(rows):
        score = 0.5
        if 0 < positives < number:
            rate = positives / number
            for_one = (ones[hashed] + PRIOR * rate) * (1.0 - rate)
            for_zero = (counts[hashed] - ones[hashed] + PRIOR * (1.0 - rate)) * rate
            score = for_one / (for_one + for_zero)
        grid[label, int(score * STEPS + 0.5)] += 1
        counts[hashed] += 1
        ones[hashed] += label
        positives += label
    return {hashed: (count, ones[hashed]) for hashed, count in counts.items()}, grid


def tallied(rows, cuts=()):
    table, grid = ValueTable(MISSING), np.zeros((2, STEPS + 1), dtype=np.uint32)
    hashes = np.array([hashed for hashed, _ in rows], dtype=np.uint64)
    labels = np.array([label for _, label in rows], dtype=np.int8)
    edges = [0, *sorted(cuts), len(rows)]
    for start, end in zip(edges, edges[1:], strict=False):
        rates = running_rates(labels[start:end], rows=start, positives=int(labels[:start].sum()))
        table.tally(hashes[start:end], labels[start:end], rates, prior_rows=PRIOR, grid=grid)
    return table, grid


def found_in(table):
    used = table.places[table.places["rows"] > 0]
    assert len(np.unique(used["hash"])) == len(used)
    return {hashed: (rows, positives) for hashed, rows, positives in used.tolist()}


@given(rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=4))
def test_values_are_scored_and_counted_as_by_a_dictionary_however_the_rows_are_cut(rows, cuts):
    table, grid = tallied(rows, [min(cut, len(rows)) for cut in cuts])
    values, cells = naive(rows)
    assert found_in(table) == values
    assert {(label, cell): count for (label, cell), count in np.ndenumerate(grid) if count} == cells
    rows_of = {hashed: count for hashed, (count, _) in values.items()}
    assert table.missing_rows == rows_of.pop(MISSING, 0)
    assert table.distinct == len(rows_of)
    listed, counts = table.values()
    assert list(zip(listed.tolist(), counts.tolist(), strict=True)) == sorted(rows_of.items())


@pytest.mark.parametrize("crowd", [1, 2**54 + 1, 2**40], ids=["one place", "neighbours", "a few places"])
def test_a_table_grows_while_rows_come_and_loses_none(crowd):
    """More values than a table begins with, from hashes that crowd at its end."""
    random = np.random.default_rng(crowd % 97)
    hashes = [(2**64 - 1 - int(number) * crowd) % 2**64 for number in random.integers(0, 2_500, 6_000)]
    rows = list(zip(hashes, random.integers(0, 2, 6_000).tolist(), strict=True))
    values, cells = naive(rows)
    for cuts in ((), range(0, 6_000, 97)):
        table, grid = tallied(rows, cuts)
        assert found_in(table) == values, cuts
        assert len(table.places) == 4_096, cuts
        assert table.values()[0].tolist() == sorted(values), cuts
        assert {(label, cell): count for (label, cell), count in np.ndenumerate(grid) if count} == cells, cuts


def test_the_last_rows_of_a_batch_do_not_look_past_its_end():
    for n_rows in (0, 1, 63, 64, 65, 255, 256, 257, 513):
        rows = [(number % 7, number % 2) for number in range(n_rows)]
        assert found_in(tallied(rows)[0]) == naive(rows)[0]


@pytest.mark.parametrize(
    ("labels", "before", "rates", "settled"),
    [
        ([], (0, 0), [], 0),
        ([1, 1, 0, 1], (0, 0), [None, None, None, 2 / 3], 3),
        ([0, 1, 0], (3, 0), [None, None, 1 / 5], 2),
        ([0, 0], (3, 3), [None, 3 / 4], 1),
        ([1, 0], (4, 1), [1 / 4, 2 / 5], 0),
        ([0, 0], (0, 0), [None, None], 2),
    ],
)
def test_rates_count_from_the_row_after_both_labels_were_there(labels, before, rates, settled):
    found = running_rates(np.array(labels, dtype=np.int8), rows=before[0], positives=before[1])
    assert found.settled == settled
    assert found.values.tolist() == [0.5 if rate is None else rate for rate in rates]


@pytest.mark.parametrize(
    ("record", "after"),
    [
        ((MAX_ROWS - 2, 7), (MAX_ROWS, 9)),
        ((MAX_ROWS - 1, 7), (MAX_ROWS, 9)),
        ((MAX_ROWS, 7), (MAX_ROWS, 9)),
        ((MAX_ROWS, MAX_ROWS - 1), (MAX_ROWS, MAX_ROWS)),
        ((MAX_ROWS, MAX_ROWS), (MAX_ROWS, MAX_ROWS)),
    ],
)
@pytest.mark.parametrize("hashed", [17, MISSING])
def test_a_value_in_more_rows_than_its_record_counts_stays_there_and_the_missing_one_has_a_surplus(
    hashed, record, after
):
    table, grid = tallied([(hashed, 1)])
    place = int(np.flatnonzero(table.places["rows"])[0])
    table.places["rows"][place], table.places["positives"][place] = record
    labels = np.array([1, 0, 1], dtype=np.int8)
    rates = running_rates(labels, rows=10, positives=5)
    table.tally(np.full(3, hashed, dtype=np.uint64), labels, rates, prior_rows=PRIOR, grid=grid)
    assert found_in(table) == {hashed: after}
    assert table.missing_rows == (record[0] + 3 if hashed == MISSING else 0)
    assert table.values()[1].tolist() == ([] if hashed == MISSING else [after[0]])
    assert grid.sum() == 4


def test_arrays_that_do_not_fit_are_an_error():
    table, grid = ValueTable(MISSING), np.zeros((2, STEPS + 1), dtype=np.uint32)
    hashes, labels = np.zeros(3, dtype=np.uint64), np.zeros(3, dtype=np.int8)
    rates = running_rates(labels, rows=0, positives=0)
    for wrong in ((hashes[:2], labels, rates), (hashes, labels[:2], rates), (hashes[:2], labels[:2], rates)):
        with pytest.raises(ValueError, match="do not fit"):
            table.tally(*wrong, prior_rows=PRIOR, grid=grid)
    with pytest.raises(ValueError, match="do not fit"):
        table.tally(hashes, labels, rates, prior_rows=PRIOR, grid=grid[:1])
    assert not grid.any()


# Buckets

LOOKUPS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2**64 - 1) | st.integers(0, 40)), max_size=60)
SALTS = (3 << 60, 5 << 60, 7 << 60)


def met(lookups, n_buckets):
    buckets = np.zeros(n_buckets, dtype=BUCKET)
    for slot, hashed in lookups:
        tally_buckets(np.array([hashed], dtype=np.uint64), SALTS[slot], buckets)
    return buckets


@given(lookups=LOOKUPS, rows=ROWS, n_buckets=st.sampled_from([1, 2, 8, 64]))
def test_owners_and_lookups_are_those_of_sets(lookups, rows, n_buckets):
    """Those of three slots that are counted by bucket, and of a field, in one and the same table of owners."""
    table, _ = tallied(rows)
    owners = Owners(n_buckets, met(lookups, n_buckets))
    owners.add(table)
    occupants = defaultdict(set)
    for slot, hashed in [*lookups, *(("field", hashed) for hashed, _ in rows)]:
        occupants[hashed % n_buckets].add((slot, hashed))
    shared = {bucket for bucket, found in occupants.items() if len(found) > 1}
    assert owners.shared_lookups() == sum(hashed % n_buckets in shared for _, hashed in lookups)
    on_shared = [hashed for hashed, _ in rows if hashed % n_buckets in shared]
    assert owners.shared_rows(table) == (len(on_shared), len(set(on_shared) - {MISSING}))


def test_the_lookups_of_a_batch_are_counted_as_one_by_one():
    random = np.random.default_rng(2)
    hashes = random.integers(0, 2**64, 1_000, dtype=np.uint64)[random.integers(0, 1_000, 4_000)]
    at_once = np.zeros(256, dtype=BUCKET)
    tally_buckets(hashes, SALTS[0], at_once)
    np.testing.assert_array_equal(at_once, met([(0, hashed) for hashed in hashes.tolist()], 256))
    assert (at_once["lookups"] >> 1).sum() == 4_000


def test_without_lookups_by_bucket_there_are_those_of_fields_alone():
    table, _ = tallied([(8, 1), (16, 0), (16, 0), (MISSING, 1)])
    owners = Owners(8, None)
    owners.add(table)
    assert owners.shared_lookups() == 0
    assert owners.shared_rows(table) == (3, 2)


@pytest.mark.parametrize("n_buckets", [0, 3, 6])
def test_buckets_are_a_power_of_two(n_buckets):
    with pytest.raises(ValueError, match=f"{n_buckets} buckets are no power of two"):
        Owners(n_buckets, None)
    with pytest.raises(ValueError, match="are no power of two"):
        tally_buckets(np.zeros(1, dtype=np.uint64), 0, np.zeros(n_buckets, dtype=BUCKET))
    with pytest.raises(ValueError, match="4 are not 8 buckets"):
        Owners(8, np.zeros(4, dtype=BUCKET))


def test_a_record_is_16_bytes():
    assert (tallies.VALUE.itemsize, BUCKET.itemsize) == (16, 16)
