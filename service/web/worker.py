"""gunicorn's gevent worker, made fair between connections, and cheaper by some copies and system calls.

What is different, and what each is worth, is in ``docs/decisions/0004-worker.md``:

* After each request the next connection has its turn. gunicorn's goes on with the one whose next request has come
  already, and beside a few fast clients the others wait.
* An answer's head and body go out together.
* A body of stated length is read into the memory in which it stays.
* gunicorn's settings are looked up once, not some forty times a request.
"""

from __future__ import annotations

from typing import Any

import gevent  # type: ignore[import-untyped]
from gunicorn.http.body import Body, LengthReader  # type: ignore[import-untyped]
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

HELD_BYTES = 2**16
"""A part of an answer that is longer than this goes out as it is."""


class FairWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker of gunicorn's, by the name that its setting ``worker_class`` takes."""

    def init_process(self) -> None:
        """Begin to serve. A setting that is an attribute by itself is not computed by the configuration again."""
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        super().init_process()

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """Answer one request, and let the other connections have their turn."""
        if type(req.body) is Body and type(req.body.reader) is LengthReader:
            req.body = _StatedBody(req.body.reader)
        answer = _Held(sock)
        try:
            super().handle_request(listener_name, req, answer, addr)
        finally:
            answer.flush()
        gevent.sleep(0)


class _Held:
    """A socket that holds the first part of an answer back until the next one comes."""

    __slots__ = ("_held", "_socket")

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._held = b""

    def sendall(self, data: bytes) -> None:
        if not self._held and len(data) <= HELD_BYTES:
            self._held = data
        else:
            held, self._held = self._held, b""
            self._socket.sendall(held + data if held else data)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._socket.sendall(held)

    def __getattr__(self, name: str) -> Any:
        self.flush()  # whatever else is done with a socket comes behind what was sent
        return getattr(self._socket, name)


class _StatedBody(Body):  # type: ignore[misc]
    """A body of stated length. Asked for all of it, it makes one copy where gunicorn's makes six."""

    def read(self, size: int | None = None) -> bytes:
        reader, unreader = self.reader, self.reader.unreader
        if not size or size != reader.length or self.buf.tell():
            data: bytes = super().read(size)
            return data
        parts = [unreader.take_buffered()]
        length = len(parts[0])
        try:
            while length < size:
                parts.append(unreader.chunk(size - length))
                length += len(parts[-1])
                if not parts[-1]:
                    break
        except Exception:
            self.failed = True  # so that the connection is not used again
            raise
        data = b"".join(parts)
        reader.length -= min(length, size)
        if length > size:  # of a short rest, the next request may have come along
            unreader.unread(data[size:])
            data = data[:size]
        return data
