"""Every error is a problem document (RFC 9457) with the status of the one table."""

import logging

import pytest
from werkzeug.exceptions import TooManyRequests
from werkzeug.routing import RequestRedirect

from service import errors
from service.config import Settings
from service.errors import EventsError, InvalidRequest, NoModel, Problem, TooManyRows
from service.web import create_app
from service.web.errors import MAX_LISTED, STATUSES


@pytest.fixture(scope="module")
def app(predictor):
    """An application with a route that raises what it is told to."""
    app = create_app(Settings(), predictor=predictor)

    @app.get("/raise")
    def fail():
        raise app.extensions["raised"]

    return app


def raising(app, error):
    """A client of the application, whose ``/raise`` raises ``error``."""
    app.extensions["raised"] = error
    return app.test_client()


def problem(response):
    assert response.content_type == "application/problem+json"
    document = response.json
    assert (document["type"], document["status"]) == ("about:blank", response.status_code)
    assert document["title"]
    return document


def test_no_model_is_503_with_the_reason_and_when_to_come_back(app):
    response = raising(app, NoModel("the reason")).get("/raise")
    assert response.status_code == 503
    assert problem(response)["detail"] == "the reason"
    assert response.headers["Retry-After"] == "5"


def test_too_many_rows_are_413_and_the_bound_is_said(app):
    response = raising(app, TooManyRows(rows=151, most=150)).get("/raise")
    assert response.status_code == 413
    assert problem(response)["detail"] == "expected at most 150 instances, found 151"


def test_an_invalid_request_lists_each_place(app):
    problems = [Problem(path=f"instances.{i}.user", expected="a string", found="null") for i in range(2)]
    response = raising(app, InvalidRequest(problems)).get("/raise")
    assert response.status_code == 422
    document = problem(response)
    assert document["detail"] == "2 values are not what the model expects"
    assert document["errors"] == [
        {"path": "instances.0.user", "expected": "a string", "found": "null"},
        {"path": "instances.1.user", "expected": "a string", "found": "null"},
    ]


@pytest.mark.parametrize(
    ("count", "detail"),
    [
        (1, "1 value is not what the model expects"),
        (MAX_LISTED, f"{MAX_LISTED} values are not what the model expects"),
        (MAX_LISTED + 1, f"{MAX_LISTED + 1} values are not what the model expects; the first {MAX_LISTED} are listed"),
    ],
)
def test_the_list_of_places_is_bounded_and_their_number_is_said(app, count, detail):
    problems = [Problem(path=str(i), expected="a string", found="null") for i in range(count)]
    document = problem(raising(app, InvalidRequest(problems)).get("/raise"))
    assert document["detail"] == detail
    assert [listed["path"] for listed in document["errors"]] == [str(i) for i in range(min(count, MAX_LISTED))]


@pytest.mark.parametrize("error", [KeyError("a secret"), EventsError(file="a secret", message="a secret")])
def test_what_is_not_expected_is_500_and_only_the_log_says_more(app, caplog, error):
    with caplog.at_level(logging.ERROR, logger="service.web.errors"):
        response = raising(app, error).get("/raise")
    assert response.status_code == 500
    assert problem(response)["detail"] == "the service failed; its log says how"
    assert "secret" not in response.text
    assert "GET /raise failed" in caplog.text
    assert "a secret" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/nowhere", 404, None),
        ("GET", "/predict/", 404, None),
        ("GET", "/predict", 405, {"POST", "OPTIONS"}),
        ("DELETE", "/predict", 405, {"POST", "OPTIONS"}),
        ("POST", "/", 405, {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_path_or_method_is_a_problem_too(client, method, path, status, allowed):
    response = client.open(path, method=method)
    assert response.status_code == status
    assert problem(response)["detail"]
    if allowed:
        assert set(response.headers["Allow"].split(", ")) == allowed


def test_an_http_error_keeps_the_headers_that_a_client_acts_on(app):
    response = raising(app, TooManyRequests(retry_after=7)).get("/raise")
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    problem(response)


def test_a_redirect_is_no_problem(app):
    response = raising(app, RequestRedirect("/health")).get("/raise")
    assert response.status_code == 308
    assert "problem" not in response.content_type


def test_the_table_holds_errors_of_the_tree_and_statuses_that_are_errors():
    assert all(issubclass(error, errors.AndonError) for error in STATUSES)
    assert all(400 <= status < 600 for status in STATUSES.values())


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_of_many_wrong_rows_a_hundred_are_told_and_that_there_may_be_more(predictor, kind):
    client = create_app(Settings(max_rows=1_000), predictor=predictor).test_client()
    line = '{"user": 7, "hour": 1}'
    lines = [line] * 700
    body = "\n".join(lines) if kind.endswith("ndjson") else f'{{"instances": [{",".join(lines)}]}}'
    response = client.post("/predict", data=body, content_type=kind)
    assert response.status_code == 422
    assert "at least" in response.json["detail"]
    assert len(response.json["errors"]) == 100
