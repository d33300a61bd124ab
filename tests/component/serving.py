"""The real server for tests: ``andon serve`` as a process of its own, on a free port, with its log."""

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import gettempdir

import service

START_SECONDS = 60
STOP_SECONDS = 40
WAIT_SECONDS = 30


def free_port():
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def send(port, data, *, end=False):
    """Whatever comes back for some bytes on a connection of its own; with ``end``, the client then stops sending."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer


def statuses(answer):
    """The status of every response in what came back."""
    return [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", answer, re.MULTILINE)]


def environment(**settings):
    """This one, in which another Python finds the package that is tested, wherever it is started."""
    environ = {**os.environ, "ANDON_WORKERS": "1", "ANDON_TIMEOUT": "30", "ANDON_LOG_FORMAT": "text", **settings}
    if not is_installed():
        root = str(Path(service.__file__).resolve().parents[1])
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environ.get("PYTHONPATH")]))
    return environ


@cache
def is_installed():
    """Whether another Python finds a package by itself, and not only in the folder in which the tests are run."""
    command = [sys.executable, "-c", "import service"]
    return subprocess.run(command, cwd=gettempdir(), capture_output=True, check=False).returncode == 0


def until(condition, *, why, every=0.02, within=WAIT_SECONDS):
    """Wait for something that must come; ``why`` gives what to say if it does not."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(every)


@dataclass(frozen=True)
class Server:
    """A server that runs: its port, and the file that it logs into."""

    port: int
    log: Path

    def pids(self):
        """The workers that were ever started."""
        return set(re.findall(r"Booting worker with pid: (\d+)", self.log.read_text()))

    def said(self, words):
        """For each worker, how often it logged these words."""
        pids = re.findall(rf"^\[.*?\] \[(\d+)\] .*{re.escape(words)}", self.log.read_text(), re.MULTILINE)
        return {pid: pids.count(pid) for pid in pids}

    def wait_until_all_said(self, words, *, workers, times=1):
        """Wait until each of the workers has logged these words so often."""

        def all_said():
            said = self.said(words)
            return len(said) >= workers and min(said.values()) >= times

        until(all_said, why=self.log.read_text)

    def get(self, path):
        """The status and the document of a GET on a connection of its own."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def ready(self):
        """Whether ``/health`` is 200."""
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False


class Starter:
    """A process that starts servers (``starter.py``)."""

    def __init__(self):
        command = [sys.executable, str(Path(__file__).with_name("starter.py"))]
        self._process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "ready\n"

    def ask(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@cache
def starter():
    """The one of this process."""
    starter = Starter()
    atexit.register(starter.close)
    return starter


class Forked:
    """A process that the starter started, with what ``subprocess.Popen`` can do."""

    def __init__(self, arguments, *, cwd, environ, log, look_seconds):
        request = {"arguments": arguments, "cwd": str(cwd), "environ": environ, "log": str(log)}
        self.pid = starter().ask(**request, look_seconds=look_seconds)
        self._code = None

    def poll(self):
        if self._code is None:
            self._code = starter().ask(ended=self.pid)
        return self._code

    def wait(self, timeout=STOP_SECONDS):
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("andon serve", timeout)
            time.sleep(0.01)
        return self._code

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


@contextmanager
def served(command=None, *, store, cwd, environ, log, asked=True, look_seconds=None):
    """A server, while it runs; at the end, it must end well.

    Args:
        command: a program, which ``serve`` and its options follow; without one, the server is forked from a process
            that has imported everything, in a fraction of the time.
        asked: wait until it is ready; without this, no request at all is sent.
        look_seconds: of one that is forked, how often it looks at the store, where that is not its usual time.
    """
    port = free_port()
    arguments = ["serve", "--store", str(store), "--port", str(port)]
    log.write_bytes(b"")
    if command is None:
        process = Forked(arguments, cwd=cwd, environ=environ, log=log, look_seconds=look_seconds)
    else:
        with open(log, "wb") as errors:
            process = subprocess.Popen(
                [*command, *arguments],
                cwd=cwd,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=subprocess.STDOUT,
            )
    server = Server(port, log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while asked and not server.ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield server
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
