"""What gunicorn refuses before any of ours sees it, as a problem document and with none of what the client sent.

Its own page is HTML, and repeats the line that it could not read, a feature's value or a token in a query perhaps. And
nobody would hear of it: these requests never come to the front, which has an id for each and tells those who count.
"""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]

from service.web.calls import Call
from service.web.errors import Failure, problem_document
from service.web.front import ID_HEADER, Observer, tell

DETAILS = {
    HTTPStatus.BAD_REQUEST: "this is not a valid request of HTTP/1.1",
    HTTPStatus.FORBIDDEN: "this is not allowed",
    HTTPStatus.REQUEST_URI_TOO_LONG: "the request line is too long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "there are too many headers, or one of them is too long",
    HTTPStatus.EXPECTATION_FAILED: "a request can expect 100-continue only",
    HTTPStatus.INTERNAL_SERVER_ERROR: "the service failed; its log says how",
}

UNREAD = {"REQUEST_METHOD": "-", "PATH_INFO": "-"}
"""All that is known of a request that could not be read."""


def replace_pages(observers: Sequence[Observer]) -> None:
    """Have every worker of this process answer so; gunicorn asks no class of ours.

    Args:
        observers: those of the front, told of these requests too.
    """
    util.write_error = partial(write_problem, observers)


def write_problem(observers: Sequence[Observer], sock: Any, status: int, reason: str, message: str) -> None:
    """Refuse in place of ``gunicorn.util.write_error``: ``reason`` and ``message`` are for its page.

    A failure of ours is the front's to tell of, which had the request before. Whom TLS can't be gone on with can be
    told nothing, and has asked nothing.
    """
    if isinstance(sys.exc_info()[1], ssl.SSLError):  # gunicorn calls this while it handles the error
        return
    code = HTTPStatus(status)
    response = problem_document(Failure(status=code, detail=DETAILS.get(code, code.description)))
    body = response.get_data()
    headers = [
        ("Connection", "close"),
        ("Content-Type", response.content_type),
        ("Content-Length", str(len(body))),
    ]
    if code != HTTPStatus.INTERNAL_SERVER_ERROR:
        call = Call(dict(UNREAD))
        headers.append((ID_HEADER, call.id))
        call.status, call.headers = status, headers
        call.seconds = time.perf_counter() - call.started
        tell(observers, call)
    lines = [f"HTTP/1.1 {status} {code.phrase}", *(f"{name}: {value}" for name, value in headers)]
    util.write_nonblock(sock, "\r\n".join([*lines, "", ""]).encode() + body)
