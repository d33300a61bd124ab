"""The same rows get the same doubles, to the last bit, whatever protocol they come by."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.web import create_app

VERTEX = "/v1/endpoints/1/deployedModels/2:predict"
FIELDS = ("hour", "price", "user")

ROW = st.fixed_dictionaries(
    {
        "user": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        "hour": st.none() | st.integers(-(2**63), 2**63 - 1),
        "price": st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False),
    }
)


def columns(rows):
    return {name: [row[name] for row in rows] for name in FIELDS}


def split(rows):
    return {"columns": list(FIELDS), "data": [[row[name] for name in FIELDS] for row in rows]}


REQUESTS = {
    "TensorFlow Serving, rows": ("/v1/models/clicks:predict", lambda rows: {"instances": rows}),
    "TensorFlow Serving, a signature": (
        "/v1/models/clicks/versions/by-hand:predict",
        lambda rows: {"instances": rows, "signature_name": "serving_default"},
    ),
    "TensorFlow Serving, columns": ("/v1/models/clicks:predict", lambda rows: {"inputs": columns(rows)}),
    "KServe, rows": ("/v1/models/clicks:predict", lambda rows: {"inputs": rows}),
    "MLflow, a split frame": ("/invocations", lambda rows: {"dataframe_split": split(rows)}),
    "MLflow, records": ("/invocations", lambda rows: {"dataframe_records": rows}),
    "MLflow, rows": ("/invocations", lambda rows: {"instances": rows}),
    "MLflow, columns": ("/invocations", lambda rows: {"inputs": columns(rows)}),
    "Vertex AI": (VERTEX, lambda rows: {"instances": rows, "parameters": {}}),
}


@pytest.fixture(scope="module")
def everywhere(predictor):
    return create_app(Settings(predict_route=VERTEX), predictor=predictor).test_client()


@given(rows=st.lists(ROW, min_size=1, max_size=4))
def test_every_protocol_gives_the_predictors_own_doubles(everywhere, predictor, rows):
    expected = predictor.predict_rows(rows)
    for name, (path, document) in REQUESTS.items():
        response = everywhere.post(path, data=json.dumps(document(rows)), content_type="application/json")
        answer = response.json.get("predictions") or response.json["outputs"]
        assert answer == expected, name
