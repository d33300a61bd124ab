"""The compiled loops in C, against the same loops by numba."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from harness.bench import N_BUCKETS, Bench
from harness.machine import version_of
from harness.results import Figure, Result
from harness.rounds import compared, median, seconds_of, take_turns
from peers import numba_kernels
from service.kernels import hashing, learning

TITLE = "Kernels: C against numba"
HOW = """\
The two hottest loops, {rows:,} rows, in this process on one core: XXH64 of a text column (values of 5 to 30 bytes), and
FTRL-Proximal over rows of {slots} slots in a table of 2^22 buckets. `peers/numba_kernels.py` has them as numba would,
the learner being the one that Andon had before; both give the same bits, which is checked. A start is a new process
that imports the loops and runs each once: from numba's cache on the disk, and with an empty one."""

PARAMETERS = {"alpha": 0.1, "beta": 1.0, "l1": 0.0, "l2": 1.0}
N_SLOTS = 12
HASH_C, HASH_NUMBA, LEARN_C, LEARN_NUMBA = "hash, C", "hash, numba", "learn, C", "learn, numba"
START_C, START_NUMBA, START_EMPTY = "start, C", "start, numba", "start, numba, nothing cached"

ONCE_C = """
import numpy as np
from service.kernels import hashing, learning
place = np.zeros(1, np.int32)
hashing.hash_text(place, place, np.zeros(1, np.uint8), np.zeros(1, np.uint64))
zeros = np.zeros((3, 2))
learning.learn_rows(np.zeros((1, 1), np.uint32), np.zeros(1, np.int8), zeros, alpha=1.0, beta=1.0, l1=0.0, l2=0.0)
"""
ONCE_NUMBA = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from peers import numba_kernels
numba_kernels.hash_text(np.zeros(2, np.int32), np.zeros(1, np.uint8), np.zeros(1, np.uint64))
numba_kernels.learn_rows(
    np.zeros((1, 1), np.uint32), np.zeros(1, np.int8), np.zeros((3, 2)), 1.0, 1.0, 0.0, 0.0, np.empty(1)
)
"""


def measure(bench: Bench) -> Result:
    """Seconds of each loop and each start, in turns."""
    n_rows = bench.size(1_000_000, 100_000)
    random = np.random.default_rng(0)
    offsets = np.cumsum(np.append(0, random.integers(5, 31, n_rows))).astype(np.int32)
    data = random.integers(97, 123, offsets[-1]).astype(np.uint8)
    buckets = (random.zipf(1.1, (n_rows, N_SLOTS)) % N_BUCKETS).astype(np.uint32)
    labels = (random.random(n_rows) < 0.2).astype(np.int8)
    hashed: dict[str, np.ndarray] = {}
    learned: dict[str, np.ndarray] = {}

    def hash_by(name: str) -> None:
        hashed[name] = np.full(n_rows, 42, dtype=np.uint64)
        if name == HASH_C:
            hashing.hash_text(offsets[:-1], offsets[1:], data, hashed[name])
        else:
            numba_kernels.hash_text(offsets, data, hashed[name])

    def learn_by(name: str) -> None:
        learned[name] = np.zeros((N_BUCKETS + 1, 2))
        if name == LEARN_C:
            learning.learn_rows(buckets, labels, learned[name], **PARAMETERS)
        else:
            numba_kernels.learn_rows(buckets, labels, learned[name], *PARAMETERS.values(), np.empty(n_rows))

    with bench.folder() as folder:
        kept = {"NUMBA_CACHE_DIR": str(folder / "cache")}
        _start(ONCE_NUMBA, kept)
        found = take_turns(
            {
                HASH_C: partial(seconds_of, lambda: hash_by(HASH_C)),
                HASH_NUMBA: partial(seconds_of, lambda: hash_by(HASH_NUMBA)),
                LEARN_C: partial(seconds_of, lambda: learn_by(LEARN_C)),
                LEARN_NUMBA: partial(seconds_of, lambda: learn_by(LEARN_NUMBA)),
                START_C: partial(seconds_of, lambda: _start(ONCE_C, {})),
                START_NUMBA: partial(seconds_of, lambda: _start(ONCE_NUMBA, kept)),
            },
            bench.rounds,
        )
        empty = {"NUMBA_CACHE_DIR": str(folder / "empty")}
        found[START_EMPTY] = [seconds_of(lambda: _start(ONCE_NUMBA, empty))]
    if not np.array_equal(hashed[HASH_C], hashed[HASH_NUMBA]) or not np.array_equal(
        learned[LEARN_C], learned[LEARN_NUMBA]
    ):
        raise AssertionError("C and numba differ")
    return Result(
        figures=[
            _figure("Hash a text column", found, HASH_C, HASH_NUMBA, n_rows),
            _figure("Learn rows of 12 slots", found, LEARN_C, LEARN_NUMBA, n_rows),
            _figure("Import and run once, cached", found, START_C, START_NUMBA, 1),
        ],
        sizes={"rows": n_rows, "slots": N_SLOTS, "rounds": bench.rounds},
        raw=found,
        tables={"What each costs": _costs(found)},
        versions=version_of("numba", "llvmlite", "numpy"),
    )


def _costs(found: dict[str, list[float]]) -> list[list[str]]:
    ours = sum(len(Path(module.__file__ or "").read_bytes()) for module in (hashing, learning))
    libraries = sum(path.stat().st_size for path in Path(hashing.__file__).parent.glob("_andon*.so"))
    return [
        ["", "C", "numba"],
        ["first run on a machine", f"{median(found[START_C]):.2f} s", f"{median(found[START_EMPTY]):.1f} s"],
        ["later runs", f"{median(found[START_C]):.2f} s", f"{median(found[START_NUMBA]):.2f} s"],
        ["installed", f"{(libraries + ours) / 1e6:.2f} MB", f"{_size('numba', 'llvmlite') / 1e6:.0f} MB"],
    ]


def _size(*names: str) -> int:
    files = [file for name in names for file in distribution(name).files or ()]
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file())


def _start(code: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-I", "-c", code, str(Path(__file__).resolve().parents[1])]
    subprocess.run(command, check=True, env={**os.environ, **environment})


def _figure(name: str, found: dict[str, list[float]], ours: str, peer: str, count: int) -> Figure:
    rates = {side: [count / seconds for seconds in found[side]] for side in (ours, peer)}
    unit = "rows/s" if count > 1 else "starts/s"
    return compared(name, rates[ours], rates[peer], unit=unit, against="numba")
