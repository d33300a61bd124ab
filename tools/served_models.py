"""What the tools that measure the service share: versions made by a seed, requests, and a server in another process."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from service.artefact import Golden
from service.core.documents import load_schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.core.seen import Seen

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120
STOP_SECONDS = 60


def schema_of(n_buckets):
    """A schema of four fields and a cross."""
    document = {
        "name": "measured",
        "label": "y",
        "timestamp": "t",
        "n_buckets": n_buckets,
        "crosses": [["user", "ad"]],
        "fields": {
            "user": {"type": "integer"},
            "ad": {"type": "string"},
            "hour": {"type": "integer"},
            "price": {"type": "number", "bins": [1, 10, 100]},
        },
    }
    return load_schema(document, source="the tool")


def rows_of(seed, n_rows):
    """Instances, most of which meet buckets that no other one meets."""
    random = np.random.default_rng([seed, 2])
    users, hours = random.integers(2**62, size=n_rows).tolist(), random.integers(24, size=n_rows).tolist()
    return [
        {"user": user, "ad": f"ad-{user % 9973}", "hour": hour, "price": user % 200 / 1.5}
        for user, hour in zip(users, hours, strict=True)
    ]


def add_version(store, schema, seed):
    """Write a version with random weights into the store; its id."""
    weights = np.random.default_rng(seed).standard_normal(schema.n_buckets + 1, dtype=np.float32)
    predictor = Predictor(schema=schema, model=LinearModel(weights), version="candidate")
    rows = rows_of(seed, 20)
    golden = Golden(instances=rows, probabilities=predictor.predict_rows(rows))
    nothing = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    seen = Seen.of({field.name: nothing for field in schema.fields})
    return store.add(schema=schema, weights=weights, golden=golden, seen=seen, training={"seed": seed, "rows": 0})


def free_port():
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server that runs: its port, the process of gunicorn's master, and its log."""

    def __init__(self, process, port, log):
        self.master = process.pid
        self.port = port
        self.log = log

    def lines(self, words):
        """Time (seconds since the epoch, to the millisecond) and worker of each line of the log with these words."""
        line = re.compile(rf"^\[(.*),(\d+)\] \[(\d+)\] .*{re.escape(words)}", re.MULTILINE)
        found = []
        for when, milliseconds, pid in line.findall(self.log.read_text()):
            at = time.mktime(time.strptime(when, "%Y-%m-%d %H:%M:%S")) + int(milliseconds) / 1000
            found.append((at, int(pid)))
        return found

    def workers(self):
        """The workers that were ever started."""
        return {int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log.read_text())}


@contextmanager
def served(store, *, workers, worker_class, log):
    """``andon serve`` on a store, from the moment when every worker has its model."""
    port = free_port()
    settings = {"ANDON_WORKER_CLASS": worker_class, "ANDON_WORKERS": str(workers), "ANDON_LOG_FORMAT": "text"}
    environ = {**os.environ, **settings}
    command = [sys.executable, "-m", "service", "serve", "--store", str(store), "--port", str(port)]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)
    try:
        server = Server(process, port, log)
        deadline = time.monotonic() + START_SECONDS
        while len({pid for _, pid in server.lines("answers now")}) < workers or not ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(log.read_text())
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=STOP_SECONDS)


def ready(port):
    """Whether ``/health`` is 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30) as answer:
            return answer.status == 200
    except OSError:
        return False
