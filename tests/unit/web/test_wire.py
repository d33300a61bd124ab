"""What is read is the body and no more, and a head means the same each time."""

import gc
import weakref
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import product
from time import time

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import errors, message
from gunicorn.http.body import LengthReader
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import Unreader

from service.web import wire
from service.web.wire import Dates, Heads, Parser, Request, StatedBody
from service.web.worker import FairWorker


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


def test_a_body_ends_where_its_length_says_and_the_next_request_is_kept():
    for step, before in product([1, 7, 99, 1_000], [0, 1, 99, 100, 110]):
        source = Source((DATA + b"the next request")[before:], step)
        source.unread((DATA + b"the next request")[:before])
        body = StatedBody(LengthReader(source, len(DATA)))
        assert body.read(len(DATA)) == DATA, (step, before)
        assert body.read() == b"", (step, before)
        assert source.read(16) == b"the next request", (step, before)


def test_it_may_be_read_in_any_pieces():
    for sizes in ([1, 99], [50, 50, 1], [100], [None], [99, None], [0, 200]):
        body = StatedBody(LengthReader(Source(DATA, 30), len(DATA)))
        assert b"".join(body.read(size) for size in sizes) == DATA, sizes


def test_a_body_that_breaks_off_is_what_there_was():
    assert StatedBody(LengthReader(Source(DATA[:50], 30), 100)).read(100) == DATA[:50]


def test_after_an_error_the_connection_is_not_used_again():
    class Broken(Source):
        def chunk(self, size_hint=None):
            raise ConnectionResetError

    body = StatedBody(LengthReader(Broken(b"", 1), 100))
    with pytest.raises(ConnectionResetError):
        body.read(100)
    assert body.failed


CONFIG = Config()
TRUSTED, STRANGER = ("127.0.0.1", 1), ("192.0.2.1", 1)
PEERS = [TRUSTED, STRANGER, ""]
HEADS = [
    b"POST /predict?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Twice: 1\r\nX-Twice: 2\r\n\r\n",
    b"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nX-Forwarded-Proto: https\r\n\r\n",
    b"GET / HTTP/1.1\r\nConnection: close\r\nScript_Name: /a\r\n\r\n",
    b"HEAD http://a/b%20c HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
    b"G\x01T / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: Bearer the-secret\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\naUTHORIZATION:\tthe-secret  \r\nX-Last: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=the-secret\r\n\r\n",
    b"GET / HTTP/1.1\r\nProxy-Authorization: the-secret\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: the-secret\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization:\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: the-secret\r\nauthorization: the-secret\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nCookie: the-secret\r\nAuthorization: the-secret\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: the-\r\n secret\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization : the-secret\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: the-secret\x01\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: the-secret-\xfc\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nX-Authorization: the-secret\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 99 + b"Authorization: the-secret\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: the-secret\r\n" + b"X: 1\r\n" * 98 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: the-secret\r\n" + b"X: 1\r\n" * 99 + b"\r\n",
]
MEANT = ["method", "uri", "path", "query", "fragment", "version", "headers", "scheme", "_expected_100_continue"]


def meant(kind, head, peer):
    """All that comes of a head, or how it is refused."""
    try:
        request = kind(CONFIG, Source(head, 1_000), peer, 1)
    except errors.ParseException as error:
        return type(error), str(error)
    return [getattr(request, name) for name in MEANT], type(request.body.reader), request.should_close()


@pytest.fixture(scope="module")
def heads():
    """What is kept once all peers have sent all heads."""
    heads = Heads()
    for peer in PEERS:
        for head in HEADS:
            meant(partial(Request, heads), head, peer)
    return heads


def test_a_head_means_the_same_each_time_and_what_gunicorn_makes_of_it(heads):
    """What is kept for one peer is not another's."""
    for peer, head in product(PEERS, HEADS):
        expected = meant(message.Request, head, peer)
        assert [meant(partial(Request, heads), head, peer) for _ in range(2)] == [expected] * 2, (peer, head)


def test_no_secret_of_a_head_is_kept():
    for head in [head for head in HEADS if b"secret" in head]:
        heads = Heads()
        for _ in range(2):
            meant(partial(Request, heads), head, TRUSTED)
        assert "secret" not in repr(vars(heads)), head


def test_of_a_head_with_a_token_all_the_rest_is_kept():
    heads = Heads()
    for token in (b"first-secret", b"second-secret"):
        head = b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %b\r\nAccept: */*\r\n\r\n" % token
        request = Request(heads, CONFIG, Source(head, 1_000), TRUSTED, 1)
        assert request.headers[1] == ("AUTHORIZATION", f"Bearer {token.decode()}")
    assert [key[0] for key in heads.headers] == [b"Host: a\r\nAccept: */*"]


def test_what_is_done_to_one_requests_headers_is_not_seen_by_the_next():
    heads = Heads()
    for _ in range(2):
        request = Request(heads, CONFIG, Source(HEADS[0], 1_000), TRUSTED, 1)
        assert len(request.headers) == 4
        request.headers.clear()


def test_heads_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(wire, "KEPT", 50)
    heads = Heads()
    for number in range(101):
        head = b"GET /%d HTTP/1.1\r\nX: %d\r\n\r\n" % (number, number)
        assert Request(heads, CONFIG, Source(head, 1_000), (f"::{number:x}", 1), 1).path == f"/{number}"
    long = b"GET /%b HTTP/1.1\r\nX: %b\r\n\r\n" % (b"a" * 2_000, b"a" * 2_000)
    kept = [len(each) for each in (heads.lines, heads.headers, heads.trusted)]
    Request(heads, CONFIG, Source(long, 1_000), ("::1", 1), 1)
    assert [len(each) for each in (heads.lines, heads.headers)] == kept[:2]
    assert max(kept) <= 50


def test_a_date_is_the_one_that_gunicorn_gives():
    dates = Dates(util.http_date)
    seconds = [0, 0.999, 1, 1, 1_234_567_890.5, 59.9, 60, 2**31, 0]
    assert [dates(second) for second in seconds] == [util.http_date(second) for second in seconds]
    assert dates(1_234_567_890) == "Fri, 13 Feb 2009 23:31:30 GMT"


def test_a_date_is_made_once_a_second_and_is_that_of_now():
    made = []
    dates = Dates(lambda second: made.append(second) or util.http_date(second))
    assert [dates(second) for second in (7.1, 7.9, 8, 8.5)] == [util.http_date(7)] * 2 + [util.http_date(8)] * 2
    assert made == [7, 8]
    before = int(time())
    assert before <= parsedate_to_datetime(dates()).timestamp() <= time()


POST = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"


def parser_of_three():
    """A worker's parser of a connection over which three requests have come, of which one was asked for."""
    worker = FairWorker.__new__(FairWorker)
    worker.cfg, worker.heads = CONFIG, Heads()
    parser = RequestParser(CONFIG, iter([POST % 1 + POST % 2 + POST % 3]), TRUSTED)
    request = next(parser)
    worker._try_h2c_upgrade(None, request, parser, None, TRUSTED)
    return parser


parser = pytest.fixture(parser_of_three, name="parser")


@pytest.mark.parametrize("size", [0, 3, 10, None])
def test_the_next_request_begins_behind_the_body_however_much_of_it_was_read(parser, size):
    for number in (1, 2, 3):
        request = parser.mesg
        assert request.path == f"/{number}"
        request.body = StatedBody(request.body.reader)
        assert request.body.read(size) == b"0123456789"[:size]
        if number < 3:
            next(parser)
    assert type(parser) is Parser


def test_behind_a_body_that_was_read_nothing_is_looked_for(parser, monkeypatch):
    parser.mesg.body = StatedBody(parser.mesg.body.reader)
    parser.mesg.body.read(10)
    monkeypatch.setattr(StatedBody, "read", None)
    assert parser.finish_body()


def test_a_connection_that_has_ended_is_gone_without_a_garbage_collection():
    made = parser_of_three()
    gone = weakref.ref(made)
    gc.disable()
    try:
        del made
        assert gone() is None
    finally:
        gc.enable()
