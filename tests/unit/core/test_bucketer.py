"""The bucket contract: against Spark, against XXH64's specification, and against values written down for ever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from service.core import bucketer


def encoded(value):
    return None if value is None else value.encode()


def test_the_contract_has_the_name_that_every_artefact_carries():
    assert bucketer.CONTRACT == "spark-xxhash64/1"


def test_spark_gives_the_same_hash_for_every_vector(spark_vectors):
    ours = [bucketer.hash_value(v["field"], bucketer.canonical(v["value"])) for v in spark_vectors]
    assert ours == [int(v["hash"]) for v in spark_vectors]


def test_spark_gives_the_same_bucket_for_every_vector(spark_vectors):
    ours = [bucketer.bucket(bucketer.hash_value(v["field"], encoded(v["value"])), 2**20) for v in spark_vectors]
    assert ours == [v["bucket_2_20"] for v in spark_vectors]


def test_spark_gives_the_same_hash_and_bucket_for_every_cross(spark_vectors):
    ours = [
        bucketer.hash_cross([(m["field"], bucketer.canonical(m["value"])) for m in (v, v["cross_with"])])
        for v in spark_vectors
    ]
    assert ours == [int(v["cross_hash"]) for v in spark_vectors]
    assert [bucketer.bucket(h, 2**20) for h in ours] == [v["cross_bucket_2_20"] for v in spark_vectors]


def test_the_vectors_cover_nulls_empty_strings_long_and_non_ascii_values(spark_vectors):
    members = [(v["value"], v["cross_with"]["value"]) for v in spark_vectors]
    firsts = [first for first, _ in members]
    assert None in firsts and "" in firsts and (None, None) in members
    assert any(first is not None and second is None for first, second in members)
    assert any(first is None and second is not None for first, second in members)
    assert max(len(first or "") for first in firsts) > 1_000
    assert any(not (first or "").isascii() for first in firsts)


def test_typed_values_keep_their_golden_hash(golden_buckets):
    ours = [bucketer.hash_value(v["field"], encoded(v["canonical"])) for v in golden_buckets]
    assert ours == [int(v["hash"]) for v in golden_buckets]
    assert [bucketer.bucket(h, 2**20) for h in ours] == [v["bucket_2_20"] for v in golden_buckets]


def test_the_book_and_the_library_agree_on_every_length_to_100(xxh64):
    data = np.random.default_rng(42).bytes(100)
    for length in range(101):
        for seed in (0, 42, 2**63, 2**64 - 1):
            assert xxh64_intdigest(data[:length], seed) == xxh64(data[:length], seed), (length, seed)


def test_the_book_gives_the_answers_that_its_author_published(xxh64):
    assert xxh64(b"", 0) == 0xEF46DB3751D8E999
    assert xxh64(b"abc", 0) == 0x44BC2CF5AD770999


@given(field=st.text(st.characters(exclude_categories=["Cs"])), value=st.none() | st.binary(max_size=100))
def test_a_hash_is_the_value_seeded_by_the_field_seeded_by_42(xxh64, field, value):
    seed = xxh64(field.encode(), 42)
    assert bucketer.field_seed(field) == seed
    assert bucketer.hash_value(field, value) == (seed if value is None else xxh64(value, seed))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "città"]), st.none() | st.binary(max_size=40)), max_size=4))
def test_a_cross_is_one_chain_over_names_and_values_that_misses_skip(xxh64, members):
    state = 42
    for field, value in members:
        state = xxh64(field.encode(), state)
        state = state if value is None else xxh64(value, state)
    assert bucketer.hash_cross(members) == state


def test_a_cross_of_three_with_its_first_or_second_member_missing_is_pinned():
    # xxhash.xxh64_intdigest chained by hand from seed 42; Spark: xxhash64('a', a, 'b', b, 'c', c)
    assert bucketer.hash_cross([("a", b"1"), ("b", b"2"), ("c", b"3")]) == 15712180627740112875
    assert bucketer.hash_cross([("a", None), ("b", b"2"), ("c", b"3")]) == 3538032342484047282
    assert bucketer.hash_cross([("a", b"1"), ("b", None), ("c", b"3")]) == 14032239270326669717
    assert bucketer.hash_cross([("a", None), ("b", None), ("c", None)]) == 9671731237972361414


def test_the_order_of_a_cross_is_part_of_its_hash():
    assert bucketer.hash_cross([("a", b"1"), ("b", b"2")]) != bucketer.hash_cross([("b", b"2"), ("a", b"1")])


def test_missing_and_empty_are_different_values():
    assert bucketer.hash_value("site", None) != bucketer.hash_value("site", b"")


def test_canonical_changes_nothing_in_a_string_and_writes_the_rest_shortest():
    for value, expected in [
        (None, None),
        ("", b""),
        (" a ", b" a "),
        ("007", b"007"),
        ("None", b"None"),
        ("Zu\u0308rich", b"Zu\xcc\x88rich"),
        ("Z\u00fcrich", b"Z\xc3\xbcrich"),
        ("a\0b", b"a\0b"),
        (True, b"true"),
        (False, b"false"),
        (1, b"1"),
        (0, b"0"),
        (-7, b"-7"),
        (-(2**63), b"-9223372036854775808"),
    ]:
        assert bucketer.canonical(value) == expected, repr(value)


def test_canonical_refuses_a_lone_surrogate():
    with pytest.raises(UnicodeEncodeError):
        bucketer.canonical("a\ud800")


def test_powers_of_two_from_2_to_2_to_the_30_are_bucket_counts_and_other_numbers_are_none():
    for exponent in range(1, 31):
        assert bucketer.is_bucket_count(2**exponent), exponent
    for count in (-2, -1, 0, 1, 3, 6, 2**20 - 1, 2**20 + 1, 2**30 + 1, 2**31, 2**64):
        assert not bucketer.is_bucket_count(count), count


@given(hashed=st.integers(0, 2**64 - 1), exponent=st.integers(1, 30))
def test_a_bucket_is_spark_s_pmod_of_the_signed_hash(hashed, exponent):
    n_buckets = 2**exponent
    signed = hashed - 2**64 if hashed >= 2**63 else hashed
    remainder = abs(signed) % n_buckets * (1 if signed >= 0 else -1)  # Java's %, which has the dividend's sign
    assert bucketer.bucket(hashed, n_buckets) == (remainder + n_buckets) % n_buckets


def test_the_sql_quotes_quotes_and_backslashes():
    for field, value, expected in [
        ("user_id", "b8a", "pmod(xxhash64('user_id', 'b8a'), 16)"),
        ("user_id", "", "pmod(xxhash64('user_id', ''), 16)"),
        ("user_id", None, "pmod(xxhash64('user_id', CAST(NULL AS STRING)), 16)"),
        ("it's", "a'b", r"pmod(xxhash64('it\'s', 'a\'b'), 16)"),
        ("a\\b", "c\\", r"pmod(xxhash64('a\\b', 'c\\'), 16)"),
        ("f", "\\'", r"pmod(xxhash64('f', '\\\''), 16)"),
        ("città", "机场", "pmod(xxhash64('città', '机场'), 16)"),
        ("f", "${x}", r"pmod(xxhash64('f', '\u0024{x}'), 16)"),
    ]:
        assert bucketer.spark_sql(field, value, 16) == expected


@pytest.mark.parametrize("prefix", ["", "user-", "https://example.org/item/"])
def test_sequential_ids_spread_evenly_over_the_buckets(prefix):
    n_buckets, n_values = 1_024, 20_480  # 20 a bucket: four times what the chi-square distribution needs to hold
    hashes = (bucketer.hash_value("id", f"{prefix}{number}".encode()) for number in range(n_values))
    counts = np.bincount([bucketer.bucket(h, n_buckets) for h in hashes], minlength=n_buckets)
    expected = n_values / n_buckets
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    degrees = n_buckets - 1
    assert abs(chi_square - degrees) < 5 * (2 * degrees) ** 0.5  # five standard deviations; fixed data never flakes
