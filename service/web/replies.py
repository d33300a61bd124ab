"""What a worker makes of a request for the application, and of its answer for the client, without what is the same.

gunicorn makes the WSGI environment of each request from its head, and looks at each header of its answer as if it had
never seen one like it. Both take longer than a prediction, and give the same again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from gunicorn.http import wsgi  # type: ignore[import-untyped]

from service.web.wire import keep

PLAIN = frozenset({"Content-Type", "X-Request-ID", "Andon-Model", "Andon-Version"})
"""Headers of answers that mean nothing to the connection, in the words that they always have; there are others."""

OF_A_CONNECTION = frozenset({"wsgi.input", "gunicorn.socket", "REMOTE_ADDR", "REMOTE_PORT"})


class Reply(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, which looks at what is always the same in fewer steps."""

    status: str | None

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        """See PEP 3333."""
        write: Callable[..., None] = self.write
        code = _with_body(status)
        if code is None or exc_info or self.status is not None or self.req.method == "HEAD":
            super().start_response(status, headers, exc_info)
        else:
            self.status, self.status_code = status, code
            self.process_headers(headers)
            self.chunked = self.is_chunked()
        return write

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


@lru_cache(maxsize=64)
def _with_body(status: str) -> int | None:
    """The number of a status whose answers have a body, if it is an ordinary one."""
    code = int(status[:3]) if type(status) is str and wsgi.STATUS_RE.fullmatch(status) else 0
    return code if code >= HTTPStatus.OK and code not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) else None


class Environs:
    """WSGI environments by their heads, for the next request of a worker that has the same one.

    Of a head's two parts ``wire`` keeps what was made, and what is kept is the very same object for the same bytes.
    What depends on the connection is not kept.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], tuple[tuple[Any, Any], Any, dict[str, Any]]] = {}

    def of(self, head: tuple[Any, Any], server: Any) -> dict[str, Any] | None:
        """A copy of the one of this head at this address of ours; ``None``: none is known."""
        kept = self._kept.get((id(head[0]), id(head[1])))
        return None if kept is None or kept[1] != server else kept[2].copy()

    def keep(self, head: tuple[Any, Any], server: Any, environ: dict[str, Any]) -> None:
        """That of a request with this head, before the application has it."""
        same = {name: value for name, value in environ.items() if name not in OF_A_CONNECTION}
        keep(self._kept, (id(head[0]), id(head[1])), (head, server, same))  # with the head: its ids stay its own


def create(
    make: Callable[..., Any], environs: Environs, req: Any, sock: Any, client: Any, server: Any, cfg: Any, **more: Any
) -> tuple[Any, dict[str, Any]]:
    """A response and an environment, in place of ``gunicorn.http.wsgi.create``; none of ours sends early hints.

    Args:
        make: gunicorn's own.
        environs: the worker's.
        req, sock, client, server, cfg, more: what that takes.
    """
    if more:  # another protocol has a response of its own
        made: tuple[Any, dict[str, Any]] = make(req, sock, client, server, cfg, **more)
        return made
    head = getattr(req, "head", None) if type(client) is tuple and not req.proxy_protocol_info else None
    environ = None if head is None else environs.of(head, server)
    if environ is not None:
        environ["wsgi.input"], environ["gunicorn.socket"] = req.body, sock
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
        return Reply(req, sock, cfg), environ
    reply, environ = make(req, sock, client, server, cfg, response_class=Reply)
    environ.pop("wsgi.early_hints", None)
    if head is not None and not req._expected_100_continue:
        environs.keep(head, server, environ)
    return reply, environ
