"""A connection's socket as a worker has it for one request: what is read must come in time, and be taken in time."""

from __future__ import annotations

import errno
import time
from fcntl import ioctl
from struct import unpack
from termios import TIOCOUTQ
from typing import Any

HELD_BYTES = 2**16
"""A part of an answer that is longer than this goes out as it is."""


class Held:
    """A socket that holds the first part of an answer back until the next one comes.

    A client that takes nothing of what was sent for ``seconds`` has gone, to gunicorn.
    """

    __slots__ = ("_held", "_seconds", "_socket")

    def __init__(self, socket: Any, seconds: float) -> None:
        self._socket = socket
        self._seconds = seconds
        self._held = b""

    def sendall(self, data: bytes) -> None:
        if not self._held and len(data) <= HELD_BYTES:
            self._held = data
        else:
            held, self._held = self._held, b""
            self._send(held + data if held else data)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._send(held)

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._seconds / 2)
        try:
            sent = self._send_some(data)  # all of it, nearly always, and then for less than ``sendall``
            while sent < len(data):
                sent += self._send_some(memoryview(data)[sent:])
        finally:
            self._socket.settimeout(None)

    def _send_some(self, data: bytes | memoryview) -> int:
        """Send what there is room for. It comes in large pieces, so that there is none may be due to a slow client."""
        untaken: int | None = None
        while True:
            try:
                sent: int = self._socket.send(data)
                return sent
            except TimeoutError:
                before, untaken = untaken, _untaken(self._socket)
                if before is not None and untaken >= before:
                    raise BrokenPipeError(errno.EPIPE, "nobody takes the answer") from None

    def __getattr__(self, name: str) -> Any:
        self.flush()  # whatever else is done with a socket comes behind what was sent
        return getattr(self._socket, name)


def _untaken(socket: Any) -> int:
    """Bytes that were sent and that the client's machine has not acknowledged."""
    count: int = unpack("i", ioctl(socket.fileno(), TIOCOUTQ, bytes(4)))[0]
    return count


class Late(TimeoutError):
    """A request did not arrive in its time. To gunicorn it is like a client that went away."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the request did not arrive in time")


class Arriving:
    """A socket from which each request must come within some seconds of its first byte, however slowly it drips.

    The first request of a connection has them from the beginning. How long one may be idle between two requests is
    gunicorn's to see to.
    """

    __slots__ = ("_deadline", "_seconds", "inner")

    def __init__(self, socket: Any, seconds: float) -> None:
        self.inner = socket
        self._seconds = seconds
        self._deadline: float | None = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        """See ``socket.recv``.

        Raises:
            Late: the time is over.
        """
        if self._deadline is None:
            data: bytes = self.inner.recv(size)
            self._deadline = time.monotonic() + self._seconds
            return data
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Late
        self.inner.settimeout(left)
        try:
            data = self.inner.recv(size)
        except TimeoutError:
            raise Late from None
        finally:
            self.inner.settimeout(None)
        return data

    def answered(self) -> None:
        """What comes now is the next request."""
        self._deadline = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
