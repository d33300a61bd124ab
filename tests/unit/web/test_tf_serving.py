"""TensorFlow Serving's and KServe's ``/v1``: both clients find what they look for, and errors are in their words."""

import json
from itertools import product

import numpy as np
import pytest

from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app
from service.web.tf_serving import predict_routes

ROWS = [{"user": "007", "hour": 7, "price": 5.5}, {"user": None, "hour": -1, "price": None}]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
MODEL = "/v1/models/clicks"
VERSION = f"{MODEL}/versions/by-hand"


def test_the_one_model_is_listed(client):
    assert client.get("/v1/models").json == {"models": ["clicks"]}


@pytest.mark.parametrize("path", [MODEL, VERSION])
def test_a_models_status_is_there_for_kserve_and_for_tensorflow(client, path):
    document = client.get(path).json
    assert (document["name"], document["ready"]) == ("clicks", True)  # KServe
    assert document["model_version_status"] == [  # TensorFlow Serving
        {"version": "by-hand", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]


@pytest.mark.parametrize("path", [f"{MODEL}/metadata", f"{VERSION}/metadata"])
def test_the_metadata_have_a_tensor_for_each_field(client, path):
    document = client.get(path).json
    assert document["model_spec"] == {"name": "clicks", "signature_name": "", "version": "by-hand"}
    signature = document["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    kinds = {name: tensor["dtype"] for name, tensor in signature["inputs"].items()}
    assert kinds == {"hour": "DT_INT64", "price": "DT_DOUBLE", "user": "DT_STRING"}
    assert signature["outputs"]["probability"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }


ANSWERED = [
    ({"instances": ROWS}, "predictions"),
    ({"instances": ROWS, "signature_name": "serving_default"}, "predictions"),
    ({"instances": ROWS, "signature_name": ""}, "predictions"),
    ({"instances": ROWS, "signature_name": None}, "predictions"),
    ({"inputs": COLUMNS}, "outputs"),
    ({"inputs": ROWS}, "predictions"),
]


def test_rows_are_answered_with_predictions_and_columns_with_outputs(client, predictor, subtests):
    for path, (body, key) in product([f"{MODEL}:predict", f"{VERSION}:predict"], ANSWERED):
        expected = {key: predictor.predict_rows(ROWS), "model": "clicks", "version": "by-hand"}
        with subtests.test(path=path, body=body):
            response = client.post(path, json=body)
            assert (response.status_code, response.content_type) == (200, "application/json")
            assert response.json == expected


def test_the_body_is_json_whatever_it_is_called(client):
    body = json.dumps({"instances": ROWS})
    for kind in (None, "", "application/x-www-form-urlencoded", "text/plain", "text/csv"):
        assert client.post(f"{MODEL}:predict", data=body, content_type=kind).status_code == 200, kind


WRONG = [
    ("{", "the body is not JSON: "),
    ({"instances": [{**ROWS[0], "hour": "7"}]}, "instances.0.hour: expected an integer"),
    ({"inputs": {**COLUMNS, "hour": [7, "7"]}}, "inputs.hour.1: expected an integer"),
    ({"inputs": {"user": []}}, "inputs.hour: expected an integer from -2^63 to 2^63-1 or null, found nothing"),
    ({"instances": [1.0]}, "instances.0: expected an object"),
    ({"instances": ROWS, "inputs": COLUMNS}, "expected exactly one of the keys instances, inputs, found 2 of them"),
    ({"instances": ROWS, "signature_name": "x"}, "signature_name: expected serving_default, the only signature"),
    ({"instances": ROWS, "signature_name": 7}, "signature_name: expected serving_default, the only signature"),
    ({"examples": ROWS}, "examples: expected one of the keys signature_name, instances, inputs"),
    ([], "expected an object"),
]


def test_what_is_wrong_with_a_request_is_a_400_with_the_reason(client, subtests):
    for body, error in WRONG:
        with subtests.test(error):
            data = body if isinstance(body, str) else json.dumps(body)
            response = client.post(f"{MODEL}:predict", data=data, content_type="application/json")
            assert (response.status_code, response.content_type) == (400, "application/json")
            assert list(response.json) == ["error"]
            assert error in response.json["error"]


OTHERS = [
    ("POST", "/v1/models/other:predict", 404),
    ("POST", f"{MODEL}/versions/1:predict", 404),
    ("GET", "/v1/models/other", 404),
    ("GET", f"{MODEL}/versions/1", 404),
    ("GET", f"{MODEL}/versions/1/metadata", 404),
    ("GET", f"{MODEL}/labels/stable", 404),
    ("GET", f"{MODEL}:predict", 405),
    ("GET", "/v1", 404),
    ("POST", "/v1/models", 405),
    ("POST", MODEL, 405),
    ("POST", f"{MODEL}:explain", 405),
]


def test_another_model_version_or_verb_is_none_that_is_here(client, subtests):
    for method, path, status in OTHERS:
        with subtests.test(method=method, path=path):
            response = client.open(path, method=method, json={"instances": ROWS} if method == "POST" else None)
            assert response.status_code == status
            assert list(response.json) == ["error"]


def test_bounds_and_encodings_hold_here_too(client):
    assert client.post(f"{MODEL}:predict", json={"instances": [ROWS[0]] * 151}).status_code == 413
    assert client.post(f"{MODEL}:predict", json={"inputs": {"user": [""] * 151, "hour": [1] * 151}}).status_code == 413
    assert client.post(f"{MODEL}:predict", data=b" " * 20_001).status_code == 413
    encoded = client.post(f"{MODEL}:predict", json={"instances": ROWS}, headers={"Content-Encoding": "gzip"})
    assert (encoded.status_code, list(encoded.json)) == (415, ["error"])


def test_without_a_model_the_list_is_empty_and_the_rest_is_503(tmp_path, live_app):
    client = live_app(Settings(store=tmp_path / "none")).test_client()
    assert client.get("/v1/models").json == {"models": []}
    for response in (client.get(MODEL), client.post(f"{MODEL}:predict", json={"instances": ROWS})):
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.json == {"error": "no version was promoted in the store"}


@pytest.mark.parametrize("name", ["a b", "Zürich", "100%", "a:predict", "metadata", "a/b"])
def test_a_model_is_reached_by_its_name_or_by_neither_way(name):
    fields = (Field(name="user", type="string"),)
    schema = Schema(name=name, label="y", timestamp=None, n_buckets=256, fields=fields)
    model = LinearModel(np.zeros(257, dtype=np.float32))
    app = create_app(Settings(), predictor=Predictor(schema=schema, model=model, version="v"))
    routes = predict_routes(name, "v")
    assert bool(routes) == ("/" not in name)
    statuses = {200} if routes else {404}
    short = app.wsgi_app.application
    for paths in (short._paths, frozenset()):  # by the short way, and without it
        short._paths = paths
        for path in (f"/v1/models/{name}:predict", f"/v1/models/{name}/versions/v:predict"):
            environ = {"PATH_INFO": path.encode().decode("latin-1")}
            body = {"instances": [{"user": "a"}]}
            assert {app.test_client().post("/", json=body, environ_overrides=environ).status_code} == statuses
