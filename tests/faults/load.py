"""Load: a healthy client that is watched, clients that keep a service busy, and a flood.

Each runs in a process of its own, so that none waits for another's turn in this one's interpreter; all end at a time
that is given beforehand, or when they are told to.
"""

import json
import multiprocessing
import re
import selectors
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from corpus import GOOD
from talk import HOST, connect, is_closed, statuses_of

FORK = multiprocessing.get_context("fork")

BODY = json.dumps({"instances": [GOOD]}).encode()


def request(path: str = "/predict", body: bytes = BODY, *, method: str = "POST", also: str = "") -> bytes:
    """A request as a client sends it that keeps its connection."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{also}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


ONE_ROW = request()


@dataclass(slots=True, kw_only=True)
class Lost:
    """A request that was accepted, that is: sent whole on a connection that was open, and not answered with a 200.

    Attributes:
        port: the client's end of the connection.
        sent, lost: when, by the machine's monotonic clock.
    """

    port: int
    sent: float
    lost: float
    why: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a client saw.

    Attributes:
        seconds: of each answered request, from its first byte to the last of its answer.
        lost: requests that were accepted, and failed.
        closed: connections that the service had closed before the next request was sent on them, which it then was on
            another.
        refused: connections that were not accepted.
    """

    seconds: list[float] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    closed: int = 0
    refused: int = 0

    def p99_ms(self) -> float:
        """The 99th percentile of the answers' times; infinite without any."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1_000 if ordered else float("inf")

    def max_ms(self) -> float:
        """The longest."""
        return max(self.seconds, default=float("inf")) * 1_000


def merged(outcomes: list[Outcome]) -> Outcome:
    """Several clients' as one."""
    whole = Outcome()
    for one in outcomes:
        whole.seconds += one.seconds
        whole.lost += one.lost
        whole.closed += one.closed
        whole.refused += one.refused
    return whole


class Client:
    """One client that asks, one request after the other, until it is told to stop."""

    def __init__(self, port: int, *, kept: bool, pause: float, sent: bytes) -> None:
        self._port, self._kept, self._pause, self._sent = port, kept, pause, sent
        self.outcome = Outcome()

    def run(self, done) -> None:
        """Ask until then."""
        connection = None
        while not done():
            if connection is not None and is_closed(connection):
                self.outcome.closed += 1
                connection = None
            if connection is None:
                try:
                    connection = connect(self._port, seconds=30)
                except OSError:
                    self.outcome.refused += 1
                    time.sleep(0.005)
                    continue
            if not self._ask(connection) or not self._kept:
                connection.close()
                connection = None
            time.sleep(self._pause)
        if connection is not None:
            connection.close()

    def _ask(self, connection: socket.socket) -> bool:
        """Whether the connection may be used again."""
        port = connection.getsockname()[1]
        sent, answer = time.monotonic(), b""
        try:
            connection.sendall(self._sent)
            while not (statuses := statuses_of(answer)):
                part = connection.recv(65_536)
                if not part:
                    raise ConnectionResetError("closed without an answer")
                answer += part
        except OSError as error:
            self._note(port, sent, repr(error))
            return False
        self.outcome.seconds.append(time.monotonic() - sent)
        if statuses != (200,):
            self._note(port, sent, f"status {statuses}")
        return b"\r\nconnection: close\r\n" not in answer[:500].lower()

    def _note(self, port: int, sent: float, why: str) -> None:
        self.outcome.lost.append(Lost(port=port, sent=sent, lost=time.monotonic(), why=why))


def _run(pipe, stop, port: int, n_kept: int, n_fresh: int, pause: float, sent: bytes, seconds: float) -> None:
    deadline = time.monotonic() + seconds

    def done() -> bool:
        return stop.is_set() or time.monotonic() > deadline

    clients = [Client(port, kept=number < n_kept, pause=pause, sent=sent) for number in range(n_kept + n_fresh)]
    threads = [threading.Thread(target=client.run, args=(done,), daemon=True) for client in clients]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        return
    pipe.send(merged([client.outcome for client in clients]))


class Load:
    """Clients in a process of their own, while it is entered; at the end, ``outcome`` is there."""

    def __init__(
        self,
        port: int,
        *,
        kept: int = 1,
        fresh: int = 1,
        pause: float = 0.01,
        seconds: float = 600.0,
        sent: bytes = ONE_ROW,
    ) -> None:
        self._stop = FORK.Event()
        self._ours, theirs = FORK.Pipe(duplex=False)
        self._process = FORK.Process(
            target=_run, args=(theirs, self._stop, port, kept, fresh, pause, sent, seconds), daemon=True
        )
        self.outcome = Outcome()

    def __enter__(self) -> "Load":
        self._process.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        if self._ours.poll(60):
            with suppress(EOFError):  # it was interrupted
                self.outcome = self._ours.recv()
        self._process.join(5)
        self._process.kill()


@dataclass(slots=True)
class Flood:
    """Requests a second that a flood came to, once it has ended."""

    by: str
    rate: float = 0.0


@contextmanager
def flood(port: int, path: str, *, seconds: float, connections: int = 32):
    """As many GETs of a path as the machine gives, by ``wrk`` where it is installed."""
    wrk = shutil.which("wrk")
    told = Flood("wrk" if wrk else "Python")
    if wrk:
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", f"http://{HOST}:{port}{path}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            yield told
            out = process.communicate(timeout=seconds + 30)[0]
            match = re.search(r"Requests/sec:\s+([\d.]+)", out)
            told.rate = float(match[1]) if match else 0.0
        finally:
            process.kill()
            process.wait()
        return
    ours, theirs = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_flood, args=(theirs, port, path, seconds, connections), daemon=True)
    process.start()
    try:
        yield told
        if ours.poll(seconds + 30):
            told.rate = ours.recv()
    finally:
        process.kill()
        process.join()


def _flood(pipe, port: int, path: str, seconds: float, connections: int) -> None:
    """Each connection's next request goes out as soon as anything of the last one's answer has come."""
    sent, count, selector = request(path, b"", method="GET"), 0, selectors.DefaultSelector()
    started = time.monotonic()
    for _ in range(connections):
        connection = connect(port)
        connection.sendall(sent)
        selector.register(connection, selectors.EVENT_READ)
    while time.monotonic() - started < seconds:
        for key, _ in selector.select(0.1):
            if key.fileobj.recv(65_536):
                count += 1
                key.fileobj.sendall(sent)
            else:
                selector.unregister(key.fileobj)
    pipe.send(count / (time.monotonic() - started))
