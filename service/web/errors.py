"""The one table from error to status, and every error as problem details (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from service.errors import AndonError, InvalidRequest, MalformedRequest, NoModel, TooManyRows, UnsupportedRequest

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


def init_app(app: Flask) -> None:
    """Make every error of the application a problem document."""
    app.register_error_handler(AndonError, answer)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def answer(error: AndonError, **more: object) -> Response:
    """The problem document of an error that Andon raised, with ``more`` in it."""
    status = STATUSES.get(type(error))
    if status is None:
        return _unknown(error)
    if isinstance(error, InvalidRequest):
        return _invalid(error, status)
    response = _problem(status, str(error), **more)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _invalid(error: InvalidRequest, status: HTTPStatus) -> Response:
    listed = [
        {"path": problem.path, "expected": problem.expected, "found": problem.found}
        for problem in error.problems[:MAX_LISTED]
    ]
    count = len(error.problems)
    detail = f"{count} {'value is' if count == 1 else 'values are'} not what the model expects"
    if count > MAX_LISTED:
        detail += f"; the first {MAX_LISTED} are listed"
    return _problem(status, detail, errors=listed)


def _http(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < 400:
        return error  # a redirect is no problem
    response = _problem(HTTPStatus(error.code), error.description or "")
    for name, value in error.get_response(request.environ).headers.items():
        if name in KEPT_HEADERS:
            response.headers[name] = value
    return response


def _unknown(error: Exception) -> Response:
    logger.exception("%s %s failed", request.method, request.path, exc_info=error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; its log says how")


def _problem(status: HTTPStatus, detail: str, **more: object) -> Response:
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, **more}
    return Response(orjson.dumps(document), status=status.value, mimetype="application/problem+json")
