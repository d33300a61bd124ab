"""Looking up in a sorted table against a dictionary, whatever the hashes are like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernels.lookup import ENTRY, Index

EDGES = [0, 1, 2**62, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]


def index_of(table):
    entries = np.array(sorted(table.items()), dtype=ENTRY)
    return Index(entries)


@given(
    table=st.dictionaries(st.integers(0, 2**64 - 1) | st.integers(0, 60), st.integers(1, 2**32 - 1), max_size=80),
    others=st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 60), max_size=40),
)
def test_a_count_is_that_of_a_dictionary(table, others):
    asked = [*others, *EDGES, *table]
    counts = index_of(table).counts(np.array(asked, dtype=np.uint64))
    assert counts.dtype == np.int64
    assert counts.tolist() == [table.get(hashed, 0) for hashed in asked]


@pytest.mark.parametrize("step", [1, 2**20, 2**44])
@pytest.mark.parametrize("first", [0, 2**63 - 2**19, 2**64 - 2**59])
def test_hashes_that_crowd_are_found_too(first, step):
    """As no good hashes do: the prefix of one is that of thousands."""
    table = {first + step * number: number + 1 for number in range(5_000)}
    hashes = np.array(list(table), dtype=np.uint64)
    index = index_of(table)
    np.testing.assert_array_equal(index.counts(hashes), np.arange(1, 5_001))
    assert index.counts(hashes[1:] - np.uint64(1)).any() == (step == 1)


def test_the_last_rows_of_a_batch_do_not_look_past_its_end():
    index = index_of({5: 2, 2**63: 3})
    for n_rows in range(70):
        assert index.counts(np.full(n_rows, 5, dtype=np.uint64)).tolist() == [2] * n_rows


def test_an_entry_is_12_bytes():
    assert ENTRY.itemsize == 12
