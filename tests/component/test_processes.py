"""``andon`` as a process of its own: signals, terminals, pipes, memory."""

import os
import pty
import re
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.events.files import CSV_BLOCK_BYTES

ANDON = [sys.executable, "-m", "service"]
HEADER = b"late,at,flight,origin,hour,holiday,temp,gate\n"


def write_csv(path, n_rows, *, filler=0):
    """Rows of about 50 bytes and as many again as ``filler`` says: ten thousand, again and again."""
    rows = [f"{i % 3 // 2},{i},{i % 500},E{i % 3},{i % 24},true,{i % 40},{'x' * filler}\n" for i in range(10_000)]
    block = "".join(rows).encode()
    with open(path, "wb") as file:
        file.write(HEADER)
        for _ in range(n_rows // len(rows)):
            file.write(block)
    return path


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory):
    """Events that take seconds: whoever interrupts must not come too late, how busy the machine may be."""
    path = write_csv(tmp_path_factory.mktemp("long") / "long.csv", 5_000_000, filler=10)
    yield path
    path.unlink()


def train_command(events, schema_path, store):
    return [*ANDON, "train", str(events), "--schema", str(schema_path), "--store", str(store)]


def until(descriptor, pattern):
    """What a terminal shows until ``pattern`` comes, or until it is closed."""
    shown = b""
    while not re.search(pattern, shown):
        try:
            data = os.read(descriptor, 4_096)
        except OSError:  # Linux's way to say that nobody has the terminal open any more
            break
        if not data:
            break
        shown += data
    return shown


@pytest.fixture
def on_terminal():
    """``on_terminal(command)``: a process whose standard error is a terminal, and the other end of that terminal."""
    opened = []

    def start(command):
        ours, theirs = pty.openpty()
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's job in the background ignores it
        try:
            given = {"stdout": subprocess.PIPE, "stderr": theirs, "stdin": subprocess.DEVNULL, "text": True}
            process = subprocess.Popen(command, **given)
        finally:
            signal.signal(signal.SIGINT, before)
            os.close(theirs)
        opened.append((process, ours))
        return process, ours

    yield start
    for process, ours in opened:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(ours)


def test_a_terminal_shows_progress_and_standard_output_only_the_id(tmp_path, on_terminal, line, schema_path):
    process, terminal = on_terminal(train_command(line.events, schema_path, tmp_path / "store"))
    shown = until(terminal, b"learned").decode()
    shown += until(terminal, b"\0").decode()
    out = process.communicate()[0]
    assert process.returncode == 0
    assert re.fullmatch(r"[0-9a-f]{32}\n", out)
    assert "100%" in shown
    assert re.search(r"train: \d+\.\d s", shown)


def test_a_pipe_shows_no_progress_bar(tmp_path, line, schema_path):
    done = subprocess.run(
        train_command(line.events, schema_path, tmp_path / "store"), capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"[0-9a-f]{32}\n", done.stdout)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f%]", done.stderr)


@pytest.mark.parametrize("command", ["train", "score"])
def test_an_interrupt_leaves_nothing_half_done(tmp_path, on_terminal, line, long_csv, schema_path, command):
    store, out = tmp_path / "store", tmp_path / "out" / "scored.csv"
    out.parent.mkdir()
    if command == "train":
        arguments = [*train_command(long_csv, schema_path, store), "--passes", "10"]
    else:
        arguments = [*ANDON, "score", str(long_csv), "--out", str(out), "--store", str(line.store)]
    process, terminal = on_terminal(arguments)
    assert re.search(rb"[1-9]\d?%", until(terminal, rb"[1-9]\d?%")), "it is at work"
    process.send_signal(signal.SIGINT)
    shown = until(terminal, b"\0").decode()
    printed = process.communicate()[0]
    assert (process.returncode, printed) == (130, "")
    assert "andon: interrupted; nothing was left half done" in shown
    assert "Traceback" not in shown
    assert "Exception" not in shown
    assert [path for path in store.rglob("*") if path.is_file() or path.name.startswith(".")] == []
    assert list(out.parent.iterdir()) == []


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mib(command):
    """The most memory (resident set, MiB) that a command took."""
    done = subprocess.run([sys.executable, "-c", PEAK, *command], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def write_parquet(path, n_rows):
    """Row groups of 100,000 rows, each the same."""
    numbers = np.arange(100_000)
    columns = {
        "late": numbers % 3 // 2,
        "at": numbers,
        "flight": numbers % 500,
        "origin": pa.array(["E0", "E1", "E2"]).take(pa.array(numbers % 3)),
        "hour": numbers % 24,
        "holiday": numbers % 2 == 0,
        "temp": numbers % 40,
    }
    group = pa.table(columns)
    with pq.ParquetWriter(path, group.schema) as writer:
        for _ in range(n_rows // len(numbers)):
            writer.write_table(group)
    return path


def test_memory_does_not_grow_with_the_rows(tmp_path, schema_path):
    """To keep 4,000,000 rows more would take 210 MiB at 8 bytes a value; the file itself is mapped, and small.

    In the smaller file, too, there are more batches than are ever in memory at once; how many those are at the worst
    moment, the threads decide, and some 40 MiB with it.
    """
    files = [write_parquet(tmp_path / f"{n_rows}.parquet", n_rows) for n_rows in (1_000_000, 5_000_000)]
    peaks = [peak_mib(train_command(path, schema_path, tmp_path / path.stem)) for path in files]
    assert peaks[1] - peaks[0] < 100, peaks


def test_memory_does_not_grow_with_the_length_of_a_csv_file(tmp_path, schema_path):
    """One block is in memory at once, and what was made of a few. To keep the rows would take 300 MiB more."""
    files = [write_csv(tmp_path / f"{n_rows}.csv", n_rows, filler=1_400) for n_rows in (110_000, 330_000)]
    assert files[0].stat().st_size > 9 * CSV_BLOCK_BYTES  # which is more than are ever in memory
    peaks = [peak_mib(train_command(path, schema_path, tmp_path / path.stem)) for path in files]
    assert peaks[1] - peaks[0] < 100, peaks
    for path in files:
        path.unlink()
