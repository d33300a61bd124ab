"""SageMaker's and MLflow's endpoints: four shapes of JSON, CSV with a header or without, and the other formats."""

import json

import pytest

from service import __version__
from service.config import Settings
from service.web import create_app
from service.web.formats import MEDIA_TYPES

ROWS = [{"user": "007", "hour": 7, "price": 5.5}, {"user": "", "hour": -1, "price": None}]
FRAME = {"columns": ["user", "hour", "price"], "data": [list(row.values()) for row in ROWS], "index": [0, 1]}
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
JSON, NDJSON, CSV, ARROW = MEDIA_TYPES
HEADERLESS = '7,5.5,007\n-1,,""\n'  # the fields in their order: hour, price, user


def answer(predictor):
    return {"predictions": predictor.predict_rows(ROWS), "model": "clicks", "version": "by-hand"}


def post(client, body, kind=JSON, **headers):
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.post("/invocations", data=data, content_type=kind, headers=headers)


SHAPES = [
    {"dataframe_split": FRAME},
    {"dataframe_split": {"columns": FRAME["columns"], "data": FRAME["data"]}},
    {"dataframe_records": ROWS},
    {"instances": ROWS},
    {"inputs": COLUMNS},
    {"inputs": ROWS},
    {"dataframe_split": FRAME, "params": None},
    {"instances": ROWS, "params": {}},
]


def test_every_shape_of_mlflows_is_answered_with_predictions(client, predictor, subtests):
    for body in SHAPES:
        with subtests.test(body=body):
            response = post(client, body)
            assert (response.status_code, response.content_type) == (200, JSON)
            assert response.json == answer(predictor)


WRONG = [
    ({"dataframe_split": {**FRAME, "data": [["007", "7", 5.5]]}}, "dataframe_split.data.0.hour"),
    ({"dataframe_records": [{**ROWS[0], "hour": 7.0}]}, "dataframe_records.0.hour"),
    ({"instances": [{**ROWS[0], "hour": None, "user": 7}]}, "instances.0.user"),
    ({"inputs": {**COLUMNS, "hour": [7, True]}}, "inputs.hour.1"),
    ({"inputs": [1, 2]}, "inputs.0"),
    ({"inputs": "text"}, "inputs"),
    ({"dataframe_split": FRAME, "instances": ROWS}, ""),
    ({"columns": []}, "columns"),
    ({"instances": ROWS, "params": {"k": 1}}, "params"),
]


def test_a_wrong_value_is_told_by_row_and_column(client, subtests):
    for body, path in WRONG:
        with subtests.test(body=body):
            response = post(client, body)
            assert (response.status_code, response.content_type) == (422, "application/problem+json")
            assert response.json["errors"][0]["path"] == path


@pytest.mark.parametrize("body", ["", "{", '{"dataframe_split": {"columns": ["user"], "data": [[NaN]]}}'])
def test_what_is_no_json_is_400(client, body):
    assert post(client, body).status_code == 400


@pytest.mark.parametrize("kind", ["text/csv; header=absent", "text/csv;header=ABSENT", 'text/csv; header="absent"'])
def test_a_csv_without_a_header_has_the_fields_in_their_order(client, predictor, kind):
    assert post(client, HEADERLESS, kind).json == answer(predictor)
    assert list(client.get("/").json["fields"]) == ["hour", "price", "user"]
    lines = post(client, HEADERLESS, kind, Accept=CSV)
    assert lines.content_type == CSV
    assert [float(line) for line in lines.text.splitlines()] == predictor.predict_rows(ROWS)
    on_predict = client.post("/predict", data=HEADERLESS, content_type=kind)
    assert on_predict.data == lines.data


@pytest.mark.parametrize("kind", ["text/csv", "text/csv; header=present"])
def test_a_csv_with_a_header_is_answered_in_json_or_in_kind(client, predictor, kind):
    body = 'user,hour,price\n007,7,5.5\n"",-1,\n'
    assert post(client, body, kind).json == answer(predictor)
    lines = post(client, body, kind, Accept=CSV).text.splitlines()
    assert (lines[0], [float(line) for line in lines[1:]]) == ("probability", predictor.predict_rows(ROWS))


OTHER_CSV = [
    (HEADERLESS, "text/csv", 400, "header=absent"),
    ("user,price\n", "text/csv", 422, "not what the model expects"),
    ("user,hour", "text/csv", 400, "the body is no CSV"),
    ("", "text/csv", 400, "the body is no CSV"),
    ("7,5.5\n", "text/csv; header=absent", 400, "expected 3 fields, found 2"),
    ("x,5.5,a\n", "text/csv; header=absent", 422, "not what the model expects"),
    ("7,5.5,a\n" * 151, "text/csv; header=absent", 413, "expected at most 150 instances"),
]


def test_another_csv_is_refused_with_the_reason(client, subtests):
    for body, kind, status, words in OTHER_CSV:
        with subtests.test(body=body[:30], kind=kind):
            response = post(client, body, kind)
            assert response.status_code == status
            assert words in response.json["detail"]


def test_the_row_of_a_headerless_csv_is_counted_from_its_first_line(client):
    response = post(client, "7,5.5,a\n7,?,a\n", "text/csv; header=absent")
    assert [each["path"] for each in response.json["errors"]] == ["row 2.price"]


def test_a_byte_order_mark_before_the_first_row_is_passed_over(client, predictor):
    assert post(client, ("\ufeff" + HEADERLESS).encode(), "text/csv; header=absent").json == answer(predictor)


@pytest.mark.parametrize("name", ["application/jsonlines", NDJSON])
def test_json_lines_have_sagemakers_name_too(client, predictor, name):
    body = "\n".join(map(json.dumps, ROWS))
    assert post(client, body, name).json == answer(predictor)
    lines = post(client, body, name, Accept=name)
    assert [json.loads(line)["probability"] for line in lines.data.splitlines()] == predictor.predict_rows(ROWS)


def test_an_answer_may_be_asked_for_in_any_format(client):
    for media_type in MEDIA_TYPES:
        response = post(client, {"dataframe_split": FRAME}, Accept=media_type)
        assert (response.status_code, response.content_type) == (200, media_type)
    assert post(client, {"dataframe_split": FRAME}, Accept="text/html").status_code == 406
    assert post(client, {"dataframe_split": FRAME}, "text/html").status_code == 415


def test_ping_is_an_empty_200_with_a_model_and_503_without(client, tmp_path, live_app):
    response = client.get("/ping")
    assert (response.status_code, response.data) == (200, b"")
    without = live_app(Settings(store=tmp_path / "none")).test_client()
    assert without.get("/ping").status_code == 503
    assert post(without, {"instances": ROWS}).status_code == 503


def test_the_version_is_the_programs(client):
    assert client.get("/version").text == __version__


@pytest.mark.parametrize(("n_bytes", "megabytes"), [(20_000, 1), (4 * 2**20, 4), (5 * 2**20 - 1, 4), (2**31, 2_048)])
def test_a_batch_transform_is_told_of_the_bounds(predictor, n_bytes, megabytes):
    app = create_app(Settings(max_body_bytes=n_bytes, workers=3), predictor=predictor)
    assert app.test_client().get("/execution-parameters").json == {
        "MaxConcurrentTransforms": 3,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": megabytes,
    }
