"""Servers in processes of their own, on ports of the loopback that nobody else has; gone when their time is over."""

from __future__ import annotations

import http.client
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.commands import family, process
from harness.results import NotMeasured

HOST = "127.0.0.1"
START_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A POST: where to, what, and which kind of answer is wanted."""

    path: str
    body: bytes
    content_type: str = "application/json"
    accept: str = "application/json"

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.content_type, "Accept": self.accept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a server is started; ``{port}`` in a word is its port."""

    words: Sequence[str | Path]
    environ: Mapping[str, str]
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that has answered.

    Attributes:
        seconds: from its start to its first answer.
    """

    port: int
    pid: int
    seconds: float

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer to one request."""
        return ask(self.port, request)

    def expect(self, request: Request) -> bytes:
        """The answer's body, which must be a 200.

        Raises:
            NotMeasured: it is not.
        """
        status, body = self.ask(request)
        if status != 200:
            raise NotMeasured(f"answers {status} to {request.content_type}: {body[:120].decode(errors='replace')}")
        return body

    def workers(self) -> list[psutil.Process]:
        """The processes that answer: those below the first, or the first where it is alone."""
        first, *others = family(self.pid)
        return [one for one in others if "resource_tracker" not in " ".join(one.cmdline())] or [first]


@contextmanager
def serving(command: Command, probe: Request) -> Iterator[Server]:
    """Start a server, wait for its first 200, and end it.

    Raises:
        NotMeasured: there was none.
    """
    port = free_port()
    words = [str(word).replace("{port}", str(port)) for word in command.words]
    environ = {name: value.replace("{port}", str(port)) for name, value in command.environ.items()}
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        with process(words, output=log, environ=environ, folder=command.folder) as child:
            while not _answers(port, probe):
                if child.poll() is not None or time.perf_counter() - started > START_SECONDS:
                    log.seek(0)
                    said = log.read().decode(errors="replace").strip().splitlines()
                    raise NotMeasured(f"the server did not answer: {' / '.join(said[-3:])[-400:]}")
                time.sleep(0.005)
            yield Server(port=port, pid=child.pid, seconds=time.perf_counter() - started)


def ask(port: int, request: Request, seconds: float = 60.0) -> tuple[int, bytes]:
    """Status and body of the answer to one request, on a connection of its own."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request("POST", request.path, request.body, request.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, probe: Request) -> bool:
    try:
        return ask(port, probe)[0] == 200
    except (OSError, http.client.HTTPException):
        return False
