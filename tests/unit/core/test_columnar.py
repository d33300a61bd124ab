"""Columns to buckets: the same answers as rows, whatever the batch."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import bucketer
from service.core.columnar import CODED_TEXT, column_of, encode_columns, hash_columns
from service.core.documents import load_schema
from service.core.encoder import Encoder
from service.kernels.library import ALL_SET


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
def test_columns_give_the_hashes_and_buckets_of_rows(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    columns = as_columns(schema, rows)
    hashes = hash_columns(schema, columns)
    values = [{f.name: f.canonical(row.get(f.name)) for f in schema.fields} for row in rows]
    by_field = [[bucketer.hash_value(f.name, row[f.name]) for row in values] for f in schema.fields]
    by_cross = [[bucketer.hash_cross((n, row[n]) for n in cross) for row in values] for cross in schema.crosses]
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == by_field + by_cross
    by_row = Encoder(schema).encode_rows(rows)
    by_column = encode_columns(schema, columns)
    assert by_column.dtype == by_row.dtype
    assert by_column.shape == by_row.shape
    np.testing.assert_array_equal(by_column, by_row)
    # A column that the schema does not know changes nothing.
    more = {schema.label: pa.array([0] * len(rows), type=pa.int8()), **columns}
    np.testing.assert_array_equal(encode_columns(schema, more), by_column)


@given(data=st.data())
def test_a_slice_of_columns_with_its_text_coded_or_not_gives_the_slice_of_rows(any_schema, any_rows, as_columns, data):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    start = data.draw(st.integers(0, len(rows)))
    length = data.draw(st.integers(0, len(rows) - start))
    whole = as_columns(schema, rows)
    sliced = {name: array.slice(start, length) for name, array in whole.items()}
    buckets = Encoder(schema).encode_rows(rows[start : start + length])
    np.testing.assert_array_equal(encode_columns(schema, sliced), buckets)
    coded = {
        name: array.dictionary_encode() if pa.types.is_string(array.type) else array for name, array in whole.items()
    }
    assert all(array.type == CODED_TEXT for array in coded.values() if pa.types.is_dictionary(array.type))
    coded = {name: array.slice(start, length) for name, array in coded.items()}
    np.testing.assert_array_equal(hash_columns(schema, coded), hash_columns(schema, sliced))


def test_a_slice_begins_where_it_says_for_every_type_with_and_without_nulls():
    """A bit does not begin where a byte does: 20 rows are three bytes of them."""
    kinds = {"s": "string", "i": "integer", "b": "boolean", "x": "number"}
    fields = {name: {"type": kind, **({"bins": "log2"} if kind == "number" else {})} for name, kind in kinds.items()}
    schema = load_schema({"name": "m", "label": "y", "n_buckets": 2**20, "fields": fields}, source="here")
    whole = {
        "s": pa.array([f"{index}" * index for index in range(20)], pa.string()),
        "i": pa.array(range(20), pa.int64()),
        "b": pa.array([index % 3 == 0 for index in range(20)], pa.bool_()),
        "x": pa.array([2.0**index for index in range(20)], pa.float64()),
    }
    present = pa.array([index % 5 != 0 for index in range(20)])
    with_nulls = {name: pc.if_else(present, array, None) for name, array in whole.items()}
    for arrays in (whole, with_nulls):
        rows = pa.table(arrays).to_pylist()
        buckets = Encoder(schema).encode_rows(rows)
        for start in range(20):
            sliced = encode_columns(schema, {name: array.slice(start) for name, array in arrays.items()})
            np.testing.assert_array_equal(sliced, buckets[start:])


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


def test_a_dictionary_of_nothing_is_a_column_of_nothing(schema, as_columns):
    rows = [dict.fromkeys(field.name for field in schema.fields)] * 3
    columns = as_columns(schema, rows)
    nothing = pa.DictionaryArray.from_arrays(pa.nulls(3, pa.int32()), pa.array([], pa.string()))
    coded = {**columns, "origin": nothing, "tailnum": nothing}
    np.testing.assert_array_equal(hash_columns(schema, coded), hash_columns(schema, columns))


def test_columns_of_different_lengths_are_refused(schema, as_columns):
    columns = as_columns(schema, [{}] * 3)
    with pytest.raises(ValueError, match=r"columns of different lengths: \[2, 3\]"):
        hash_columns(schema, {**columns, "hour": columns["hour"].slice(1)})


@pytest.mark.parametrize("kind", [pa.large_string(), pa.int32(), pa.float32(), pa.binary(), pa.null()])
def test_an_array_of_another_type_is_no_column(kind):
    with pytest.raises(TypeError, match=f"type {kind}"):
        column_of(pa.nulls(2, kind))


def test_an_array_of_no_rows_needs_nothing_in_its_buffers():
    nothing = pa.py_buffer(b"")
    text = column_of(pa.Array.from_buffers(pa.string(), 0, [None, nothing, nothing]))
    assert (len(text), text.begins.tolist(), text.ends.tolist(), text.data.size) == (0, [], [], 0)
    bits = column_of(pa.Array.from_buffers(pa.bool_(), 0, [None, None]))
    assert (len(bits), bits.values.bits.dtype, bits.values.bits.size) == (0, np.uint8, 0)
    for kind, dtype in ((pa.int64(), np.int64), (pa.float64(), np.float64)):
        for buffer in (None, nothing):
            values = column_of(pa.Array.from_buffers(kind, 0, [None, buffer])).values
            assert (values.dtype, values.size) == (dtype, 0)


def test_where_no_row_is_missing_no_row_is_asked():
    for values in ([1, 2], [None, 1, 2]):
        array = pa.array(values, pa.int64())
        assert column_of(array.slice(array.null_count)).valid is ALL_SET
