"""gunicorn's worker of threads, in which a request must arrive in its time, and its answer be taken.

gunicorn's lets a slow client keep a thread for as long as it likes. A thread that waits for a head, or in a handshake,
is woken by the worker's main loop, which looks after its connections once a second; a body has ``sockets.Arriving``.
One that waits for a client to take some of its answer is woken by the system.
"""

from __future__ import annotations

import errno
import socket
import ssl
import struct
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from service.web.sockets import Arriving


def _timeval(seconds: float) -> bytes:
    """What the system takes for so long."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))


class PunctualWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of gunicorn's, by the name that its setting ``worker_class`` takes.

    Attributes:
        request_seconds: how long a request may take to arrive, with the handshake before the first one, from when a
            thread has taken it up; and how long a client may take nothing of its answer.
    """

    request_seconds: float = 30.0

    def init_process(self) -> None:
        """Begin to serve."""
        self._due: dict[TConn, float] = {}
        super().init_process()

    def handle(self, conn: TConn) -> Any:
        """Answer one request, in a thread of the pool: something of it is there, or will be.

        A connection that has come to its end is closed here, for gunicorn's main loop would wait up to two seconds for
        the client to see that, and meanwhile accept none.
        """
        self._due[conn] = time.monotonic() + self.request_seconds
        if not conn.initialized:  # its first request
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self.request_seconds))
        try:
            going_on = super().handle(conn)
        finally:
            self._due.pop(conn, None)
        if not going_on:
            with suppress(OSError):  # TLS has closed it already
                conn.close(graceful=True)
        return going_on

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Back in the main loop: wait for the connection's next request, or forget it, once."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer one request whose head is there."""
        unreader = conn.parser.unreader
        unreader.sock = Arriving(conn.sock, self._due.pop(conn) - time.monotonic())
        try:
            return super().handle_request(req, conn)
        except (BlockingIOError, ssl.SSLWantWriteError) as error:
            # To gunicorn, a client that has gone.
            raise BrokenPipeError(errno.EPIPE, "nobody takes the answer") from error
        finally:
            unreader.sock = conn.sock

    def murder_pending(self) -> None:
        """End what has waited for too long; the main loop calls it."""
        super().murder_pending()
        now = time.monotonic()
        for conn, due in self._due.copy().items():
            if due < now:
                with suppress(OSError):  # the client was faster, or TLS has just taken the socket over
                    # As if nothing more came. Not TLS's own, which would take from its reader what it reads with.
                    socket.socket.shutdown(conn.sock, socket.SHUT_RD)

    def _keepalive_after(self, conn: TConn, keepalive: Any) -> bool:
        """Whether the connection can be used again: not, where nobody knows where the body behind the answer ends."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False
