"""gunicorn's worker of threads: a connection is ended in its thread, forgotten once, and not waited for without end."""

import socket
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.workers.gthread import TConn, ThreadWorker

from service.web.threads import PunctualWorker


@pytest.fixture
def worker():
    worker = PunctualWorker.__new__(PunctualWorker)
    worker.cfg, worker.alive, worker.nr_conns = Config(), True, 1
    worker.log = SimpleNamespace(debug=lambda *_: None)
    worker.pending_conns, worker._due = deque(), {}
    worker.request_seconds = 60.0
    return worker


@pytest.fixture
def ends():
    """Both ends of a connection."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    with ours, theirs:
        yield ours, theirs


def connected(worker, ours):
    return TConn(worker.cfg, ours, ("127.0.0.1", 1), ("127.0.0.1", 2))


@pytest.mark.parametrize("closes", [False, True], ids=["the worker", "TLS"])
def test_a_connection_that_has_ended_is_closed_in_its_thread_and_forgotten_once(worker, ends, monkeypatch, closes):
    ours, theirs = ends
    conn = connected(worker, ours)

    def handle(_worker, given):
        theirs.shutdown(socket.SHUT_WR)
        if closes:
            given.sock.close()
        return False

    monkeypatch.setattr(ThreadWorker, "handle", handle)
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(worker.handle, conn)
        assert done.result(20) is False
    assert theirs.recv(1) == b""
    assert ours.fileno() == -1
    worker.finish_request(conn, done)
    assert (worker.nr_conns, worker._due) == (0, {})


def test_a_head_that_does_not_come_is_waited_for_no_longer_than_it_may_take(worker, ends):
    ours, theirs = ends
    conn = connected(worker, ours)
    theirs.sendall(b"GET / HTTP/1.1\r\nHost: ")
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(worker.handle, conn)
        while not conn.initialized:
            pass
        worker.murder_pending()
        assert not done.done()
        worker._due[conn] = 0.0
        worker.murder_pending()
        theirs.shutdown(socket.SHUT_WR)
        assert done.result(20) is False
    assert theirs.recv(1) == b""


def test_an_answer_that_nobody_takes_is_waited_for_no_longer_than_a_request(worker, ends, monkeypatch):
    ours, theirs = ends
    conn = connected(worker, ours)
    conn.parser = SimpleNamespace(unreader=SimpleNamespace(sock=ours))
    worker.request_seconds = 0.05

    def handle(worker, given):
        given.sock.setblocking(True)  # as gunicorn does in its thread
        return worker.handle_request(None, given)

    def answer(_worker, _request, given):
        given.sock.sendall(bytes(1_000))
        assert len(theirs.recv(1_000)) == 1_000
        given.sock.sendall(bytes(10_000_000))

    monkeypatch.setattr(ThreadWorker, "handle", handle)
    monkeypatch.setattr(ThreadWorker, "handle_request", answer)
    gone = Timer(20, theirs.shutdown, [socket.SHUT_RDWR])
    gone.start()
    with pytest.raises(BrokenPipeError) as caught:  # which gunicorn lets pass without a word
        worker.handle(conn)
    gone.cancel()
    assert isinstance(caught.value.__cause__, BlockingIOError)  # not because the client went in the end
    assert (conn.parser.unreader.sock, worker._due) == (ours, {})


def test_a_failure_of_a_thread_is_gunicorns_to_end(worker, ends):
    conn = connected(worker, ends[0])
    with ThreadPoolExecutor(1) as threads:
        failed = threads.submit(divmod, 1, 0)
    worker.finish_request(conn, failed)
    assert worker.nr_conns == 0
    assert ends[1].recv(1) == b""
