"""Vertex AI's routes are answered under the names that it gives them, whatever else is there."""

from functools import cache

import pytest

from service.config import Settings
from service.web import create_app
from service.web.formats.arrow import FORMAT as ARROW

ROWS = [{"user": "007", "hour": 7, "price": 5.5}, {"user": None, "hour": -1}]
DEFAULT = "/v1/endpoints/123/deployedModels/456"
"""What Vertex AI calls them if nobody else does."""

ROUTES = [
    (DEFAULT, f"{DEFAULT}:predict"),
    ("/health", "/predict"),
    ("/", "/"),
    ("/ping", "/invocations"),
    ("/v1/models/other", "/v1/models/other:predict"),
    ("/ready/", "/a+b/(c);d=1"),
]


@pytest.fixture(scope="module")
def vertex(predictor):
    @cache
    def make(health, predict):
        settings = Settings(health_route=health, predict_route=predict, max_rows=150, max_body_bytes=20_000)
        return create_app(settings, predictor=predictor).test_client()

    return make


@pytest.mark.parametrize(("health", "predict"), ROUTES)
def test_both_routes_answer_beside_our_own(vertex, predictor, health, predict):
    client = vertex(health, predict)
    assert client.get(health).json["status"] == "ok"
    expected = {"predictions": predictor.predict_rows(ROWS), "model": "clicks", "version": "by-hand"}
    for more in ({}, {"parameters": None}, {"parameters": {}}):
        assert client.post(predict, json={"instances": ROWS, **more}).json == expected, more
    assert client.post("/predict", json={"instances": ROWS}).json == expected
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"instances": ROWS, "parameters": {"k": 1}}, "parameters"),
        ({"instances": [{**ROWS[0], "hour": "7"}]}, "instances.0.hour"),
        ({"rows": ROWS}, "rows"),
    ],
)
def test_what_is_wrong_is_a_problem_document(vertex, body, path):
    response = vertex("/up", "/score").post("/score", json=body)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    assert response.json["errors"][0]["path"] == path


def test_a_raw_prediction_may_be_of_any_format(vertex, predictor):
    client = vertex("/up", "/score")
    response = client.post("/score", data="user,hour\n007,7\n", content_type="text/csv")
    assert response.data == client.post("/predict", data="user,hour\n007,7\n", content_type="text/csv").data
    assert response.headers["Andon-Model"] == "clicks"
    stream = client.post("/score", json={"instances": ROWS}, headers={"Accept": ARROW.media_type})
    assert stream.data == ARROW.render(predictor.predict_rows(ROWS), predictor)


def test_without_a_model_neither_is_ready(tmp_path, live_app):
    settings = Settings(store=tmp_path / "none", health_route="/up", predict_route="/score")
    client = live_app(settings).test_client()
    assert client.get("/up").status_code == 503
    assert client.post("/score", json={"instances": ROWS}).status_code == 503


def test_without_the_settings_there_is_no_such_route(client):
    assert client.post(f"{DEFAULT}:predict", json={"instances": ROWS}).status_code == 404
