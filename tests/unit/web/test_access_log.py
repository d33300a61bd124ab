"""A line for each request: what it was and how it was answered, and nothing that was sent in it."""

import json
import os
import threading
from itertools import product

import pytest

from service.config import Settings
from service.web import access_log, close, create_app
from service.web.access_log import AccessLog
from service.web.calls import Call

ROW = {"user": "s3cret-user", "hour": 7}


@pytest.fixture
def pipe():
    """Both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def logged(app, pipe, monkeypatch):
    """``logged()``: closes the application's log and gives its lines."""
    log = AccessLog(as_json=True, file=pipe[1])
    monkeypatch.setattr(app.wsgi_app, "_observers", (log,))

    def lines():
        log.close()
        return [json.loads(line) for line in os.read(pipe[0], 65_536).decode().splitlines()]

    yield lines
    log.close()


def test_a_request_is_a_line_that_says_how_it_was_answered(client, logged):
    sent = {"X-Request-ID": "abc", "Authorization": "Bearer s3cret-token"}
    answer = client.post("/predict?key=s3cret-query", json={"instances": [ROW] * 3}, headers=sent)
    (line,) = logged()
    assert line.pop("time").endswith("Z")
    assert 0 < line.pop("milliseconds") < 60_000
    assert line == {
        "level": "info",
        "logger": "service.access",
        "pid": os.getpid(),
        "message": "request",
        "request_id": "abc",
        "method": "POST",
        "route": "/predict",
        "path": "/predict",
        "status": 200,
        "rows": 3,
        "bytes": len(answer.data),
        "model": "clicks",
        "version": "by-hand",
    }


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "route"),
    [
        ("GET", "/health", {}, 200, "/health"),
        ("POST", "/predict", {"json": {"instances": [{"user": 7}]}}, 422, "/predict"),
        ("POST", "/predict", {"data": b"user,hour\ns3cret,7\n", "content_type": "text/csv"}, 200, "/predict"),
        ("GET", "/nowhere/s3", {"query_string": {"user": "s3cret"}}, 404, "unmatched"),
    ],
)
def test_every_request_is_logged_whichever_way_it_took(client, logged, method, path, options, status, route):
    answer = client.open(path, method=method, **options)
    (line,) = logged()
    assert (line["method"], line["path"], line["route"], line["status"]) == (method, path, route, status)
    assert (line["bytes"], line["request_id"]) == (len(answer.data), answer.headers["X-Request-ID"])
    assert "s3cret" not in json.dumps(line)


def test_the_trace_that_a_request_belongs_to_is_named(client, logged):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    client.get("/health", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "X-Request-ID": "abc"})
    (line,) = logged()
    assert (line["request_id"], line["trace_id"]) == ("abc", trace)


PATHS = ["/a\nb", '/a"}\r\n{"level":"info"', "/\x1b[31m", "/\x9b\x85", "/Zürich 机场", "/\u2028", "/" + "x" * 5_000]


def test_no_path_forges_a_line():
    for path, as_json in product(PATHS, [True, False]):
        call = Call({"REQUEST_METHOD": "GET", "PATH_INFO": path.encode().decode("latin-1")})
        facts = access_log.facts(call, 1.5)
        line = (access_log.as_json_line if as_json else access_log.as_text_line)(facts)
        assert line.endswith("\n"), (path[:30], as_json)
        assert line[:-1].isprintable(), (path[:30], as_json)
        assert len(line.encode()) < 4_096, (path[:30], as_json)
        if as_json:
            assert json.loads(line)["path"].startswith(path[:500]), path[:30]


def test_a_path_of_bytes_that_are_no_text_is_logged_all_the_same():
    line = access_log.as_json_line(access_log.facts(Call({"PATH_INFO": "/\xff\xfe"}), 1.5))
    assert json.loads(line)["path"] == "/\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


def test_as_text_a_request_is_a_line_like_the_others():
    call = Call({"REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "HTTP_X_REQUEST_ID": "abc"})
    call.status, call.rows, call.seconds, call.headers = 200, 3, 0.0015, [("Content-Length", "131")]
    line = access_log.as_text_line(access_log.facts(call, 1.5))
    start = f"] [{os.getpid()}] [INFO] service.access: "
    assert line.endswith(f"{start}POST /predict 200 131 B 1.5 ms 3 rows (request abc)\n")
    assert ",500]" in line


def test_whoever_does_not_read_the_log_delays_no_request_and_learns_what_is_missing(pipe, monkeypatch):
    monkeypatch.setattr(access_log, "MOST_WAITING", 20_000)
    log = AccessLog(as_json=True, file=pipe[1])
    log.start()
    read = []
    call = Call({"REQUEST_METHOD": "GET", "PATH_INFO": "/" + "x" * 400})
    sent = 0
    while not log.dropped:  # the pipe is full, and the backlog too
        log.answered(call)
        sent += 1
        assert sent < 10_000
    for _ in range(9):
        log.answered(call)
    expected = log.dropped

    def drain():
        while part := os.read(pipe[0], 65_536):
            read.append(part)
            if b"were not logged" in part:
                return

    reader = threading.Thread(target=drain)
    reader.start()
    log.close()
    log.answered(call)
    log.close()
    reader.join(20)
    lines = [json.loads(line) for line in b"".join(read).splitlines()]
    remarks = [line["message"] for line in lines if line["level"] == "warning"]
    assert remarks == [f"{expected} requests were not logged: they came faster than the log is read"]


def test_a_log_that_can_not_be_written_counts_and_raises_nothing():
    with open("/dev/full", "wb", buffering=0) as full:
        log = AccessLog(as_json=True, file=full.fileno())
        for _ in range(50):
            log.answered(Call({}))
        log.close()
    assert log.dropped == 50


def test_requests_are_logged_where_it_was_asked_for(predictor, capfd):
    app = create_app(Settings(access_log=True, log_format="json"), predictor=predictor)
    quiet = create_app(Settings(), predictor=predictor)
    assert app.test_client().get("/health").status_code == 200
    assert quiet.test_client().get("/health").status_code == 200
    close(app)
    close(quiet)
    (line,) = capfd.readouterr().err.splitlines()
    assert json.loads(line)["route"] == "/health"
