"""Rows to buckets, one at a time: the contract, through the path of a request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import bucketer
from service.core.documents import load_schema
from service.core.encoder import Encoder
from service.errors import FeatureError


def test_spark_gives_the_same_buckets_through_the_encoder(spark_vectors, cross_schema):
    for vector in spark_vectors:
        other = vector["cross_with"]
        schema = cross_schema(vector["field"], other["field"])
        row = Encoder(schema).encode_row({vector["field"]: vector["value"], other["field"]: other["value"]})
        buckets = dict(zip(schema.slots, row, strict=True))
        assert buckets[vector["field"]] == vector["bucket_2_20"]
        assert buckets[f"{vector['field']} x {other['field']}"] == vector["cross_bucket_2_20"]


def test_typed_values_keep_their_golden_bucket(golden_buckets):
    for vector in golden_buckets:
        table = {key: vector[key] for key in ("type", "bins") if key in vector}
        document = {"name": "m", "label": "y", "n_buckets": 2**20, "fields": {vector["field"]: table}}
        encoder = Encoder(load_schema(document, source="the vectors"))
        assert encoder.encode_row({vector["field"]: vector["value"]}) == [vector["bucket_2_20"]], vector


@given(data=st.data())
def test_each_slot_is_the_bucketer_s_own_answer_whatever_the_order_of_keys_and_whatever_else_there_is(
    any_schema, any_rows, any_json, data
):
    schema = data.draw(any_schema)
    rows = data.draw(any_rows(schema))
    fields = {field.name: field for field in schema.fields}
    more = {schema.label: data.draw(any_json), "": data.draw(any_json)}
    order = data.draw(st.permutations([*fields, *more]))
    encoder = Encoder(schema)
    encoded = []
    for row in rows:
        canonical = {name: field.canonical(row.get(name)) for name, field in fields.items()}
        hashes = [bucketer.hash_value(name, canonical[name]) for name in sorted(fields)]
        hashes += [bucketer.hash_cross([(name, canonical[name]) for name in cross]) for cross in schema.crosses]
        assert encoder.hash_row(row) == hashes
        encoded.append(encoder.encode_row(row))
        assert encoded[-1] == [bucketer.bucket(h, schema.n_buckets) for h in hashes]
        whole = {**row, **more}
        assert encoder.encode_row({key: whole[key] for key in order if key in whole}) == encoded[-1]
    # Many rows are the single rows.
    buckets = encoder.encode_rows(rows)
    assert buckets.tolist() == encoded
    assert buckets.shape == (len(rows), len(schema.slots))
    assert not buckets.size or buckets.max() < schema.n_buckets


def test_no_rows_have_a_shape_all_the_same(schema):
    buckets = Encoder(schema).encode_rows([])
    assert buckets.shape == (0, len(schema.slots))
    assert buckets.dtype == np.uint32


def test_an_absent_optional_field_is_missing_like_null(schema, instances):
    encoder = Encoder(schema)
    nulls = {"holiday": None, "temp": None, "seats": None}
    assert encoder.encode_row({**instances[2], **nulls}) == encoder.encode_row(instances[2])


@pytest.mark.parametrize("name", ["tailnum", "origin", "hour"])
def test_an_absent_required_field_is_an_error_that_names_it(schema, instances, name):
    row = {key: value for key, value in instances[0].items() if key != name}
    with pytest.raises(FeatureError, match="nothing: the field is required") as caught:
        Encoder(schema).encode_row(row)
    assert caught.value.field == name


def test_a_refused_value_is_an_error_that_names_the_field(schema, instances):
    with pytest.raises(FeatureError) as caught:
        Encoder(schema).encode_rows([instances[0], {**instances[1], "hour": 7.0}])
    assert caught.value.field == "hour"
