"""One request, as those see it who count, log or guard it: what is known of it grows on its way through the service."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any

KEY = "andon.call"
"""Where a request's WSGI environment holds its :class:`Call`."""

UNMATCHED = "unmatched"
"""The route of a request whose path is none that the service has."""

_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-[0-9a-f]{2}")


class Call:
    """One request.

    Attributes:
        id: its ``X-Request-ID``, else the trace of its ``traceparent``, else one of our own; never a text that a log
            could take for anything else.
        trace, span: those of its ``traceparent``; ``None`` without a valid one.
        route: the rule that its path matched, not the path: there are few of them, whatever is sent.
        model, version: what answers; ``None`` until a predictor was taken.
        rows: how many rows were predicted.
        status: of the answer, as a number; 500 until it is known.
        headers: of the answer; none until they are known.
        started, seconds: a monotonic clock's time at the beginning, and how long the answer took to make.
    """

    __slots__ = (
        *("environ", "headers", "id", "model", "route", "rows"),
        *("seconds", "span", "started", "status", "trace", "version"),
    )

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.trace: str | None = None
        self.span: str | None = None
        parent = environ.get("HTTP_TRACEPARENT")
        if parent is not None and (match := _TRACEPARENT.fullmatch(parent)):
            self.trace, self.span = match["trace"], match["span"]
        given = environ.get("HTTP_X_REQUEST_ID")
        if given is not None and _ID.fullmatch(given):
            self.id = given
        else:
            self.id = self.trace or _new_id()
        self.route = UNMATCHED
        self.model: str | None = None
        self.version: str | None = None
        self.rows = 0
        self.status = 500
        self.headers: Sequence[tuple[str, str]] = ()
        self.started = time.perf_counter()
        self.seconds = 0.0


def call_of(environ: dict[str, Any]) -> Call:
    """The call of a request; a new one where none was begun, as in an application without its front."""
    call = environ.get(KEY)
    if call is None:
        call = environ[KEY] = Call(environ)
    return call


CURRENT: ContextVar[Call | None] = ContextVar("andon.call", default=None)
"""The call that this thread or greenlet answers now, for what is logged meanwhile."""


class _Ids:
    """Ids that differ between processes and machines by their beginning, and within one by their end."""

    def __init__(self) -> None:
        self.pid = 0
        self.prefix = ""
        self.numbers = count()

    def __call__(self) -> str:
        pid = os.getpid()
        if pid != self.pid:  # the first one here, be it in the child of a fork
            self.pid, self.prefix, self.numbers = pid, os.urandom(10).hex(), count()
        return f"{self.prefix}{next(self.numbers):012x}"


_new_id = _Ids()
