"""The real server with two workers: kept connections fall evenly on them, whatever becomes of a worker."""

import http.client
import os
import re
import signal
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from serving import environment, served, until

WORKERS, CONNECTIONS = 2, 16
pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="who holds a connection is read from /proc")


@pytest.fixture
def server(tmp_path, line):
    environ, log = environment(ANDON_WORKERS=str(WORKERS), ANDON_KEEPALIVE="60"), tmp_path / "log"
    environ["ANDON_GRACEFUL_TIMEOUT"] = "5"
    with served(store=line.store, cwd=tmp_path, environ=environ, log=log) as server:
        yield server


def living(server):
    """The workers that have a process."""
    return {pid for pid in server.pids() if Path(f"/proc/{pid}/fd").exists() and sockets(pid)}


def sockets(pid):
    """The inodes of a process's sockets."""
    found = set()
    with suppress(OSError):  # the process ended in between
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # closed in between
                found.update(re.findall(r"socket:\[(\d+)\]", os.readlink(file)))
    return found


def held(server, connections):
    """How many of the connections each worker holds."""
    ours = {connection.sock.getsockname()[1] for connection in connections}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    there = {
        line[9]
        for line in lines
        if int(line[1].rsplit(":")[1], 16) == server.port and int(line[2].rsplit(":")[1], 16) in ours
    }
    return Counter({pid: len(there & sockets(pid)) for pid in living(server)})


def ask(connection):
    connection.request("GET", "/health")
    with connection.getresponse() as answer:
        answer.read()
        assert answer.status == 200


@contextmanager
def kept(server, *, in_a_burst):
    """Kept connections, each of which has been answered."""
    with ExitStack() as stack:
        connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(CONNECTIONS)]
        for connection in connections:
            stack.callback(connection.close)
            connection.connect()
            if not in_a_burst:
                ask(connection)
        for connection in connections:
            ask(connection)
        yield connections


def assert_even(server, *, in_a_burst):
    # A worker that gets no processor for 10 ms loses its turn: beside other work, one burst proves nothing.
    counts = []
    for _ in range(5):
        with kept(server, in_a_burst=in_a_burst) as connections:
            counts.append(held(server, connections))
        assert len(counts[-1]) == WORKERS and sum(counts[-1].values()) == CONNECTIONS
        if all(6 <= n <= 10 for n in counts[-1].values()):
            return
    raise AssertionError((in_a_burst, counts))


def both_accept(server):
    """Wait until two workers hold connections, for one that was just started does not accept at once."""

    def both():
        with kept(server, in_a_burst=True) as connections:
            return sum(n > 0 for n in held(server, connections).values()) == WORKERS

    until(both, why=server.log.read_text)


def test_connections_fall_evenly_on_the_workers(server):
    both_accept(server)
    for in_a_burst in (True, False):
        assert_even(server, in_a_burst=in_a_burst)
        assert_even(server, in_a_burst=in_a_burst)  # those that have ended count no more


def test_after_a_worker_was_killed_the_other_accepts_and_its_successor_has_its_share(server):
    both_accept(server)
    killed = min(living(server))
    with kept(server, in_a_burst=True):
        os.kill(int(killed), signal.SIGKILL)
        with kept(server, in_a_burst=True):  # all of them are answered
            pass
    until(lambda: len(server.pids()) > WORKERS, why=server.log.read_text)
    both_accept(server)
    assert_even(server, in_a_burst=True)
    assert_even(server, in_a_burst=False)


def test_a_worker_that_is_stopped_does_not_keep_the_other_from_accepting(server):
    both_accept(server)
    stopped = min(living(server))
    os.kill(int(stopped), signal.SIGSTOP)
    try:
        with kept(server, in_a_burst=True) as connections:
            assert held(server, connections)[stopped] == 0
    finally:
        os.kill(int(stopped), signal.SIGCONT)
    both_accept(server)  # it is waited for again from when it has accepted one
    assert_even(server, in_a_burst=True)


def test_after_a_reload_connections_fall_evenly_on_the_new_workers(server):
    both_accept(server)
    before = living(server)
    master = next(int(word) for word in re.findall(r"\[(\d+)\] \[INFO\] Listening at", server.log.read_text()))
    os.kill(master, signal.SIGHUP)
    until(lambda: len(living(server)) == WORKERS and not living(server) & before, why=server.log.read_text)
    both_accept(server)
    assert_even(server, in_a_burst=True)
