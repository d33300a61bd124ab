"""Environments and answers are those that gunicorn itself makes, whatever was kept of the request before."""

from functools import partial
from itertools import product
from types import SimpleNamespace

import pytest
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import errors, message, wsgi
from hypothesis import given, settings
from hypothesis import strategies as st

from service.web import wire
from service.web.replies import Environs, Reply, create
from service.web.sockets import Held
from service.web.wire import Heads, Request

CONFIG = Config()
PEER, SERVER = ("127.0.0.1", 4711), ("127.0.0.1", 8000)
POST = b"POST /predict?a=1 HTTP/1.1\r\nHost: a:1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
HEADS = {
    "a prediction": POST + b"\r\n",
    "another length": POST.replace(b"Length: 2", b"Length: 1") + b"\r\n",
    "another path": POST.replace(b"/predict", b"/p%20x%C3%A9") + b"\r\n",
    "another id": POST + b"X-Request-ID: abc\r\n\r\n",
    "a repeated header": POST + b"Accept: a\r\nAccept: b\r\n\r\n",
    "an expectation": POST + b"Expect: 100-continue\r\n\r\n",
    "a token": POST + b"Authorization: Bearer secret\r\n\r\n",
    "another token": POST + b"Authorization: Bearer s3cret\r\n\r\n",
    "a cookie": POST + b"Cookie: secret\r\n\r\n",
    "a proxy's word": POST + b"X-Forwarded-Proto: https\r\n\r\n",
    "HTTP/1.0": POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
    "the end": POST + b"Connection: close\r\n\r\n",
    "a long header": POST + b"X: " + b"a" * 2_000 + b"\r\n\r\n",
    "no body": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a head": b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
}


class Source:
    """What a parser reads from: some bytes, and then nothing."""

    def __init__(self, data):
        self.data = data

    def read(self, _size=None):
        data, self.data = self.data, b""
        return data

    def unread(self, data):
        self.data = data + self.data


class Socket:
    """A socket that remembers what was sent."""

    def __init__(self):
        self.data = b""

    def sendall(self, data):
        self.data += data

    send = sendall


def begun(make, kind, head, peer=PEER, server=SERVER):
    """The request, its socket, and what is made of them."""
    request, sock = kind(CONFIG, Source(head + b"{}"), peer, 1), Socket()
    return request, sock, *make(request, sock, peer, server, CONFIG)


def meant(environ):
    """All of an environment that can be compared; early hints there are none in ours."""
    of_a_request = {"wsgi.input", "gunicorn.socket", "wsgi.errors", "wsgi.early_hints"}
    return {name: value for name, value in environ.items() if name not in of_a_request}


def worker():
    """``worker()(head)``: the next request to a worker, with its socket, reply and environment."""
    return partial(begun, partial(create, wsgi.create, Environs()), partial(Request, Heads()))


ours = pytest.fixture(worker, name="ours")


def test_an_environment_is_gunicorns_whatever_came_before_it():
    for name, head in HEADS.items():
        *_, expected = begun(wsgi.create, message.Request, head)
        ours = worker()
        for before, other in HEADS.items():
            *_, environ = ours(other)
            environ.clear()  # what an application does with it is its own affair
            for _ in range(2):
                request, sock, _, environ = ours(head)
                assert meant(environ) == meant(expected), (name, before)
                assert "wsgi.early_hints" not in environ, (name, before)
                assert environ["wsgi.input"] is request.body, (name, before)
                assert environ["gunicorn.socket"] is sock, (name, before)
                environ.clear()


def test_the_same_head_has_the_same_made_once(ours, monkeypatch):
    made = []
    monkeypatch.setattr(wsgi, "default_environ", lambda *given: made.append(1) or {})
    for _ in range(5):
        ours(HEADS["a prediction"])
    assert len(made) == 1


PEERS = [("192.0.2.1", 80), ("::1", 4711, 0, 0), "", b"/socket"]
SERVERS = [SERVER, ("192.0.2.2", 80), "/socket"]


@pytest.mark.parametrize("name", ["a prediction", "a proxy's word"])
def test_what_depends_on_the_connection_is_its_own(ours, name):
    for peer, server in product(PEERS, SERVERS):
        *_, expected = begun(wsgi.create, message.Request, HEADS[name], peer, server)
        for _ in range(2):
            ours(HEADS[name])
            for _ in range(2):
                *_, environ = ours(HEADS[name], peer, server)
                assert meant(environ) == meant(expected), (peer, server)


def test_what_a_proxy_says_of_a_connection_is_not_kept():
    environs, kind = Environs(), partial(Request, Heads())
    for number in (1, 2):
        request = kind(CONFIG, Source(HEADS["a prediction"]), PEER, 1)
        address = f"192.0.2.{number}"
        told = {"proxy_protocol": "TCP4", "client_addr": address, "client_port": 1, "proxy_addr": "a", "proxy_port": 2}
        request.proxy_protocol_info = told
        _, environ = create(wsgi.create, environs, request, Socket(), PEER, SERVER, CONFIG)
        assert environ["REMOTE_ADDR"] == address
    assert environs._kept == {}


@pytest.mark.parametrize("name", ["a token", "a cookie", "an expectation", "a long header"])
def test_nothing_is_kept_of_a_secret_of_what_is_answered_at_once_and_of_what_is_long(name):
    environs, kind = Environs(), partial(Request, Heads())
    for _ in range(2):
        begun(partial(create, wsgi.create, environs), kind, HEADS[name])
    assert environs._kept == {}


def test_environments_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(wire, "KEPT", 50)
    environs, heads = Environs(), Heads()
    for number in range(101):
        head = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number
        for _ in range(2):
            *_, environ = begun(partial(create, wsgi.create, environs), partial(Request, heads), head)
            assert environ["PATH_INFO"] == f"/{number}"
    assert 0 < len(environs._kept) <= 50


STATUSES = ["200 OK", "404 Not Found", "422 Unprocessable Content", "204 No Content", "304 Not Modified", "500"]
NAMES = ["Content-Type", "X-Request-ID", "Content-Length", "Allow", "Connection", "content-length", "Bad name"]
VALUES = ["2", "0", "5", "+2", " 2", "close", "text/csv", " padded\t", "caf\xe9", "", "a\r\nb: c", "\u0661", 7]
ANSWERS = st.tuples(
    st.sampled_from([*STATUSES, "abc", "20", 200]),
    st.lists(st.sampled_from(list(product(NAMES, VALUES))), max_size=4),
    st.lists(st.sampled_from([b"{}", b"", b"hello", "{}", bytearray(b"{}"), memoryview(b"hello")]), max_size=3),
)
ANSWERED = st.lists(st.tuples(st.sampled_from(list(HEADS)), ANSWERS), min_size=4, max_size=4)


def sent(reply, sock, answer):
    """All that goes out of an answer, or the error that it is."""
    status, headers, parts = answer
    try:
        reply.start_response(status, list(headers))
        for part in parts:
            reply.write(part)
        reply.close()
    except (TypeError, ValueError, errors.ParseException) as error:
        return type(error), sock.data
    return sock.data, reply.should_close(), reply.sent


@pytest.fixture(scope="module")
def _one_second():
    """It does not pass while two answers are compared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(util, "http_date", lambda: "Thu, 01 Jan 1970 00:00:00 GMT")
        yield


@pytest.fixture(scope="module")
def requests():
    """What gunicorn reads of each head."""
    return {name: begun(wsgi.create, message.Request, head)[0] for name, head in HEADS.items()}


def assert_same(request, answer):
    expected, found = (
        sent(kind(request, sock, CONFIG), sock, answer) for kind, sock in ((wsgi.Response, Socket()), (Reply, Socket()))
    )
    assert found == expected, (request.uri, answer)


@pytest.mark.usefixtures("_one_second")
@settings(max_examples=2 * settings.default.max_examples)
@given(ANSWERED)
def test_an_answer_is_gunicorns_to_the_byte(requests, answered):
    for name, answer in answered:
        assert_same(requests[name], answer)


@pytest.mark.usefixtures("_one_second")
def test_every_header_goes_out_as_gunicorns(requests):
    for header in product(NAMES, VALUES):
        assert_same(requests["a prediction"], ("200 OK", [header], [b"{}"]))


def test_what_is_whole_goes_out_in_one_piece(ours):
    *_, reply, _ = ours(HEADS["a prediction"])
    pieces = []
    reply.sock = Held(
        SimpleNamespace(send=lambda data: pieces.append(data) or len(data), settimeout=lambda seconds: None), 9.0
    )
    reply.start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    reply.write(b"{}")
    reply.close()
    reply.sock.flush()
    assert len(pieces) == 1
    assert pieces[0].endswith(b"Content-Length: 2\r\n\r\n{}")


def test_an_answer_that_has_begun_is_not_begun_again(ours):
    *_, reply, _ = ours(HEADS["a prediction"])
    reply.start_response("200 OK", [])
    with pytest.raises(AssertionError, match="already"):
        reply.start_response("200 OK", [])


def test_another_protocol_has_a_response_of_its_own(ours):
    class Other(wsgi.Response):
        """That of HTTP/2, say."""

    request, sock, *_ = ours(HEADS["a prediction"])
    reply, _ = create(wsgi.create, Environs(), request, sock, PEER, SERVER, CONFIG, response_class=Other)
    assert type(reply) is Other
