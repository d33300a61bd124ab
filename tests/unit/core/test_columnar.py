"""Columns to buckets: the same answers as rows, whatever the batch."""

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from service.core import bucketer
from service.core.columnar import bin_indices, bucket_slots, code_columns, encode_columns
from service.core.documents import load_schema
from service.core.encoder import Encoder
from service.core.features import bin_index


def test_spark_gives_the_same_buckets_through_columns(spark_vectors, cross_schema):
    pairs = sorted({(v["field"], v["cross_with"]["field"]) for v in spark_vectors})
    seen = 0
    for first, second in pairs:
        vectors = [v for v in spark_vectors if (v["field"], v["cross_with"]["field"]) == (first, second)]
        schema = cross_schema(first, second)
        columns = {
            first: pa.array([v["value"] for v in vectors], type=pa.string()),
            second: pa.array([v["cross_with"]["value"] for v in vectors], type=pa.string()),
        }
        buckets = dict(zip(schema.slots, encode_columns(schema, columns).T.tolist(), strict=True))
        assert buckets[first] == [v["bucket_2_20"] for v in vectors]
        assert buckets[f"{first} x {second}"] == [v["cross_bucket_2_20"] for v in vectors]
        seen += len(vectors)
    assert seen == len(spark_vectors)


def test_typed_values_keep_their_golden_bucket_as_columns(golden_buckets, as_columns):
    for vector in golden_buckets:
        table = {key: vector[key] for key in ("type", "bins") if key in vector}
        document = {"name": "m", "label": "y", "n_buckets": 2**20, "fields": {vector["field"]: table}}
        schema = load_schema(document, source="the vectors")
        columns = as_columns(schema, [{vector["field"]: vector["value"]}])
        assert encode_columns(schema, columns).tolist() == [[vector["bucket_2_20"]]], vector


@given(data=st.data())
def test_columns_give_the_buckets_of_rows(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    by_row = Encoder(schema).encode_rows(rows)
    by_column = encode_columns(schema, as_columns(schema, rows))
    assert by_column.dtype == by_row.dtype
    assert by_column.shape == by_row.shape
    np.testing.assert_array_equal(by_column, by_row)


@given(data=st.data())
def test_a_slice_of_columns_gives_the_slice_of_buckets(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    start = data.draw(st.integers(0, len(rows)))
    length = data.draw(st.integers(0, len(rows) - start))
    whole = as_columns(schema, rows)
    sliced = encode_columns(schema, {name: array.slice(start, length) for name, array in whole.items()})
    np.testing.assert_array_equal(sliced, Encoder(schema).encode_rows(rows[start : start + length]))


@given(data=st.data())
def test_a_column_that_the_schema_does_not_know_changes_nothing(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    columns = as_columns(schema, rows)
    more = {schema.label: pa.array([0] * len(rows), type=pa.int8()), **columns}
    np.testing.assert_array_equal(encode_columns(schema, more), encode_columns(schema, columns))


def test_many_rows_with_few_values_and_a_cross_of_three_are_encoded_alike(schema, as_columns):
    random = np.random.default_rng(7)
    rows = [
        {
            "tailnum": [None, "", "N1", "N2", "é"][random.integers(5)],
            "origin": [None, "EWR", "LGA"][random.integers(3)],
            "hour": [None, 0, 5, -1][random.integers(4)],
            "holiday": [None, True, False][random.integers(3)],
            "temp": [None, float(random.normal(10, 20))][random.integers(2)],
            "seats": [None, int(random.integers(-500, 500))][random.integers(2)],
        }
        for _ in range(2_000)
    ]
    np.testing.assert_array_equal(
        encode_columns(schema, as_columns(schema, rows)), Encoder(schema).encode_rows(rows)
    )


def test_no_rows_and_only_nulls_are_batches_too(schema, as_columns):
    rows = [dict.fromkeys(field.name for field in schema.fields)] * 3
    assert encode_columns(schema, as_columns(schema, [])).shape == (0, len(schema.slots))
    np.testing.assert_array_equal(encode_columns(schema, as_columns(schema, rows)), Encoder(schema).encode_rows(rows))


@given(data=st.data())
def test_the_slots_hold_the_whole_hash_of_each_row_s_value_and_each_value_once(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    slots = code_columns(schema, as_columns(schema, rows))
    values = [{f.name: f.canonical(row.get(f.name)) for f in schema.fields} for row in rows]
    by_field = [[bucketer.hash_value(f.name, row[f.name]) for row in values] for f in schema.fields]
    by_cross = [[bucketer.hash_cross((n, row[n]) for n in cross) for row in values] for cross in schema.crosses]
    assert [slot.hashes[slot.codes].tolist() for slot in slots] == by_field + by_cross
    for slot in slots:
        assert len(set(slot.hashes.tolist())) == len(slot.hashes)
    np.testing.assert_array_equal(bucket_slots(schema, slots), encode_columns(schema, as_columns(schema, rows)))


@given(data=st.data())
def test_a_field_s_missing_value_is_the_last_and_each_other_one_is_in_a_row(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    slots = code_columns(schema, as_columns(schema, rows))
    for field, slot in zip(schema.fields, slots, strict=False):
        last = len(slot.hashes) - 1
        assert slot.hashes[last] == bucketer.hash_value(field.name, None)
        assert (slot.codes == last).tolist() == [row.get(field.name) is None for row in rows]
        assert set(range(last)) <= set(slot.codes.tolist())


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(bins=st.just("log2") | st.sets(FINITE, min_size=1).map(sorted).map(tuple), values=st.lists(FINITE))
@example(bins="log2", values=[0.0, -0.0, 1.0, -1.0, 5e-324, 1.7976931348623157e308, -(2.0**52)])
@example(bins=(-0.0, 1.0), values=[0.0, -0.0, 1.0, 0.9999999999999999])
def test_vector_bins_are_the_scalar_bins(bins, values):
    expected = [bin_index(bins, value) for value in values]
    assert bin_indices(bins, pa.array(values, type=pa.float64())).tolist() == expected
