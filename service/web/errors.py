"""The one table from error to status, and every error as problem details (RFC 9457) or as its protocol has it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.errors import (
    AndonError,
    InvalidRequest,
    MalformedRequest,
    NoModel,
    Problem,
    TooManyRows,
    UnsupportedRequest,
)

logger = logging.getLogger(__name__)

STATUSES: dict[type[AndonError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.UNPROCESSABLE_ENTITY,
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    UnsupportedRequest: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooManyRows: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NoModel: HTTPStatus.SERVICE_UNAVAILABLE,
}

MAX_LISTED = 100
"""A request with more wrong values than this is told of the first ones and of how many there are."""

RETRY_AFTER_SECONDS = 5
KEPT_HEADERS = ("Allow", "Retry-After")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a client is told, before a protocol puts it into its own words.

    Attributes:
        detail: for a person. It never holds a feature's value.
        problems: the values that are wrong, in an invalid request.
        headers: that belong to the answer in every protocol.
    """

    status: HTTPStatus
    detail: str
    problems: tuple[Problem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


Renderer: TypeAlias = Callable[[Failure], Response]
Render: TypeAlias = Callable[[Failure, str], Response]
"""The answer to a failure of a request to a path; it needs no request to be at hand, and is a WSGI application."""


def init_app(app: Flask, renderers: Mapping[str, Renderer] | None = None) -> Render:
    """Answer every error of the application, as a problem document if no protocol has another way.

    Args:
        renderers: for the paths of a protocol, by what they begin with, its own way to render a failure.

    Returns:
        The same way to answer, for those who stand in front of the application.
    """
    known = dict(renderers or {})

    def render_for(failure: Failure, path: str) -> Response:
        for prefix, renderer in known.items():
            if path == prefix or path.startswith(prefix + "/"):
                response = renderer(failure)
                break
        else:
            response = problem_document(failure)
        response.headers.update(failure.headers)
        return response

    def render(failure: Failure) -> Response:
        return render_for(failure, request.path)

    def of_http(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400:
            return error  # a redirect is no problem
        headers = {name: value for name, value in error.get_headers(request.environ) if name in KEPT_HEADERS}
        return render(Failure(status=HTTPStatus(error.code), detail=error.description or "", headers=headers))

    app.register_error_handler(AndonError, lambda error: render(failure_of(error)))
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, lambda error: render(_unknown(error)))
    return render_for


def failure_of(error: AndonError) -> Failure:
    """What a client is told of an error that Andon raised."""
    status = STATUSES.get(type(error))
    if status is None:
        return _unknown(error)
    if isinstance(error, InvalidRequest):
        return _invalid(error, status)
    unavailable = status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if unavailable else {}
    return Failure(status=status, detail=str(error), headers=headers)


def problem_document(failure: Failure) -> Response:
    """The failure as RFC 9457 has it."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": failure.status.phrase,
        "status": failure.status.value,
        "detail": failure.detail,
    }
    if failure.problems:
        document["errors"] = [
            {"path": problem.path, "expected": problem.expected, "found": problem.found} for problem in failure.problems
        ]
    body = orjson.dumps(document)
    return Response(body, status=failure.status.value, mimetype="application/problem+json")


def _invalid(error: InvalidRequest, status: HTTPStatus) -> Failure:
    count = len(error.problems)
    least = "at least " if error.more else ""
    detail = f"{least}{count} {'value is' if count == 1 else 'values are'} not what the model expects"
    if count > MAX_LISTED:
        detail += f"; the first {MAX_LISTED} are listed"
    return Failure(status=status, detail=detail, problems=error.problems[:MAX_LISTED])


def _unknown(error: Exception) -> Failure:
    logger.exception("%s %s failed", request.method, request.path, exc_info=error)
    return Failure(status=HTTPStatus.INTERNAL_SERVER_ERROR, detail="the service failed; its log says how")
