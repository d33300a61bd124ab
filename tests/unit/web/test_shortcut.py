"""The short way answers what the way through Flask answers, byte for byte, and leaves to it whatever is in doubt."""

import io
import json
from itertools import product

import pyarrow as pa
import pytest
from arrow_bodies import stream
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

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
ARROW = "application/vnd.apache.arrow.stream"


def table_of(**columns):
    return stream(pa.table(columns))


VALID = table_of(user=["007", None, "Z\xfcrich"], hour=[7, -1, 0], price=[5.0, None, 1.5])
STREAMS = {
    "valid": VALID,
    "no rows": VALID[:0],
    "a field absent": table_of(user=["007"]),
    "a wrong type": table_of(user=["007"], hour=["7"], price=[5.0]),
    "a null where none may be": table_of(user=["007"], hour=pa.array([None], pa.int8()), price=[5.0]),
    "too many rows": table_of(user=["007"] * 151, hour=[7] * 151, price=[5.0] * 151),
    "too many bytes": table_of(user=["x" * 20_000], hour=[7], price=[5.0]),
    "cut short": VALID[:-20],
    "compressed": b"\x04\x22\x4d\x18" + VALID,
    "JSON": b'{"instances": []}',
}
ACCEPTED = [{}, {"Accept": "*/*"}, {"Accept": ARROW}, {"Accept": "application/json"}, {"Accept": "text/html"}]

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


VERTEX = "/v1/endpoints/1/deployedModels/2:predict"
SETTINGS = Settings(max_rows=150, max_body_bytes=20_000, predict_route=VERTEX)

ROUTES = {
    "/predict": "/predict",
    "/invocations": "/invocations",
    VERTEX: VERTEX,
    "/v1/models/clicks:predict": "/v1/models/<name>:predict",
    "/v1/models/clicks/versions/by-hand:predict": "/v1/models/<name>/versions/<version>:predict",
}
"""Where the short way leads, and by which rules Flask would know those paths."""

OTHERS = ["/predict/", "/v1/models/other:predict", "/v1/models/clicks/versions/1:predict", "/v1/models/clicks:predict/"]


@pytest.fixture(scope="module")
def app(predictor):
    return create_app(SETTINGS, predictor=predictor)


@pytest.fixture(scope="module")
def through_flask(predictor):
    """An application without the short way."""
    app = create_app(SETTINGS, predictor=predictor)
    assert isinstance(app.wsgi_app.application, Shortcut)
    app.wsgi_app.application = app.wsgi_app.application._application
    return app


def ask(app, method, path, body, headers):
    """Status, headers and body of an answer, as the server gets them."""
    builder = EnvironBuilder(path, method=method, data=body, headers={"Content-Type": "application/json", **headers})
    parts, status, headers = run_wsgi_app(app, builder.get_environ())
    return status, headers.to_wsgi_list(), b"".join(parts)


def assert_same(app, through_flask, method, path, body, headers):
    headers = {"X-Request-ID": "one-and-the-same", **headers}
    short, long = (ask(each, method, path, body, headers) for each in (app, through_flask))
    assert short == long, (method, path, body, headers)


def test_both_ways_give_the_same_answer(app, through_flask):
    for body, headers in product(BODIES.values(), HEADERS):
        assert_same(app, through_flask, "POST", "/predict", body, headers)


@pytest.mark.parametrize("path", ["/predict", "/invocations", VERTEX, "/v1/models/clicks:predict"])
def test_both_ways_give_the_same_answer_to_arrow(app, through_flask, path):
    for body, headers in product(STREAMS.values(), [*ACCEPTED, {"Content-Encoding": "gzip"}]):
        assert_same(app, through_flask, "POST", path, body, {"Content-Type": ARROW, **headers})


@pytest.mark.parametrize("path", [*ROUTES, *OTHERS])
def test_both_ways_give_the_same_answer_at_every_path(app, through_flask, path):
    assert_same(app, through_flask, "GET", path, BODIES["one row"], {})
    for body in BODIES.values():
        assert_same(app, through_flask, "POST", path, body, {})
    for headers in HEADERS:
        assert_same(app, through_flask, "POST", path, BODIES["one row"], headers)


class Seen:
    """An observer that keeps what is known of a request at its end."""

    def __init__(self):
        self.calls = []

    def answered(self, call):
        self.calls.append((call.route, call.status, call.model, call.version, call.rows))


@pytest.mark.parametrize(("path", "route"), ROUTES.items())
def test_both_ways_are_known_by_the_same_route(app, through_flask, path, route, monkeypatch):
    for each in (app, through_flask):
        seen = Seen()
        monkeypatch.setattr(each.wsgi_app, "_observers", (seen,))
        ask(each, "POST", path, BODIES["rows"], {})
        assert seen.calls == [(route, 200, "clicks", "by-hand", 40)]


@pytest.fixture
def without_flask(app, monkeypatch):
    """The application, where whatever comes to Flask is a failure."""
    monkeypatch.setattr(app.wsgi_app.application, "_application", Response("it came to Flask", status=500))
    return app


def test_a_valid_request_never_comes_to_flask(without_flask):
    accepted = [None, "*/*", "application/json", "application/json, text/plain, */*"]
    kinds = ["application/json", "application/json; charset=utf-8"]
    for path, body, kind, accept in product(ROUTES, ["one row", "rows"], kinds, accepted):
        headers = {"Content-Type": kind} if accept is None else {"Content-Type": kind, "Accept": accept}
        status, *_ = ask(without_flask, "POST", path, BODIES[body], headers)
        assert status == "200 OK", (path, body, headers)


def test_valid_arrow_never_comes_to_flask(without_flask):
    for accepted in ACCEPTED[:3]:
        status, headers, _ = ask(without_flask, "POST", "/predict", VALID, {"Content-Type": ARROW, **accepted})
        assert (status, dict(headers).get("Andon-Version")) == ("200 OK", "by-hand"), accepted


@pytest.mark.parametrize("length", [0, 10])
def test_a_body_that_breaks_off_is_400(client, length):
    body = BODIES["one row"].encode()
    environ = {"wsgi.input": io.BytesIO(body[:length]), "CONTENT_LENGTH": str(len(body))}
    response = client.post("/predict", content_type="application/json", environ_overrides=environ)
    assert response.status_code == 400


def test_without_a_model_it_is_503(tmp_path, live_app):
    client = live_app(Settings(store=tmp_path / "none")).test_client()
    assert client.post("/predict", data=BODIES["one row"], content_type="application/json").status_code == 503
