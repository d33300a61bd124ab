"""Promotions and rollbacks under load: requests lost, answers that are not their version's own, time until all moved.

    python tools/measure_swap.py
    python tools/measure_swap.py --buckets 67108864 --changes 20 --classes gevent      # versions of 256 MiB

For each class of worker a row of a table. Sixteen clients ask without a pause, on connections that they keep where the
server does, and compare each answer, to the last bit, with what the version that it names answers in this process. The
time of a move runs from the writing of the pointer to the line in the log by which the last worker says that it moved.
"""

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from served_models import add_version, rows_of, schema_of, served

from service.store import Store

N_BODIES = 16
N_ROWS = 20
MOVE_SECONDS = 60
TURN = ("on", "on", "back", "back")


def main():
    """Measure each class of worker; exit 1 if a request failed, an answer was wrong, or a move took over 2 s."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--buckets", type=int, default=2**16)
    parser.add_argument("--classes", nargs="+", default=["sync", "gthread", "gevent"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="andon-swap-") as folder:
        store = Store(Path(folder) / "store")
        versions = [add_version(store, schema_of(options.buckets), seed) for seed in range(3)]
        bodies = [{"instances": rows_of(100 + seed, N_ROWS)} for seed in range(N_BODIES)]
        expected = {}
        for version in versions:
            predictor = store.load(version).predictor
            expected[version] = [predictor.predict_rows(body["instances"]) for body in bodies]
        store.promote(versions[0], actor="tool", override="measuring")
        print("| class | requests | failed | wrong answers | old answers after the move | changes | ", end="")
        print("all moved after: median, slowest | request: p50, p99, slowest |")
        print("|---|---|---|---|---|---|---|---|")
        good = True
        for worker_class in options.classes:
            good &= measure(store, versions, bodies, expected, worker_class, options)
    return 0 if good else 1


def measure(store, versions, bodies, expected, worker_class, options):
    """One row of the table; whether it is as it should be."""
    moves = []
    log = store.root.with_name(f"{worker_class}.log")
    with served(store.root, workers=options.workers, worker_class=worker_class, log=log) as server:
        with Load(server.port, options.connections, bodies, expected) as load:
            position, turns = 0, dict.fromkeys(versions, 0)
            turns[versions[0]] = 1
            for number in range(options.changes):
                load.current = None
                if TURN[number % len(TURN)] == "on":
                    position += 1
                    store.promote(versions[position], actor="tool", override="measuring")
                else:
                    position -= 1
                    store.rollback(actor="tool")
                version = versions[position]
                changed = (store.root / "current.json").stat().st_mtime
                turns[version] += 1
                moves.append(wait_until_all_moved(server, version, options.workers, turns[version]) - changed)
                load.current = version
                time.sleep(0.2)
        died = len(server.workers()) - options.workers
    seconds = sorted(load.seconds)
    p50, p99, slowest = (1000 * seconds[int(share * (len(seconds) - 1))] for share in (0.5, 0.99, 1))
    cells = (
        worker_class,
        f"{len(seconds):,}",
        len(load.failed) + died,
        load.wrong,
        load.old,
        len(moves),
        f"{statistics.median(moves):.2f} s, {max(moves):.2f} s",
        f"{p50:.1f} ms, {p99:.0f} ms, {slowest:.0f} ms",
    )
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    for failure in load.failed[:5]:
        print(failure, file=sys.stderr)
    return not load.failed and not died and not load.wrong and not load.old and max(moves) <= 2


def wait_until_all_moved(server, version, workers, turn):
    """When the last worker said for the ``turn``-th time that this version answers now (seconds since the epoch)."""
    deadline = time.monotonic() + MOVE_SECONDS
    while time.monotonic() < deadline:
        said = {}
        for at, pid in server.lines(f"version {version} answers now"):
            said.setdefault(pid, []).append(at)
        if len(said) == workers and all(len(times) >= turn for times in said.values()):
            return max(times[turn - 1] for times in said.values())
        time.sleep(0.05)
    sys.exit(f"not all workers moved to {version}:\n{server.log.read_text()}")


class Load:
    """Clients that ask without a pause and check every answer."""

    def __init__(self, port, connections, bodies, expected):
        self.current = None  # the version that every worker is known to have moved to
        self.seconds, self.failed, self.wrong, self.old = [], [], 0, 0
        self._port, self._expected = port, expected
        self._bodies = [json.dumps(body).encode() for body in bodies]
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, index):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._done.is_set():
            index = (index + 1) % len(self._bodies)
            current, started = self.current, time.perf_counter()
            try:
                connection.request("POST", "/predict", self._bodies[index], {"Content-Type": "application/json"})
                response = connection.getresponse()
                status, answer = response.status, json.loads(response.read())
            except Exception as error:
                self.failed.append(repr(error))
                connection.close()
                continue
            self.seconds.append(time.perf_counter() - started)
            if status != 200:
                self.failed.append(f"{status} {answer}")
                continue
            if answer["predictions"] != self._expected[answer["version"]][index]:
                self.wrong += 1
            if current is not None and current == self.current != answer["version"]:
                self.old += 1
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
