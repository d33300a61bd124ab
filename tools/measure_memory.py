"""Peak memory of ``andon train`` as the rows grow: the flights written out several times over, as CSV and as Parquet.

    python tools/measure_memory.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from service.demo import EVENTS, SCHEMA

TIMES = (1, 4, 16)


def main():
    """Train on each file in a process of its own and print a row of the table."""
    flights = pq.read_table(EVENTS)
    print("| rows | format | file, MB | seconds | rows a second | peak memory, MB |\n|---|---|---|---|---|---|")
    for kind in ("csv", "parquet"):
        for times in TIMES:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"flights.{kind}"
                write(path, flights, times)
                size = path.stat().st_size / 1e6
                seconds, peak = train(path, Path(folder) / "store")
            rows = times * len(flights)
            cells = (f"{rows:,}", kind, f"{size:.0f}", f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{peak:.0f}")
            print(f"| {' | '.join(cells)} |", flush=True)
    return 0


def write(path, flights, times):
    """The flights, some times over, as text or as columns."""
    if path.suffix == ".csv":
        text = flights.set_column(0, "time_hour", flights["time_hour"].cast(pa.string()))
        with pa_csv.CSVWriter(path, text.schema) as writer:
            for _ in range(times):
                writer.write_table(text)
    else:
        with pq.ParquetWriter(path, flights.schema) as writer:
            for _ in range(times):
                writer.write_table(flights)


def train(path, store):
    """Seconds and peak resident memory (MB) of one training run."""
    command = [sys.executable, "-m", "service", "train", str(path), "--schema", str(SCHEMA), "--store", str(store)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(process.stderr.read().decode())
    return time.monotonic() - started, usage.ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
