"""What a worker makes of a request for the application, and of its answer for the client, without what is the same.

gunicorn makes the WSGI environment of each request from its head, and looks at each header of its answer as if it had
never seen one like it. Both take longer than a prediction, and on a kept connection give the same again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from gunicorn.http import wsgi  # type: ignore[import-untyped]

PLAIN = frozenset({"Content-Type", "X-Request-ID", "Andon-Model", "Andon-Version"})
"""Headers of answers that mean nothing to the connection, in the words that they always have; there are others."""

_OF_A_REQUEST = ("wsgi.input", "gunicorn.socket")


class Reply(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, which goes out in one piece where it is in one piece."""

    status: str | None
    headers_sent: bool

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        """See PEP 3333."""
        code = _with_body(status)
        if code is None or exc_info or self.status is not None or self.req.method == "HEAD":
            write: Callable[..., None] = super().start_response(status, headers, exc_info)
            return write
        self.status, self.status_code = status, code
        self.process_headers(headers)
        self.chunked = self.is_chunked()
        return self.write

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """Look at each, and keep what goes out."""
        for header in headers:
            name, value = header
            if type(value) is not str:
                super().process_headers([header])
            elif name in PLAIN and wsgi.HEADER_VALUE_RE.fullmatch(value) and value.strip(" \t") == value:
                self.headers.append(header)
            elif name == "Content-Length" and value.isascii() and value.isdigit():
                self.response_length = int(value)
                self.headers.append(header)
            else:
                super().process_headers([header])

    def write(self, arg: bytes) -> None:
        """Send a part of the body, with the head before the first one."""
        if self.headers_sent or self._omits_body or type(arg) is not bytes or len(arg) != self.response_length:
            super().write(arg)
            return
        lines = [*self.default_headers(), *[f"{name}: {value}\r\n" for name, value in self.headers], "\r\n"]
        self.headers_sent, self.sent = True, len(arg)
        self.sock.sendall("".join(lines).encode("latin-1") + arg)


@lru_cache(maxsize=64)
def _with_body(status: str) -> int | None:
    """The number of a status whose answers have a body, if it is an ordinary one."""
    code = int(status[:3]) if type(status) is str and wsgi.STATUS_RE.fullmatch(status) else 0
    return code if code >= HTTPStatus.OK and code not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) else None


class Environ:
    """The WSGI environment of a connection's latest request, for the next one that has the same head."""

    __slots__ = ("_head", "_same")

    def __init__(self) -> None:
        self._head: tuple[Any, ...] | None = None
        self._same: dict[str, Any] = {}

    def of(self, head: tuple[Any, ...], req: Any, sock: Any) -> dict[str, Any] | None:
        """That of a request with this head, given as in ``wire.Request``; ``None``: none of its like is known."""
        known = self._head
        if known is None or known[0] is not head[0] or known[1] is not head[1]:
            return None
        environ = self._same.copy()
        environ["wsgi.input"] = req.body
        environ["gunicorn.socket"] = sock
        return environ

    def keep(self, head: tuple[Any, ...], environ: dict[str, Any]) -> None:
        """That of a request with this head, before the application has it."""
        self._same = {name: value for name, value in environ.items() if name not in _OF_A_REQUEST}
        self._head = head


def create(make: Callable[..., Any], req: Any, sock: Any, *given: Any, **more: Any) -> tuple[Any, dict[str, Any]]:
    """A response and an environment, in place of ``gunicorn.http.wsgi.create``; none of ours sends early hints.

    Args:
        make: gunicorn's own.
        given, more: what it takes beside the request and the socket.
    """
    if more:  # another protocol has a response of its own
        made: tuple[Any, dict[str, Any]] = make(req, sock, *given, **more)
        return made
    head = getattr(req, "head", None)
    environ = None if head is None else req.latest.of(head, req, sock)
    if environ is not None:
        return Reply(req, sock, given[-1]), environ
    reply, environ = make(req, sock, *given, response_class=Reply)
    environ.pop("wsgi.early_hints", None)
    if head is not None and not req._expected_100_continue:
        req.latest.keep(head, environ)
    return reply, environ
