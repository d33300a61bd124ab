"""The short way answers what the way through Flask answers, byte for byte, and leaves to it whatever is in doubt."""

import io
import json

import pytest

from service.config import Settings
from service.web import create_app
from service.web.shortcut import Shortcut

GOOD = {"user": "007", "hour": 7, "price": 5}
BODIES = {
    "one row": json.dumps({"instances": [GOOD]}),
    "rows": json.dumps({"instances": [GOOD, {"user": None, "hour": -1}] * 20}),
    "not JSON": '{"instances": [',
    "no rows": '{"instances": []}',
    "a wrong type": json.dumps({"instances": [{**GOOD, "hour": "7"}]}),
    "a field absent": json.dumps({"instances": [{"user": "a"}]}),
    "another key": json.dumps({"instances": [GOOD], "more": 1}),
    "too many rows": json.dumps({"instances": [GOOD] * 151}),
    "too many bytes": json.dumps({"instances": [GOOD]}).ljust(20_001),
    "nothing": "",
}
HEADERS = [
    {},
    {"Accept": "*/*"},
    {"Accept": "application/json"},
    {"Accept": "text/csv, application/json;q=0.5"},
    {"Content-Type": "Application/JSON; charset=UTF-8", "Accept": "application/json, text/plain, */*"},
    {"Content-Type": ""},
    {"Accept": "text/csv"},
    {"Accept": "text/html"},
    {"Content-Encoding": "gzip"},
    {"Content-Type": "application/json; charset=latin-1"},
    {"Content-Type": "text/csv"},
]


@pytest.fixture
def through_flask(predictor):
    """A client of an application without the short way."""
    app = create_app(Settings(max_rows=150, max_body_bytes=20_000), predictor=predictor)
    assert isinstance(app.wsgi_app.application, Shortcut)
    app.wsgi_app.application = app.wsgi_app.application._application
    return app.test_client()


@pytest.mark.parametrize("headers", HEADERS, ids=str)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/predict"), ("POST", "/predict/")])
def test_both_ways_give_the_same_answer(client, through_flask, method, path, body, headers):
    headers = {"Content-Type": "application/json", "X-Request-ID": "one-and-the-same", **headers}
    one, other = (each.open(path, method=method, data=body, headers=headers) for each in (client, through_flask))
    assert (one.status, one.data) == (other.status, other.data)
    assert list(one.headers) == list(other.headers)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/plain, */*"])
@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize("body", ["one row", "rows"])
def test_a_valid_request_never_comes_to_flask(app, client, body, kind, accept):
    app.wsgi_app.application._application = None
    headers = {} if accept is None else {"Accept": accept}
    assert client.post("/predict", data=BODIES[body], content_type=kind, headers=headers).status_code == 200


@pytest.mark.parametrize("length", [0, 10])
def test_a_body_that_breaks_off_is_400(client, length):
    body = BODIES["one row"].encode()
    environ = {"wsgi.input": io.BytesIO(body[:length]), "CONTENT_LENGTH": str(len(body))}
    response = client.post("/predict", content_type="application/json", environ_overrides=environ)
    assert response.status_code == 400


def test_without_a_model_it_is_503(tmp_path, live_app):
    client = live_app(Settings(store=tmp_path / "none")).test_client()
    assert client.post("/predict", data=BODIES["one row"], content_type="application/json").status_code == 503
