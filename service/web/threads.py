"""gunicorn's worker of threads, in which a request that does not arrive in its time is ended.

gunicorn's lets a slow client keep a thread for as long as it likes. A thread that waits for a head, or in a handshake,
is woken by the worker's main loop, which looks after its connections once a second; a body has ``wire.Arriving``.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from service.web.wire import Arriving


class PunctualWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of gunicorn's, by the name that its setting ``worker_class`` takes.

    Attributes:
        request_seconds: how long a request may take to arrive, and the first of a connection from its beginning, with
            the handshake.
    """

    request_seconds: float = 30.0

    def init_process(self) -> None:
        """Begin to serve."""
        self._due: dict[TConn, float] = {}
        super().init_process()

    def handle(self, conn: TConn) -> Any:
        """Answer one request, in a thread of the pool: something of it is there, or will be."""
        self._due[conn] = time.monotonic() + self.request_seconds
        try:
            return super().handle(conn)
        finally:
            self._due.pop(conn, None)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer one request whose head is there."""
        unreader = conn.parser.unreader
        unreader.sock = Arriving(conn.sock, self._due.pop(conn) - time.monotonic())
        try:
            return super().handle_request(req, conn)
        finally:
            unreader.sock = conn.sock

    def murder_pending(self) -> None:
        """End what has waited for too long; the main loop calls it."""
        super().murder_pending()
        now = time.monotonic()
        for conn, due in list(self._due.items()):
            if due < now:
                with suppress(OSError):  # the client was faster, or TLS has just taken the socket over
                    # As if nothing more came. Not TLS's own, which would take from its reader what it reads with.
                    socket.socket.shutdown(conn.sock, socket.SHUT_RD)
