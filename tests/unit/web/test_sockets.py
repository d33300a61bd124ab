"""What goes out goes out in order, and not for ever."""

import pytest

from service.web import sockets
from service.web.sockets import HELD_BYTES, Held


class Socket:
    """A socket that remembers what was done with it, and for how long it would have waited.

    Args:
        most: bytes that it takes at once.
        parts: so many of these, and nothing after.
    """

    def __init__(self, most=None, parts=None):
        self.done, self.most, self.parts = [], most, parts
        self.timeout, self.timeouts, self.waits = None, set(), 0

    def settimeout(self, seconds):
        self.timeout = seconds

    def send(self, data):
        self.timeouts.add(self.timeout)
        if self.parts == len(self.done):
            self.waits += 1
            raise TimeoutError("timed out")
        self.done.append(bytes(data[: self.most]))
        return len(self.done[-1])

    def close(self):
        self.done.append("close")


def test_two_parts_go_out_together():
    socket = Socket()
    held = Held(socket, 9.0)
    held.sendall(b"head")
    assert socket.done == []
    held.sendall(b"body")
    held.flush()
    assert socket.done == [b"headbody"]


def test_what_a_socket_does_not_take_at_once_is_sent_behind():
    socket = Socket(most=5)
    held = Held(socket, 9.0)
    held.sendall(b"head and body")
    held.flush()
    assert socket.done == [b"head ", b"and b", b"ody"]
    assert (socket.timeouts, socket.timeout) == ({4.5}, None)


@pytest.mark.parametrize(
    ("parts", "untaken", "waits"), [(0, [7, 7], 2), (1, [7, 7], 2), (0, [9, 8, 7, 7], 4), (0, [9, 8, 9], 3)]
)
def test_a_client_that_takes_nothing_more_has_gone_and_a_slow_one_has_not(monkeypatch, parts, untaken, waits):
    left = iter(untaken)
    monkeypatch.setattr(sockets, "_untaken", lambda _: next(left))
    socket = Socket(most=5, parts=parts)
    held = Held(socket, 9.0)
    with pytest.raises(BrokenPipeError):
        held.sendall(b"x" * (HELD_BYTES + 1))
    assert (len(socket.done), socket.waits, socket.timeout) == (parts, waits, None)


def test_what_was_held_back_goes_out_before_anything_else_is_done():
    socket = Socket()
    held = Held(socket, 9.0)
    held.sendall(b"head")
    held.close()
    assert socket.done == [b"head", "close"]


def test_every_byte_goes_out_in_order():
    socket = Socket()
    held = Held(socket, 9.0)
    parts = [b"a", b"b" * (HELD_BYTES + 1), b"c" * (HELD_BYTES + 1), b"d", b"", b"e", b"f"]
    for part in parts:
        held.sendall(part)
    held.flush()
    assert b"".join(socket.done) == b"".join(parts)
