"""``POST /predict``: parse, ask the predictor, render."""

import gzip
import json
from itertools import product

import pytest

INSTANCES = [
    {"user": "007", "hour": 7, "price": 5},
    {"user": "", "hour": None, "price": 0.5},
    {"user": None, "hour": -3},
]


def test_the_answer_is_the_predictors_to_the_last_bit(client, predictor):
    response = client.post("/predict", json={"instances": INSTANCES})
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert response.json == {
        "predictions": predictor.predict_rows(INSTANCES),
        "model": "clicks",
        "version": "by-hand",
    }


def test_each_instance_has_its_own_answer_in_order(client):
    together = client.post("/predict", json={"instances": INSTANCES}).json["predictions"]
    alone = [client.post("/predict", json={"instances": [row]}).json["predictions"][0] for row in INSTANCES]
    assert together == alone


SAME = [
    ('{"user":"a","hour":1}', '{"user":"a","hour":1,"price":null}'),
    ('{"user":"a","hour":1}', '{"hour":1,"user":"a"}'),
    ('{"user":"a","hour":1}', '{"user":"a","hour":1,"unknown":[1,{"x":2}]}'),
    ('{"user":"a","hour":1}', '{"user":"b","user":"a","hour":1}'),
    ('{"user":"a","hour":1}', ' { "user" : "\\u0061" , "hour" : 1 } '),
    ('{"user":"a","hour":1,"price":5}', '{"user":"a","hour":1,"price":5.0}'),
    ('{"user":"a","hour":-0}', '{"user":"a","hour":0}'),
]


def test_bodies_that_mean_the_same_are_answered_the_same(client):
    for pair in SAME:
        first, second = (
            client.post("/predict", data=f'{{"instances":[{row}]}}', content_type="application/json") for row in pair
        )
        assert first.json["predictions"] == second.json["predictions"], pair


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "Application/JSON"],
)
def test_json_in_utf8_is_the_content_type(client, content_type):
    body = json.dumps({"instances": INSTANCES})
    assert client.post("/predict", data=body, content_type=content_type).status_code == 200


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/json; charset=latin-1", "application/x-www-form-urlencoded"]
)
def test_any_other_content_type_is_415(client, content_type):
    body = json.dumps({"instances": INSTANCES})
    assert client.post("/predict", data=body, content_type=content_type).status_code == 415


@pytest.mark.parametrize(("n_rows", "status"), [(1, 200), (150, 200), (151, 413)])
def test_a_request_holds_at_most_max_rows(client, n_rows, status):
    response = client.post("/predict", json={"instances": [{"user": "a", "hour": 1}] * n_rows})
    assert response.status_code == status
    if status == 413:
        assert response.json["detail"] == "expected at most 150 instances, found 151"


@pytest.mark.parametrize("instance", [{"user": "a", "hour": 1}, {"user": 7}, {}, None, []])
def test_a_request_of_too_many_rows_is_413_before_any_of_them_is_looked_at(client, instance):
    response = client.post("/predict", json={"instances": [instance] * 151, "another": "key"})
    assert response.status_code == 413
    assert response.json["detail"] == "expected at most 150 instances, found 151"
    assert "errors" not in response.json


@pytest.mark.parametrize(("n_keys", "n_problems"), [(100, 99), (101, 1), (1_000, 1)])
def test_a_flood_of_keys_is_422_with_one_problem(client, n_keys, n_problems):
    body = {"instances": [{"user": "a", "hour": 1}], **{f"k{number}": 0 for number in range(n_keys - 1)}}
    response = client.post("/predict", json=body)
    assert response.status_code == 422
    assert len(response.json["errors"]) == n_problems
    if n_keys > 100:
        (problem,) = response.json["errors"]
        expected = "an object with the key instances"
        assert problem == {"path": "", "expected": expected, "found": f"one with {n_keys} keys"}


def test_a_content_encoding_is_415(client):
    body = json.dumps({"instances": INSTANCES}).encode()
    for encoding, data in product(
        ["gzip", "deflate", "br", "GZIP", "identity", "gzip, gzip"], [gzip.compress(body), body]
    ):
        headers = {"Content-Encoding": encoding}
        response = client.post("/predict", data=data, content_type="application/json", headers=headers)
        assert response.status_code == 415, (encoding, data)
        assert response.json["detail"] == "expected a body without a content encoding", (encoding, data)


def test_a_body_longer_than_max_body_bytes_is_413(client):
    assert client.post("/predict", json={"instances": [{"user": "a" * 20_000, "hour": 1}]}).status_code == 413
    assert client.post("/predict", json={"instances": [{"user": "a" * 10_000, "hour": 1}]}).status_code == 200
