"""What every request passes: its call, guards, its id in the answer, observers."""

import json
import logging

import pytest
from werkzeug.routing import Map
from werkzeug.test import Client
from werkzeug.wrappers import Response

from service.web.calls import KEY, UNMATCHED
from service.web.front import Front

GOOD = {"user": "007", "hour": 7}


class Kept:
    """An observer that keeps the calls it was told of."""

    def __init__(self):
        self.calls = []

    def answered(self, call):
        self.calls.append(call)


class Refusing:
    """A guard that refuses some paths."""

    def refuse(self, call):
        secret = ("/secret", "/docs", "/v1/models/m")
        return Response("no", status=401) if call.environ["PATH_INFO"] in secret else None


@pytest.fixture
def seen(app, monkeypatch):
    """The calls of an application that an observer is told of."""
    kept = Kept()
    front = Front(app.wsgi_app.application, app.url_map, guards=[Refusing()], observers=[kept])
    monkeypatch.setattr(app, "wsgi_app", front)
    return kept.calls


def test_the_answer_bears_the_requests_id(client):
    assert client.get("/health", headers={"X-Request-ID": "abc"}).headers["X-Request-ID"] == "abc"
    assert len(client.get("/health").headers["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    ("method", "path", "body", "route", "status", "rows"),
    [
        ("POST", "/predict", {"instances": [GOOD] * 3}, "/predict", 200, 3),  # the short way
        ("POST", "/predict", {"instances": [{"user": "7", "hour": "7"}]}, "/predict", 422, 0),
        ("POST", "/predict/", {"instances": [GOOD]}, UNMATCHED, 404, 0),
        ("GET", "/predict", None, UNMATCHED, 405, 0),
        ("GET", "/health/live", None, "/health/live", 200, 0),
        ("GET", "/nowhere", None, UNMATCHED, 404, 0),
        ("GET", "/secret", None, UNMATCHED, 401, 0),
        ("GET", "/docs", None, "/docs", 401, 0),
        ("GET", "/v1/models/m", None, "/v1/models/<name>", 401, 0),
        ("POST", "/docs", None, UNMATCHED, 401, 0),
    ],
)
def test_an_observer_is_told_of_every_request(client, seen, method, path, body, route, status, rows):
    response = client.open(path, method=method, json=body)
    (call,) = seen
    assert (call.route, call.status, call.rows) == (route, status, rows)
    assert response.status_code == status
    assert response.headers["X-Request-ID"] == call.id
    assert call.seconds > 0


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_a_prediction_names_its_model(client, seen, kind):
    line = json.dumps(GOOD)
    body = line if kind.endswith("ndjson") else f'{{"instances": [{line}]}}'
    assert client.post("/predict", data=body, content_type=kind).status_code == 200
    assert (seen[0].model, seen[0].version, seen[0].rows) == ("clicks", "by-hand", 1)


def test_what_an_observer_raises_spoils_no_answer(app, client, caplog, monkeypatch):
    class Broken:
        def answered(self, call):
            raise RuntimeError("the observer broke")

    kept = Kept()
    monkeypatch.setattr(app, "wsgi_app", Front(app.wsgi_app.application, app.url_map, observers=[Broken(), kept]))
    with caplog.at_level(logging.ERROR, logger="service.web.front"):
        assert client.get("/health/live").status_code == 200
    assert "not observed" in caplog.text
    assert len(kept.calls) == 1


def test_an_application_that_raises_is_observed_as_500():
    def broken(environ, start_response):
        assert environ[KEY].status == 500
        raise RuntimeError("broken")

    kept = Kept()
    with pytest.raises(RuntimeError, match="broken"):
        Client(Front(broken, Map(), observers=[kept])).get("/")
    assert [call.status for call in kept.calls] == [500]
