"""Whichever library a machine is given, it computes the same bits."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from service.kernels import build, library

HERE = Path(library.__file__).parent
V3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}
N_ROWS, N_SLOTS, N_BUCKETS = 3_000, 12, 2**10


def opened(name):
    return ctypes.CDLL(str(HERE / name))


def flags():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def at(array):
    return ctypes.c_void_p(array.ctypes.data)


def made_by(opened):
    """What the loops that reckon with fractions, and hashing, make of random rows."""
    random = np.random.default_rng(7)
    rows, slots, n_buckets = (ctypes.c_int64(size) for size in (N_ROWS, N_SLOTS, N_BUCKETS))
    buckets = random.integers(0, N_BUCKETS, (N_ROWS, N_SLOTS)).astype(np.uint32)
    labels = (random.random(N_ROWS) < 0.3).astype(np.int8)
    state, probabilities, scratch = np.zeros((N_BUCKETS + 1, 2)), np.empty(N_ROWS), np.empty(6 * N_SLOTS)
    settings = [ctypes.c_double(value) for value in (0.3, 0.7, 0.01, 1.0)]
    arrays = (at(labels), at(state), n_buckets, *settings, at(scratch), at(probabilities))
    opened.learn_rows(at(buckets), rows, slots, *arrays)
    weights = np.empty(N_BUCKETS + 1, dtype=np.float32)
    opened.learned_weights(at(state), n_buckets, *settings, at(weights))
    logits, rates = random.normal(0, 30, N_ROWS), np.empty(N_ROWS)
    opened.sigmoids(at(logits), rows)
    opened.running_rates(at(labels), rows, ctypes.c_int64(3), ctypes.c_int64(1), at(rates))
    lengths = random.integers(0, 70, N_ROWS)
    ends = np.cumsum(lengths).astype(np.int32)
    begins, text = (ends - lengths).astype(np.int32), random.integers(0, 256, ends[-1]).astype(np.uint8)
    hashes, seed = np.empty(N_ROWS, dtype=np.uint64), ctypes.c_uint64(5)
    where = (at(begins), at(ends), rows, at(text), ctypes.c_int64(len(text)), None, ctypes.c_int64(0))
    opened.hash_text_from_32(*where, seed, at(hashes))
    return [array.tobytes() for array in (state, probabilities, weights, logits, rates, hashes)]


def test_the_machine_is_what_its_system_says_it_is():
    assert bool(opened(build.LIBRARY).machine_is_v3()) == (flags() >= V3)


@pytest.mark.skipif(not (flags() >= V3 and (HERE / build.LIBRARY_V3).exists()), reason="there is one of them alone")
def test_the_libraries_compute_the_same_bits():
    usual, of_v3 = (made_by(opened(name)) for name in (build.LIBRARY, build.LIBRARY_V3))
    assert usual == of_v3


@pytest.mark.parametrize("v3", [True, False])
def test_the_faster_one_is_taken_where_the_machine_is_one_of_its_kind(monkeypatch, v3):
    class Opened:
        def __init__(self, name):
            self.name = name
            self.machine_is_v3 = lambda: v3

    monkeypatch.setattr(library, "_opened", Opened)
    assert library._load().name == (build.LIBRARY_V3 if v3 and (HERE / build.LIBRARY_V3).exists() else build.LIBRARY)


def test_without_the_faster_one_the_usual_one_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "_opened", lambda name: name)
    monkeypatch.setattr(library, "_path", tmp_path.joinpath)
    assert library._load() == build.LIBRARY
