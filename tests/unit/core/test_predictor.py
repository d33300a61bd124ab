"""The only way to a probability: rows, columns and requests give one answer."""

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.columnar import COLUMN_TYPES, column_of, hash_columns
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import FeatureError, InvalidRequest


@pytest.fixture(scope="module")
def predictor(schema):
    weights = np.random.default_rng(9).normal(size=schema.n_buckets + 1).astype(np.float32)
    return Predictor(schema=schema, model=LinearModel(weights), version="v")


@given(data=st.data())
def test_rows_columns_and_requests_give_the_same_probability_to_the_last_bit(predictor, any_rows, data):
    rows = data.draw(any_rows(predictor.schema))
    columns = {}
    for field in predictor.schema.fields:
        values = [row.get(field.name) for row in rows]
        if field.type == "number":
            values = [None if value is None else float(value) for value in values]
        columns[field.name] = pa.array(values, type=COLUMN_TYPES[field.type])
    by_row = predictor.predict_rows(rows)
    assert predictor.predict_hashes(hash_columns(predictor.schema, columns)).tolist() == by_row
    by_name = {name: column_of(array) for name, array in columns.items()}
    assert predictor.predict_columns(by_name).tolist() == by_row
    # The short way may leave a number to the long one; ``test_reader`` shows which it never leaves.
    assert predictor.predict_json(orjson.dumps({"instances": rows}), max_rows=len(rows)) in (by_row, None)
    lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    assert predictor.predict_ndjson(lines, max_rows=len(rows)) in (by_row, None)
    assert all(0.0 <= probability <= 1.0 for probability in by_row)


@given(data=st.data())
def test_a_request_is_accepted_exactly_when_its_rows_can_be_predicted(predictor, any_rows, any_json, data):
    names = [field.name for field in predictor.schema.fields]
    rows = data.draw(any_rows(predictor.schema).filter(bool))
    for _ in range(data.draw(st.integers(0, 3))):
        row = data.draw(st.sampled_from(rows))
        row[data.draw(st.sampled_from([*names, "unknown"]))] = data.draw(any_json)
    if data.draw(st.booleans()):
        data.draw(st.sampled_from(rows)).pop(data.draw(st.sampled_from(names)), None)
    try:
        accepted = predictor.request_document.check({"instances": rows})
    except InvalidRequest:
        with pytest.raises(FeatureError):
            predictor.predict_rows(rows)
    else:
        assert len(predictor.predict_rows(accepted)) == len(rows)


def test_no_rows_have_no_predictions(predictor):
    assert predictor.predict_rows([]) == []


def test_a_predictor_carries_the_name_of_its_schema(predictor, schema):
    assert (predictor.name, predictor.version, predictor.schema) == ("flights", "v", schema)


@pytest.mark.parametrize("shape", [(256,), (258,), (257, 1), (0,)])
def test_weights_that_do_not_fit_the_schema_are_refused(schema, shape):
    with pytest.raises(ValueError, match="256 buckets need as many weights and one"):
        Predictor(schema=schema, model=LinearModel(np.zeros(shape, dtype=np.float32)), version="v")
