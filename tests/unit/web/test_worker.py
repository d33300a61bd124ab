"""The worker's parts: what it holds back goes out in order, and what it reads is the body and no more."""

import pytest
from gunicorn.http.body import LengthReader
from gunicorn.http.unreader import Unreader

from service.web.worker import HELD_BYTES, _Held, _StatedBody


class Socket:
    """A socket that remembers what was done with it."""

    def __init__(self):
        self.done = []

    def sendall(self, data):
        self.done.append(data)

    def close(self):
        self.done.append("close")


def test_two_parts_go_out_together():
    socket = Socket()
    held = _Held(socket)
    held.sendall(b"head")
    assert socket.done == []
    held.sendall(b"body")
    held.flush()
    assert socket.done == [b"headbody"]


def test_what_was_held_back_goes_out_before_anything_else_is_done():
    socket = Socket()
    held = _Held(socket)
    held.sendall(b"head")
    held.close()
    assert socket.done == [b"head", "close"]


def test_every_byte_goes_out_in_order():
    socket = Socket()
    held = _Held(socket)
    parts = [b"a", b"b" * (HELD_BYTES + 1), b"c" * (HELD_BYTES + 1), b"d", b"", b"e", b"f"]
    for part in parts:
        held.sendall(part)
    held.flush()
    assert b"".join(socket.done) == b"".join(parts)


class Source(Unreader):
    """What comes over a connection, in pieces of some size."""

    def __init__(self, data, step):
        super().__init__()
        self.data, self.step = data, step

    def chunk(self, size_hint=None):
        size = min(self.step, max(size_hint or 0, 8))
        piece, self.data = self.data[:size], self.data[size:]
        return piece


DATA = bytes(range(100))


@pytest.mark.parametrize("step", [1, 7, 99, 1_000])
@pytest.mark.parametrize("before", [0, 1, 99, 100, 110])
def test_a_body_ends_where_its_length_says_and_the_next_request_is_kept(step, before):
    source = Source((DATA + b"the next request")[before:], step)
    source.unread((DATA + b"the next request")[:before])
    body = _StatedBody(LengthReader(source, len(DATA)))
    assert body.read(len(DATA)) == DATA
    assert body.read() == b""
    assert source.read(16) == b"the next request"


@pytest.mark.parametrize("sizes", [[1, 99], [50, 50, 1], [100], [None], [99, None], [0, 200]])
def test_it_may_be_read_in_any_pieces(sizes):
    body = _StatedBody(LengthReader(Source(DATA, 30), len(DATA)))
    assert b"".join(body.read(size) for size in sizes) == DATA


def test_a_body_that_breaks_off_is_what_there_was():
    assert _StatedBody(LengthReader(Source(DATA[:50], 30), 100)).read(100) == DATA[:50]


def test_after_an_error_the_connection_is_not_used_again():
    class Broken(Source):
        def chunk(self, size_hint=None):
            raise OSError

    body = _StatedBody(LengthReader(Broken(b"", 1), 100))
    with pytest.raises(OSError):
        body.read(100)
    assert body.failed
