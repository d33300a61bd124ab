"""The short way of a request to no path of ours: what scanners and misconfigured clients send, and by the thousand.

By Flask's way such an answer costs several times a prediction, most of it for errors that are raised, caught and
rendered. So that a flood of them takes as little as it can from those who ask for predictions, it is rendered once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map

from service.web.errors import Failure, Render
from service.web.front import Application, StartResponse


class Nowhere:
    """A WSGI application in front of another, which it asks for whatever may be a path of its.

    Surely none is a path with whose first segment no rule begins: it is answered as the other would, with the same
    bytes and headers. None either is one that does not begin with one slash, but for an empty one. To werkzeug,
    ``//metrics`` is ``/metrics``; to the guards before us, who go by the path as it came, it is not.

    Args:
        paths: the rules of the other, which has them all before its first request, as Flask demands. Where one begins
            with a variable, every request goes there.
        render: how the other answers an error at a path that belongs to no protocol.
    """

    def __init__(self, application: Application, paths: Map, render: Render) -> None:
        self._application = application
        self._paths = paths
        response = render(Failure(status=HTTPStatus.NOT_FOUND, detail=str(NotFound.description)), "")
        self._status, self._body = response.status, response.get_data()
        self._headers = response.get_wsgi_headers({}).to_wsgi_list()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"] or "/"
        is_whole = path.startswith("/") and not path.startswith("//")
        if is_whole and (self._firsts is None or _first(path) in self._firsts):
            return self._application(environ, start_response)
        start_response(self._status, self._headers.copy())
        return () if environ["REQUEST_METHOD"] == "HEAD" else (self._body,)

    @cached_property
    def _firsts(self) -> frozenset[str] | None:
        """The first segments of the other's rules; ``None`` where there may be any."""
        firsts = frozenset(_first(rule.rule) for rule in self._paths.iter_rules())
        return None if any("<" in first for first in firsts) else firsts


def _first(path: str) -> str:
    """The first segment: all of ``/predict``, and ``/v2`` of ``/v2/health/live``."""
    end = path.find("/", 1)
    return path if end < 0 else path[:end]
