"""The service as a process of its own, and what can be seen of it from outside: workers, memory, files, threads."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ANDON = [sys.executable, "-m", "service"]
WORKERS = 2
START_SECONDS = 120
STOP_SECONDS = 45
ROOT = Path(__file__).resolve().parents[2]

SCHEMA = """
name = "flights"
label = "late"
timestamp = "time"
n_buckets = 128
[fields.tailnum]
type = "string"
"""
"""Of the small model, in which it is quick to find values that share a bucket."""


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """This one, in which another Python finds the package that is tested; no setting of the user's is in it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANDON_")}
    environ |= {"ANDON_WORKERS": str(WORKERS), **settings}
    command = [sys.executable, "-c", "import service.cli"]
    if subprocess.run(command, cwd=folder, env=environ, capture_output=True).returncode:
        environ["PYTHONPATH"] = str(ROOT)
    return environ


def andon(*arguments: object, folder: Path) -> subprocess.CompletedProcess:
    """A command, done."""
    command = [*ANDON, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)


def must(done: subprocess.CompletedProcess) -> str:
    """What a command printed, which must have ended well."""
    if done.returncode:
        raise SystemExit(f"{' '.join(done.args)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def make_demo(folder: Path) -> Path:
    """A store whose current version is the demo model."""
    store = folder / "store"
    must(andon("demo", "--store", store, folder=folder))
    return store


def make_small(folder: Path) -> Path:
    """A store whose current version is a model of one field and few buckets."""
    store, events, schema = folder / "small", folder / "events.csv", folder / "small.toml"
    schema.write_text(SCHEMA)
    rows = (f"{row % 3 // 2},{row},N{row % 700}\n" for row in range(2_000))
    events.write_text("late,time,tailnum\n" + "".join(rows))
    version = must(andon("train", events, "--schema", schema, "--store", store, "--holdout", "0.2", folder=folder))
    must(andon("promote", version, "--store", store, "--override", "a test of faults", folder=folder))
    return store


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pids_below(parent: int) -> list[int]:
    """The children of a process."""
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []


def resident_mib(pid: int) -> float:
    """Memory of a process that lies in RAM and is its own or shared (``VmRSS``)."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def n_threads(pid: int) -> int:
    """Threads of a process."""
    return len(os.listdir(f"/proc/{pid}/task"))


def n_files(pid: int) -> int:
    """Open files of a process that are no connections of clients: those come and go."""
    return sum(not target.startswith("socket:") for target in _files(pid).values())


def n_sockets(pid: int) -> int:
    """Open sockets of a process."""
    return sum(target.startswith("socket:") for target in _files(pid).values())


def peers(pid: int) -> set[int]:
    """The ports at the other end of a process's connections."""
    inodes = {target[8:-1] for target in _files(pid).values() if target.startswith("socket:")}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[2].split(":")[1], 16) for line in lines if line[9] in inodes}


def _files(pid: int) -> dict[str, str]:
    folder, found = f"/proc/{pid}/fd", {}
    for name in os.listdir(folder):
        try:
            found[name] = os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # it was closed meanwhile
    return found


class Service:
    """A service that runs."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    @property
    def workers(self) -> list[int]:
        """Its worker processes."""
        return pids_below(self.process.pid)

    def get(self, path: str) -> tuple[int, dict]:
        """The status and the document of a GET on a connection of its own; 0 without an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()
        try:
            document = json.loads(data)
        except ValueError:
            document = {}
        return response.status, document

    def said(self, words: str) -> set[int]:
        """The processes that logged these words."""
        found = set()
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # of a full disk, half a line; or what the interpreter itself has to say
            if words in entry["message"]:
                found.add(entry["pid"])
        return found

    def ready_workers(self) -> set[int]:
        """The workers that have a model, and run."""
        return self.said("answers now") & set(self.workers)

    def wait_until(self, condition, *, seconds: float = START_SECONDS, pause: float = 0.02) -> bool:
        """Whether it came within so long."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
        return True

    def stop(self) -> tuple[int, float]:
        """Its exit code after SIGTERM, and how long it took."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_SECONDS), time.monotonic() - started


@contextmanager
def serve(folder: Path, store: Path, *, log: Path | None = None, wrap=(), **settings: str):
    """A service with its workers ready, while it runs."""
    port, log = free_port(), log or folder / "service.log"
    command = [*wrap, *ANDON, "serve", "--store", str(store), "--port", str(port)]
    with open(log, "ab", buffering=0) as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(folder, **settings), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    service = Service(process, port, log)
    try:
        if not service.wait_until(lambda: len(service.ready_workers()) == WORKERS or process.poll() is not None):
            raise SystemExit(f"the service did not start:\n{log.read_text(errors='replace')}")
        if process.poll() is not None:
            raise SystemExit(f"the service ended:\n{log.read_text(errors='replace')}")
        yield service
        if process.poll() is None:
            service.stop()
    finally:
        for pid in pids_below(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.kill()
        process.wait()
