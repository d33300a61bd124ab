"""What gunicorn refuses by itself: a problem document from every kind of worker, without a byte of the request."""

import json
import socket
import ssl
from http.client import HTTPResponse
from types import SimpleNamespace

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from service.web.calls import UNMATCHED
from service.web.refusals import replace_pages
from service.web.threads import PunctualWorker
from service.web.worker import FairWorker

SECRET = "GET /predict?user=SECRET HTTP/9"

REFUSED = {
    "a request line": (errors.InvalidRequestLine(SECRET), 400),
    "a method": (errors.InvalidRequestMethod(SECRET), 400),
    "a version": (errors.InvalidHTTPVersion(SECRET), 400),
    "a header": (errors.InvalidHeader(SECRET), 400),
    "a header's name": (errors.InvalidHeaderName(SECRET), 400),
    "a folded header": (errors.ObsoleteFolding(SECRET), 400),
    "a chunk": (errors.InvalidChunkSize(SECRET.encode()), 400),
    "a long line": (errors.LimitRequestLine(5_000, 4_094), 414),
    "many headers": (errors.LimitRequestHeaders(SECRET), 431),
    "an expectation": (errors.ExpectationFailed(SECRET), 417),
    "a proxy that is not trusted": (errors.ForbiddenProxyRequest("192.0.2.1"), 403),
    "a failure of ours": (KeyError(SECRET), 500),
}


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """Those that an observer is told of; another one always fails."""
    kept = []

    def fail(call):
        raise RuntimeError(call.id)

    monkeypatch.setattr(util, "write_error", util.write_error)
    replace_pages([SimpleNamespace(answered=fail), SimpleNamespace(answered=kept.append)])
    return kept


@pytest.mark.parametrize("worker_class", [FairWorker, ThreadWorker, SyncWorker])
def test_a_refusal_is_a_problem_document_that_repeats_nothing(worker_class, calls, subtests):
    for name, (error, status) in REFUSED.items():
        calls.clear()
        with subtests.test(name):
            assert_repeats_nothing(worker_class, error, status, calls)


def assert_repeats_nothing(worker_class, error, status, calls):
    worker = worker_class.__new__(worker_class)
    worker.cfg = Config()
    worker.log = SimpleNamespace(warning=lambda *_: None, exception=lambda *_: None, debug=lambda *_: None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker.handle_error(None, ours, ("192.0.2.1", 1), error)
        ours.shutdown(socket.SHUT_WR)
        response = HTTPResponse(theirs)
        response.begin()
        body = response.read()
        assert theirs.recv(1) == b""
    assert response.status == status
    assert response.getheader("Content-Type") == "application/problem+json"
    assert response.getheader("Connection") == "close"
    problem = json.loads(body)
    assert (problem["status"], problem["title"]) == (status, response.reason)
    assert problem["detail"]
    assert b"SECRET" not in body
    assert b"192" not in body
    if status == 500:  # the front has told of it
        assert (calls, response.getheader("X-Request-ID")) == ([], None)
    else:
        (call,) = calls
        assert (call.status, call.route, call.environ["PATH_INFO"]) == (status, UNMATCHED, "-")
        assert (response.getheader("X-Request-ID"), dict(call.headers)["Content-Length"]) == (call.id, str(len(body)))
        assert 0 < call.seconds < 60


def test_no_two_refusals_have_the_same_id(calls):
    for _ in range(3):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            util.write_error(ours, 400, "Bad Request", SECRET)
    assert len({call.id for call in calls}) == 3


@pytest.mark.parametrize("worker_class", [FairWorker, PunctualWorker, SyncWorker])
def test_whom_tls_cannot_be_gone_on_with_is_told_nothing_and_has_asked_nothing(worker_class, calls):
    worker = worker_class.__new__(worker_class)
    worker.cfg, worker.log = Config(), SimpleNamespace(warning=lambda *_: None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "http request")
        except ssl.SSLError as error:
            worker.handle_error(None, ours, ("192.0.2.1", 1), error)
        ours.shutdown(socket.SHUT_WR)
        assert (theirs.recv(100), calls) == (b"", [])
