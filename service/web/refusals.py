"""What gunicorn refuses before any of ours sees it, as a problem document and with none of what the client sent.

Its own page is HTML, and repeats the line that it could not read, a feature's value or a token in a query perhaps.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]

from service.web.errors import Failure, problem_document

DETAILS = {
    HTTPStatus.BAD_REQUEST: "this is not a valid request of HTTP/1.1",
    HTTPStatus.FORBIDDEN: "this is not allowed",
    HTTPStatus.REQUEST_URI_TOO_LONG: "the request line is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "there are too many headers, or one of them is too long",
    HTTPStatus.EXPECTATION_FAILED: "a request can expect 100-continue only",
    HTTPStatus.INTERNAL_SERVER_ERROR: "the service failed; its log says how",
}


def replace_pages() -> None:
    """Have every worker of this process and of those forked from it answer so; gunicorn asks no class of ours."""
    util.write_error = write_problem


def write_problem(sock: Any, status: int, reason: str, message: str) -> None:
    """Refuse in place of ``gunicorn.util.write_error``: ``reason`` and ``message`` are for its page."""
    code = HTTPStatus(status)
    response = problem_document(Failure(status=code, detail=DETAILS.get(code, code.description)))
    body = response.get_data()
    head = (
        f"HTTP/1.1 {status} {code.phrase}\r\nConnection: close\r\nContent-Type: {response.content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode() + body)
