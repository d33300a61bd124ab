"""What training saw: the counts of a plain dictionary, from memory or from a file that is mapped."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.seen import MAX_COUNT, SEEN_TYPE, Seen

HASHES = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])
TABLES = st.dictionaries(
    st.sampled_from(["user", "ad", "hour", "a field"]),
    st.dictionaries(HASHES, st.integers(1, MAX_COUNT), max_size=20),
    min_size=1,
)


def made_of(tables):
    return Seen.of(
        {
            field: (np.array(list(table), dtype=np.uint64), np.array(list(table.values()), dtype=np.int64))
            for field, table in tables.items()
        }
    )


def table(*rows):
    return np.array(list(rows), dtype=SEEN_TYPE)


@given(tables=TABLES, asked=st.lists(HASHES, max_size=10))
def test_counts_and_the_table_are_those_of_dictionaries_and_what_was_never_seen_has_none(tables, asked):
    seen = made_of(tables)
    again = Seen(seen.to_array(), seen.sizes)
    assert again.sizes == seen.sizes == {field: len(values) for field, values in tables.items()}
    assert again.to_array().tolist() == seen.to_array().tolist()
    for field, values in tables.items():
        hashes, counts = again.field(field)
        assert (hashes.dtype, counts.dtype) == (np.uint64, np.int64)
        assert dict(zip(hashes.tolist(), counts.tolist(), strict=True)) == values
        assert hashes.tolist() == sorted(values)
        hashes = [*asked, *values]
        counts = seen.counts(field, np.array(hashes, dtype=np.uint64))
        assert counts.dtype == np.int64
        assert counts.tolist() == [values.get(hashed, 0) for hashed in hashes]
        assert [seen.holds(field, hashed) for hashed in hashes] == [hashed in values for hashed in hashes]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1_000, 300_000])
def test_a_table_that_is_mapped_answers_as_one_in_memory(tmp_path, size):
    random = np.random.default_rng(size)
    hashes = np.unique(random.integers(0, 2**64, size=size, dtype=np.uint64))
    seen = Seen.of({"user": (hashes, random.integers(1, 100, size=len(hashes)))})
    np.save(tmp_path / "seen.npy", seen.to_array())
    mapped = Seen(np.load(tmp_path / "seen.npy", mmap_mode="r" if size else None), seen.sizes)
    others = random.integers(0, 2**64, size=1_000, dtype=np.uint64)
    asked = np.concatenate([hashes, others])
    np.testing.assert_array_equal(mapped.counts("user", asked), seen.counts("user", asked))
    np.testing.assert_array_equal(seen.counts("user", hashes), seen.field("user")[1])
    assert not np.isin(others, hashes).any()
    assert not seen.counts("user", others).any()


def test_a_field_s_values_are_no_other_field_s():
    seen = made_of({"user": {5: 2}, "ad": {7: 3}})
    assert [seen.counts(field, np.array([5, 7], dtype=np.uint64)).tolist() for field in ("user", "ad")] == [
        [2, 0],
        [0, 3],
    ]
    with pytest.raises(KeyError):
        seen.counts("hour", np.array([5], dtype=np.uint64))
    assert [seen.holds(field, 5) for field in ("user", "ad")] == [True, False]
    with pytest.raises(KeyError):
        seen.holds("hour", 5)


def test_more_rows_than_the_table_can_say_are_as_many_as_it_can():
    seen = made_of({"user": {5: 2**40}})
    assert seen.counts("user", np.array([5], dtype=np.uint64)).tolist() == [2**32 - 1]


def test_what_is_given_back_can_be_written_to_and_changes_nothing():
    seen = made_of({"user": {5: 2}})
    for column in seen.field("user"):
        column[:] = 9
    assert seen.counts("user", np.array([5], dtype=np.uint64)).tolist() == [2]


BAD = [
    (table((5, 1)), {"user": 2}, "is no table of"),
    (table((5, 1), (6, 1)), {"user": 1}, "is no table of"),
    (table((5, 1)), {"user": 2, "ad": -1}, "is no table of"),
    (table((5, 1)).reshape(1, 1), {"user": 1}, "is no table of"),
    (np.array([5], dtype=np.uint64), {"user": 1}, "is no table of"),
    (table((5, 1)).astype([("hash", "<u8"), ("count", "<u8")]), {"user": 1}, "is no table of"),
    (table((5, 1)).astype([("hash", "<i8"), ("count", "<u4")]), {"user": 1}, "is no table of"),
    (table((6, 1), (5, 1)), {"user": 2}, "the hashes of 'user' do not ascend"),
    (table((5, 1), (5, 1)), {"user": 2}, "the hashes of 'user' do not ascend"),
    (table((5, 1), (7, 1), (6, 1)), {"user": 1, "ad": 2}, "the hashes of 'ad' do not ascend"),
    (table((5, 0)), {"user": 1}, "a value of 'user' came in no row"),
    (table((5, 1), (6, 0)), {"user": 1, "ad": 1}, "a value of 'ad' came in no row"),
]


def test_an_array_that_is_no_such_table_is_an_error(subtests):
    for array, sizes, message in BAD:
        with subtests.test(array=array, sizes=sizes), pytest.raises(ValueError, match=message):
            Seen(array, sizes)


def test_a_fault_is_found_wherever_it_is_in_a_large_table(subtests):
    array = np.ones(300_000, dtype=SEEN_TYPE)
    array["hash"] = np.arange(300_000)
    Seen(array, {"user": 300_000})
    for position in (1, 131_071, 131_072, 131_073, 262_144, 299_999):
        for name, fault, message in (("hash", position - 1, "do not ascend"), ("count", 0, "came in no row")):
            with subtests.test(position=position, fault=name):
                faulty = array.copy()
                faulty[name][position] = fault
                with pytest.raises(ValueError, match=message):
                    Seen(faulty, {"user": 300_000})
