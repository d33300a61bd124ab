"""Memory of the service as workers are added: proportional set size (PSS) of all processes, with a model of 256 MiB.

    python tools/measure_shared_memory.py

Linux divides each page by the number of processes that hold it (``Pss`` in ``/proc/PID/smaps_rollup``), so the sum over
processes is what they take together. Every worker verifies the whole table, and answers requests that meet many
buckets.
"""

import argparse
import json
import sys
import tempfile
import urllib.request
from pathlib import Path

from served_models import add_version, rows_of, schema_of, served

from service.store import Store

BOUND = 1.3
ROUNDS = 200
N_ROWS = 200


def main():
    """Print the table; exit 1 if the most workers take more than ``BOUND`` times what one takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--buckets", type=int, default=2**26)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--class", dest="worker_class", default="gevent")
    options = parser.parse_args()
    sums = []
    print("| workers | PSS of the workers | each: PSS, RSS | gunicorn's master: PSS | against 1 | with the master |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="andon-memory-") as folder:
        store = Store(Path(folder) / "store")
        version = add_version(store, schema_of(options.buckets), 0)
        store.promote(version, actor="tool", override="measuring")
        for workers in options.workers:
            log = Path(folder) / f"{workers}.log"
            with served(store.root, workers=workers, worker_class=options.worker_class, log=log) as server:
                for number in range(ROUNDS * workers):
                    ask(server.port, {"instances": rows_of(number, N_ROWS)})
                pids = sorted(server.workers())
                pss, rss = [memory(pid, "Pss") for pid in pids], [memory(pid, "Rss") for pid in pids]
                master = memory(server.master, "Pss")
            sums.append((sum(pss), sum(pss) + master))
            each = f"{sum(pss) / workers:.0f} MiB, {sum(rss) / workers:.0f} MiB"
            ratios = [f"{now / first:.2f}" for now, first in zip(sums[-1], sums[0], strict=True)]
            print(f"| {workers} | {sum(pss):.0f} MiB | {each} | {master:.0f} MiB | {' | '.join(ratios)} |", flush=True)
    return 0 if sums[-1][0] <= BOUND * sums[0][0] else 1


def ask(port, document):
    """Send a request on a connection of its own, so that every worker gets its share."""
    headers = {"Content-Type": "application/json", "Connection": "close"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/predict", json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


def memory(pid, name):
    """A figure of a process's memory, in MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


if __name__ == "__main__":
    sys.exit(main())
