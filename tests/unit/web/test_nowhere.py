"""What no path of ours is: answered without Flask, as Flask would."""

from itertools import product

import pytest
from flask import Flask
from werkzeug.routing import Map, Rule
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

from service.web import errors
from service.web.nowhere import Nowhere


@pytest.fixture
def flask_saw(app, monkeypatch):
    """The paths that come to Flask."""
    paths, nowhere = [], app.wsgi_app.application._application
    assert isinstance(nowhere, Nowhere)
    flask = nowhere._application

    def watched(environ, start_response):
        paths.append(environ["PATH_INFO"])
        return flask(environ, start_response)

    monkeypatch.setattr(nowhere, "_application", watched)
    return paths


def test_the_answer_is_flask_s_and_flask_is_not_asked(app, flask_saw):
    flask = app.wsgi_app.application._application._application
    paths = ["/nowhere", "/nowhere/", "/.env", "/predictions", "/%c3%bc", "/V1/models"]
    for path, method in product(paths, ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"]):
        builder = EnvironBuilder(path=path, method=method, data=b"{}" if method == "POST" else None)
        short = run_wsgi_app(app.wsgi_app.application, builder.get_environ())
        assert flask_saw == [], (method, path)
        long = run_wsgi_app(flask, builder.get_environ())
        assert flask_saw == [builder.get_environ()["PATH_INFO"]]
        flask_saw.clear()
        assert short[1] == long[1] == "404 NOT FOUND", (method, path)
        assert b"".join(short[0]) == b"".join(long[0]), (method, path)
        assert sorted(short[2].to_wsgi_list()) == sorted(long[2].to_wsgi_list()), (method, path)


def test_what_may_be_a_path_of_ours_comes_to_flask(client, flask_saw):
    paths = ["", "/", "/health", "/health/none", "/v1", "/v2/none", "/predict/", "/docs"]
    for path in paths:
        client.get("/", environ_overrides={"PATH_INFO": path})
    assert flask_saw == paths


def test_a_path_that_does_not_begin_with_one_slash_is_none_of_ours(client, flask_saw):
    for path in ("//", "//health", "///metrics", "metrics", "*", "//nowhere"):
        assert client.get("/", environ_overrides={"PATH_INFO": path}).status_code == 404, path
    assert flask_saw == []


def test_answers_are_independent(client):
    first, second = (client.get("/nowhere") for _ in range(2))
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert len(second.headers.getlist("X-Request-ID")) == 1


def test_a_rule_that_begins_with_a_variable_opens_every_path():
    render = errors.init_app(Flask(__name__))
    for rules, asked in (([Rule("/a")], 404), ([Rule("/a"), Rule("/<name>")], 200)):
        nowhere = Nowhere(Response("here"), Map(rules), render)
        assert Client(nowhere).get("/b").status_code == asked
