"""The hashing kernels against xxhash, value by value, over every length, alignment, window and mask."""

import ctypes
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from service.kernels import hashing
from service.kernels.library import ALL_SET, Bitmap

SEED = 0x9E3779B97F4A7C15

# Of as many rows as a test may have, in one piece each: to draw a list takes a hundred times as long.
BITS = st.binary(min_size=7, max_size=7).map(lambda data: Bitmap(np.frombuffer(data, np.uint8)).flags(56).tolist())
NUMBERS = st.binary(min_size=40, max_size=40)


def text(values, dtype=np.int32):
    """Begins, ends and data of some byte strings."""
    offsets = np.cumsum([0, *map(len, values)]).astype(dtype)
    return offsets[:-1], offsets[1:], np.frombuffer(b"".join(values), dtype=np.uint8)


def bitmap(flags, first=0):
    """A bitmap with some bits of the other kind before and after."""
    bits = np.array([True, False] * 4 * (first + 1), dtype=bool)[:first].tolist() + list(flags) + [True] * 3
    return Bitmap(np.packbits(bits, bitorder="little"), first)


def states(count, seed=SEED):
    return np.full(count, seed, dtype=np.uint64)


@pytest.mark.parametrize("offset_type", [np.int32, np.int64])
def test_text_of_every_length_at_every_alignment_has_xxhash_s_hash(offset_type):
    data = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.uint8).tobytes()
    values = [data[start : start + length] for length in range(300) for start in range(8)]
    hashes = states(len(values))
    hashing.hash_text(*text(values, offset_type), hashes)
    expected = [xxh64_intdigest(value, SEED) for value in values]
    assert hashes.tolist() == expected
    from_one = states(len(values), 0)
    hashing.hash_text(*text(values, offset_type), from_one, seed=SEED)
    assert from_one.tolist() == expected


@given(
    values=st.lists(st.binary(max_size=80), max_size=50),
    seed=st.integers(0, 2**64 - 1),
    cut=st.integers(0, 50),
    first=st.integers(0, 20),
    bits=BITS,
)
def test_a_window_of_text_with_missing_rows_has_the_hashes_of_its_rows(values, seed, cut, first, bits):
    cut = min(cut, len(values))
    window = values[cut:]
    valid = bits[: len(window)]
    expected = [xxh64_intdigest(v, seed) if there else seed for v, there in zip(window, valid, strict=True)]
    for offset_type in (np.int32, np.int64):
        begins, ends, joined = text(values, offset_type)
        hashes = states(len(window), seed)
        hashing.hash_text(begins[cut:], ends[cut:], joined, hashes, valid=bitmap(valid, first))
        assert hashes.tolist() == expected
        from_one = states(len(window), 1)
        hashing.hash_text(begins[cut:], ends[cut:], joined, from_one, valid=bitmap(valid, first), seed=seed)
        assert from_one.tolist() == expected


@pytest.mark.parametrize("lengths", [(9, 10), (0, 3), (5, 40), (30, 35)])
def test_lengths_that_mix_are_hashed_wherever_a_group_of_rows_ends(lengths):
    for n_rows in (0, 1, 63, 64, 65, 127, 128, 129, 1_000):
        random = np.random.default_rng(n_rows)
        values = [random.bytes(int(length)) for length in random.integers(*lengths, n_rows)]
        valid = random.random(n_rows) < 0.9
        seeds = random.integers(0, 2**64, n_rows, dtype=np.uint64)
        whole = [xxh64_intdigest(value, seed) for value, seed in zip(values, seeds.tolist(), strict=True)]
        expected = np.where(valid, np.array(whole, dtype=np.uint64), seeds).tolist()
        from_one = [xxh64_intdigest(value, SEED) for value in values]
        for offset_type in (np.int32, np.int64):
            hashes = seeds.copy()
            hashing.hash_text(*text(values, offset_type), hashes, valid=bitmap(valid.tolist(), 3))
            assert hashes.tolist() == expected, (n_rows, offset_type)
            all_there = states(n_rows, 1)
            hashing.hash_text(*text(values, offset_type), all_there, seed=SEED)
            assert all_there.tolist() == from_one, (n_rows, offset_type)


@pytest.mark.parametrize("wrong", [0, 1, 62, 63, 64, 65, 99])
def test_the_first_row_with_wrong_offsets_is_named_in_any_group(wrong):
    offsets = np.arange(101, dtype=np.int32)
    offsets[wrong + 1 :] = 2**31 - 1
    with pytest.raises(ValueError, match=rf"text of row {wrong} is not within the 100 bytes"):
        hashing.hash_text(offsets[:-1], offsets[1:], np.zeros(100, dtype=np.uint8), states(100))


def test_each_row_is_carried_on_from_its_own_state():
    values, seeds = [b"a", b"", b"ccc"], np.array([1, 2, 2**64 - 1], dtype=np.uint64)
    hashes = seeds.copy()
    hashing.hash_text(*text(values), hashes)
    assert hashes.tolist() == [xxh64_intdigest(v, s) for v, s in zip(values, seeds.tolist(), strict=True)]


@pytest.mark.parametrize(
    "offsets", [[0, 5, 4, 6], [-1, 1, 2, 3], [0, 1, 2, 7], [0, 2**31 - 1, 2**31 - 1, 2**31 - 1], [3, 2, 2, 2]]
)
def test_offsets_that_leave_the_text_are_refused(offsets):
    places = np.array(offsets, dtype=np.int32)
    with pytest.raises(ValueError, match=r"text of row \d is not within the 6 bytes"):
        hashing.hash_text(places[:-1], places[1:], np.zeros(6, dtype=np.uint8), states(3))


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 9, 10, -(2**63), 2**63 - 1])))
def test_integers_are_hashed_by_their_decimal_form(values):
    hashes = states(len(values))
    hashing.hash_integers(np.array(values, dtype=np.int64), hashes)
    assert hashes.tolist() == [xxh64_intdigest(str(value).encode(), SEED) for value in values]


@given(values=st.lists(st.tuples(st.booleans(), st.booleans())), first=st.integers(0, 17), other=st.integers(0, 17))
def test_booleans_are_hashed_as_words(values, first, other):
    hashes = states(len(values))
    hashing.hash_booleans(bitmap([v for v, _ in values], first), hashes, valid=bitmap([t for _, t in values], other))
    words = [b"true" if value else b"false" for value, _ in values]
    assert hashes.tolist() == [
        xxh64_intdigest(word, SEED) if there else SEED for word, (_, there) in zip(words, values, strict=True)
    ]


def test_a_name_is_hashed_on_top_of_every_state():
    hashes = np.array([0, 7, 2**64 - 1], dtype=np.uint64)
    hashing.hash_name("naïve".encode(), hashes)
    assert hashes.tolist() == [xxh64_intdigest("naïve".encode(), seed) for seed in (0, 7, 2**64 - 1)]


@given(n_hashes=st.integers(1, 9), n_rows=st.integers(0, 40), numbers=NUMBERS, bits=BITS)
def test_codes_are_spread(n_hashes, n_rows, numbers, bits):
    codes, valid = [number % n_hashes for number in numbers[:n_rows]], bits[:n_rows]
    hashes = np.arange(n_hashes, dtype=np.uint64) * np.uint64(SEED)
    spread = states(n_rows, 0)
    garbage = [code if there else -(2**31) for code, there in zip(codes, valid, strict=True)]
    hashing.spread_hashes(np.array(garbage, dtype=np.int32), hashes, 5, spread, valid=bitmap(valid, 3))
    assert spread.tolist() == [int(hashes[c]) if there else 5 for c, there in zip(codes, valid, strict=True)]


@given(
    values=st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    n_rows=st.integers(0, 40),
    numbers=NUMBERS,
    bits=BITS,
)
def test_coded_text_is_carried_on_by_the_value_of_its_code(values, n_rows, numbers, bits):
    codes, valid = [number % len(values) for number in numbers[:n_rows]], bits[:n_rows]
    seeds = np.arange(n_rows, dtype=np.uint64) * np.uint64(SEED)
    garbage = [code if there else 2**31 - 1 for code, there in zip(codes, valid, strict=True)]
    rows = zip(codes, valid, seeds.tolist(), strict=True)
    expected = [xxh64_intdigest(values[code], seed) if there else seed for code, there, seed in rows]
    for offset_type in (np.int32, np.int64):
        hashes = seeds.copy()
        hashing.hash_coded_text(
            np.array(garbage, dtype=np.int32), *text(values, offset_type), hashes, valid=bitmap(valid, 5)
        )
        assert hashes.tolist() == expected


@pytest.mark.parametrize("code", [-1, 2, 2**31 - 1, -(2**31)])
def test_coded_text_with_a_code_of_no_value_or_a_value_outside_the_text_is_refused(code):
    begins, ends, data = text([b"a", b"bc"])
    with pytest.raises(ValueError, match="code of row 1 is not one of the dictionary's 2 values"):
        hashing.hash_coded_text(np.array([0, code], dtype=np.int32), begins, ends, data, states(2))
    with pytest.raises(ValueError, match="code of row 1"):
        hashing.hash_coded_text(np.array([0, 1], dtype=np.int32), begins, ends, data[:2], states(2))


@pytest.mark.parametrize("code", [-1, 3, 2**31 - 1, -(2**31)])
def test_a_code_of_no_value_is_refused(code):
    with pytest.raises(ValueError, match="code of row 1 is not one of the dictionary's 3 values"):
        hashing.spread_hashes(np.array([0, code], dtype=np.int32), states(3), 0, states(2))


def test_hashes_are_folded_into_buckets_by_row():
    for n_rows, n_slots in product((0, 1, 255, 256, 257, 1_000), (1, 12)):
        hashes = np.random.default_rng(1).integers(0, 2**64, (n_slots, n_rows), dtype=np.uint64)
        buckets = hashing.fold_hashes(hashes, 2**10)
        assert buckets.dtype == np.uint32
        np.testing.assert_array_equal(buckets, (hashes % np.uint64(2**10)).T, err_msg=f"{n_rows} rows, {n_slots} slots")


def test_what_does_not_fit_is_refused_before_any_of_it_is_read():
    begins, ends, data = text([b"a", b"b"])
    with pytest.raises(ValueError, match="3 hashes do not fit 2 rows"):
        hashing.hash_text(begins, ends, data, states(3))
    with pytest.raises(ValueError, match="2 begins, int32, and 1 ends, int32, do not fit"):
        hashing.hash_text(begins, ends[1:], data, states(2))
    with pytest.raises(ValueError, match="2 begins, int32, and 2 ends, int64, do not fit"):
        hashing.hash_text(begins, ends.astype(np.int64), data, states(2))
    with pytest.raises(ValueError, match="do not fit into 1 bytes"):
        hashing.hash_integers(np.arange(9), states(9), valid=Bitmap(np.zeros(1, dtype=np.uint8)))
    with pytest.raises(ValueError, match="do not fit into 2 bytes"):
        hashing.hash_integers(np.arange(9), states(9), valid=Bitmap(np.zeros(2, dtype=np.uint8), 8))
    with pytest.raises(ValueError, match="contiguous array of bytes"):
        hashing.hash_integers(np.arange(2), states(2), valid=Bitmap(np.ones(2, dtype=bool)))
    with pytest.raises(ValueError, match="a bitmap of values has bits"):
        hashing.hash_booleans(ALL_SET, states(2))
    with pytest.raises(ctypes.ArgumentError):
        hashing.hash_integers(np.arange(2, dtype=np.int32), states(2))
    with pytest.raises(ctypes.ArgumentError):
        hashing.hash_integers(np.arange(4)[::2], states(2))
    read_only = states(2)
    read_only.flags.writeable = False
    with pytest.raises(ctypes.ArgumentError):
        hashing.hash_integers(np.arange(2), read_only)
