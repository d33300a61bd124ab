"""gunicorn's gevent worker, made fair between connections and between workers, and cheaper by what need not be done.

What is different, and what each is worth, is in ``docs/decisions/0004-worker.md``:

* After each request the next connection has its turn. gunicorn's goes on with the one whose next request has come
  already, and beside a few fast clients the others wait.
* Of a body that was refused, little is read. gunicorn's reads all of it, and meanwhile all others wait.
* A worker with few connections accepts the next (``turns``). gunicorn's accept without regard to each other.
* Connections that wait when a worker ends are answered. gunicorn's last worker resets them.
* gunicorn's settings are looked up once, not some forty times a request; where its errors go, once a worker; and the
  ``Date`` is made once a second.
* What is read and written is ``sockets``' and ``wire``'s: fewer system calls and copies, no head parsed twice. What the
  application gets and gives is made by ``replies``, with what is the same made once.
* A request that does not arrive in its time is ended, as is a handshake, and an answer of which nothing is taken.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import cache, partial
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.server import StreamServer  # type: ignore[import-untyped]
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import wsgi  # type: ignore[import-untyped]
from gunicorn.http.body import Body, ChunkedReader, LengthReader  # type: ignore[import-untyped]
from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

from service.web.replies import Environs, create
from service.web.sockets import Arriving, Held
from service.web.turns import Turn
from service.web.wire import Dates, Heads, Parser, Request, StatedBody

AGAIN_SECONDS = 0.001
"""A worker whose turn it is not looks again after so long, if the connection still waits then."""

UNREAD_BYTES = 2**16
"""Of a body that was refused, no more than this is read to come to the next request; else the connection is closed."""


class FairWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of gunicorn's, by the name that its setting ``worker_class`` takes.

    Attributes:
        turn: its place among the workers, which the master gives it before the fork; without one it accepts whenever
            it can.
        request_seconds: how long a request may take to arrive, and the handshake before the first; and how long a
            client may take nothing of its answer.
    """

    turn: Turn | None = None
    request_seconds: float = 30.0

    def init_process(self) -> None:
        """Begin to serve. A setting that is an attribute by itself is not computed by the configuration again."""
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        self.heads = Heads()
        util.http_date = Dates(util.http_date)
        wsgi.WSGIErrorsWrapper = cache(wsgi.WSGIErrorsWrapper)
        wsgi.create = partial(create, wsgi.create, Environs())
        super().init_process()

    def server_class(self, listener: Any, *, spawn: Any, **given: Any) -> StreamServer:
        """What accepts the connections of one listening socket; gunicorn asks for it, and expects a class."""
        tls = {"ssl_context": given["ssl_context"]} if "ssl_context" in given else {}
        server = _Server(listener, handle=partial(self.handle, _Address(listener)), spawn=spawn, **tls)
        server.turn, server.handshake_seconds = self.turn, self.request_seconds
        if self.cfg.workers > 1:
            server.max_accept = 1
        return server

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Answer what comes over a connection, while it comes in time."""
        super().handle(listener, Arriving(client, self.request_seconds), addr)

    def _try_h2c_upgrade(self, listener: Any, req: Any, parser: Any, client: Any, addr: Any) -> bool:
        """gunicorn's, which it asks behind each request's head: the one place where the connection's parser is seen."""
        if type(parser) is RequestParser:
            parser.__class__ = Parser  # an attribute that knows the parser would keep it until a garbage collection
            parser.mesg_class = partial(Request, self.heads)
        upgraded: bool = super()._try_h2c_upgrade(listener, req, parser, client, addr)
        return upgraded

    def handle_request(self, listener_name: Any, req: Any, sock: Arriving, addr: Any) -> None:
        """Answer one request, and let the other connections have their turn."""
        if type(req.body) is Body and type(req.body.reader) is LengthReader:
            req.body = StatedBody(req.body.reader)
        answer = Held(sock.inner, self.request_seconds)
        try:
            super().handle_request(listener_name, req, answer, addr)
        finally:
            answer.flush()
            sock.answered()
        if _is_unread(req.body.reader):
            raise StopIteration  # gunicorn's way to close: it would read to the end, and let no one else have a turn
        gevent.sleep(0)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse what is not even HTTP. A transfer coding that there is not is the client's fault too, and no 501."""
        if isinstance(exc, UnsupportedTransferCoding):
            exc = InvalidHeader("TRANSFER-ENCODING")
        super().handle_error(req, client, addr, exc)


def _is_unread(reader: Any) -> bool:
    """Whether much of a body is left behind its request, or nobody knows how much."""
    if isinstance(reader, LengthReader):
        left: int = reader.length
        return left > UNREAD_BYTES
    return isinstance(reader, ChunkedReader) and reader.parser is not None


class _Address:
    """What gunicorn asks a listening socket for at each connection's beginning, when that may be closed already."""

    def __init__(self, listener: Any) -> None:
        self._name = listener.getsockname()

    def getsockname(self) -> Any:
        return self._name


class _Server(StreamServer):  # type: ignore[misc]
    """gevent's server, which leaves a connection to another worker while that has fewer."""

    turn: Turn | None = None
    handshake_seconds: float = 30.0

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """gevent's, but that a client that can't or won't secure its connection is no error of ours."""
        try:
            with gevent.Timeout(self.handshake_seconds):
                secured = self.wrap_socket(client_socket, **self.ssl_args)
        except (OSError, gevent.Timeout):
            return
        with secured:
            self.handle(secured, address)

    def start_accepting(self) -> None:
        if self.turn:
            self.turn.come()
        super().start_accepting()

    def close(self) -> None:
        """Accept no more, but for the connections that wait already: with the last listener the kernel resets those."""
        with suppress(OSError):  # where the listener itself has failed, nobody waits
            while self.started and not self.full() and (connection := self.do_read()):
                self.do_handle(*connection)
        if self.turn:
            self.turn.leave()
        super().close()

    def do_handle(self, *connection: Any) -> None:
        if self.turn:
            self.turn.opened()
        super().do_handle(*connection)

    def do_close(self, *connection: Any) -> None:
        if self.turn:
            self.turn.closed()
        super().do_close(*connection)

    def _do_read(self) -> None:
        """A connection waits. gevent's loop calls it once in each round, which is long where requests are."""
        if self.turn is None:
            super()._do_read()
        elif self.turn.is_mine(time.monotonic()):
            super()._do_read()
            if self.turn.has_fewest:  # a second one, but no more: the others' counts may be just about to change
                super()._do_read()
        else:
            self.stop_accepting()  # the connection that waits would wake the loop again at once
            self._timer = self.loop.timer(AGAIN_SECONDS)
            self._timer.start(self._start_accepting_if_started)
