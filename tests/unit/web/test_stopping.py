"""A service that is to stop: not ready, and still answering."""

import multiprocessing
import socket
from contextlib import ExitStack

import pytest

from service.config import Settings
from service.web import STOPPING, create_app
from service.web.stopping import Flag, shut

ROW = {"instances": [{"user": "a", "hour": 1}]}


@pytest.fixture(scope="module")
def stopping(predictor):
    """An application with a probe of a platform's, whose flag is raised."""
    app = create_app(Settings(health_route="/up"), predictor=predictor)
    app.extensions[STOPPING].flag.raise_()
    return app.test_client()


def test_whoever_asks_for_readiness_is_told(stopping):
    of_models = ("/v1/models/m", "/v1/models/m/versions/1", "/v2/models/m/ready", "/v2/models/m/versions/1/ready")
    for path in ("/health", "/health/ready", "/ping", "/v2/health/ready", "/up", *of_models):
        response = stopping.get(path)
        assert response.status_code == 503, path
        assert "stopping" in response.text, path
        assert response.headers["Retry-After"], path


def test_all_else_is_answered_as_before(stopping):
    for path in ("/health/live", "/v2/health/live", "/v2", "/", "/metrics", "/v1/models", "/v2/models/clicks"):
        assert stopping.get(path).status_code == 200, path
        assert stopping.post("/predict", json=ROW).status_code == 200, path


def test_without_the_flag_it_is_ready(client):
    assert client.get("/health/ready").status_code == 200


def test_at_a_listener_that_is_shut_nothing_begins_and_what_has_begun_goes_on():
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        waiting = stack.enter_context(socket.create_connection(listener.getsockname()))
        waiting.sendall(b"a request")
        shut(listener)
        late = stack.enter_context(socket.socket())
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
        accepted, _ = listener.accept()
        stack.enter_context(accepted)
        assert accepted.recv(9) == b"a request"
        accepted.sendall(b"an answer")
        assert waiting.recv(9) == b"an answer"


def test_the_flag_is_the_same_in_all_processes():
    flag = Flag()
    assert not flag
    child = multiprocessing.get_context("fork").Process(target=flag.raise_)
    child.start()
    child.join()
    assert flag
