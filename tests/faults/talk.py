"""One exchange over a raw socket, for requests that no client library would send."""

import re
import select
import socket
import time
from dataclasses import dataclass

HOST = "127.0.0.1"
PART = 2**16

HEAD = re.compile(rb"HTTP/1\.[01] (?P<status>\d{3})[^\r\n]*\r\n(?P<headers>(?:[^\r\n]+\r\n)*)\r\n")
LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What came back on one connection.

    Attributes:
        statuses: of all answers, in order.
        closed: whether the service then closed the connection; else it was waited for in vain.
    """

    statuses: tuple[int, ...]
    answer: bytes
    closed: bool
    seconds: float


def connect(port: int, *, seconds: float = 20.0) -> socket.socket:
    """A connection whose small writes go out at once."""
    connection = socket.create_connection((HOST, port), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Whether the service has closed a connection on which no answer is due."""
    if not select.select([connection], [], [], 0)[0]:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def exchange(port: int, data: bytes, *, ends: bool = False, seconds: float = 20.0) -> Exchange:
    """Send it all, reading meanwhile what comes back, until the service closes.

    With ``ends``, the client says at once that it sends no more; else when an answer is there: what was sent is to be
    answered by itself, not only because the client has gone.
    """
    started = time.monotonic()
    answer, rest, closed, open_ = bytearray(), memoryview(data), False, True
    with connect(port, seconds=seconds) as connection:
        connection.setblocking(False)
        while not closed and time.monotonic() - started < seconds:
            ready, writable, _ = select.select([connection], [connection] if rest else [], [], 0.2)
            if writable:
                try:
                    rest = rest[connection.send(rest[: 4 * PART]) :]
                except (BrokenPipeError, ConnectionResetError):
                    rest = memoryview(b"")  # an answer may have come all the same
            if ready:
                try:
                    part = connection.recv(PART)
                except ConnectionResetError:
                    part = b""
                answer += part
                closed = not part
            if open_ and not rest and (ends or statuses_of(answer)):
                open_ = False
                try:
                    connection.shutdown(socket.SHUT_WR)
                except OSError:
                    closed = not ready
    return Exchange(
        statuses=statuses_of(bytes(answer)), answer=bytes(answer), closed=closed, seconds=time.monotonic() - started
    )


def statuses_of(answer: bytes) -> tuple[int, ...]:
    """The status of each complete answer, one behind the other; one that breaks off does not count."""
    found, place = [], 0
    while match := HEAD.match(answer, place):
        status = int(match["status"])
        length = LENGTH.search(match["headers"])
        place = match.end() + (int(length[1]) if length and status >= 200 else 0)
        if place > len(answer):
            break
        found.append(status)
        if length is None and status >= 200:
            break  # it lasts until the connection is closed
    return tuple(found)
