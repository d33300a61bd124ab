"""Random bytes for the reader of requests: compiled with sanitizers, and each answer compared with the long way's.

    python tools/fuzz_requests.py --seconds 600

Needs gcc with its libasan and libubsan. Exits 1 at the first answer that the long way does not give to the same bit; a
sanitizer's finding ends the process with its report.
"""

import argparse
import ctypes
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

from service.core.documents import load_schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.core.reader import RequestReader
from service.errors import InvalidRequest
from service.kernels.build import FLAGS

SOURCE = Path(__file__).with_suffix(".c")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1", "-fno-omit-frame-pointer")
VARIANTS = {"SSE2": (), "portable": ("-DANDON_NO_SSE2",)}
INSIDE = "ANDON_FUZZ_INSIDE"
ROUNDS = 20_000
LONGEST = 2**16  # bytes of a body, as in the C file
N_BUCKETS = 2**16

SCHEMA = {
    "name": "fuzz",
    "label": "y",
    "n_buckets": N_BUCKETS,
    "crosses": [["s", "n"], ["a longer name", "s", "é\"q\\"], ["i", "e", "n"]],
    "fields": {
        "s": {"type": "string", "required": False},
        "a longer name": {"type": "string", "required": False},
        "é\"q\\": {"type": "string", "required": False},
        "i": {"type": "integer", "required": False},
        "b": {"type": "boolean", "required": False},
        "n": {"type": "number", "required": False, "bins": "log2"},
        "e": {"type": "number", "required": False, "bins": [-1e6, -1, 0, 5e-324, 0.1, 0.3, 1, 9007199254740993, 1e22]},
        "required": {"type": "boolean"},
    },
}

Judge = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_double)
)


def main():
    """Start again inside the address sanitizer, and there fuzz by turns each variant, documents and lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if INSIDE not in os.environ:
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=inside(), check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="andon-fuzz-") as folder:
        libraries = {name: compiled(Path(folder) / f"{name}.so", flags) for name, flags in VARIANTS.items()}
        sys.exit(fuzz(libraries, seconds=options.seconds, seed=options.seed))


def inside():
    """The environment in which the sanitizer's allocator serves this whole process, Python's own objects included."""
    found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return {
        **os.environ,
        INSIDE: "1",
        "LD_PRELOAD": found.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }


def compiled(library, flags):
    """The library of the C loop, with sanitizers."""
    kept = [flag for flag in FLAGS if flag != "-O3"]
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    command = ["gcc", *kept, *SANITIZE, *flags, str(SOURCE), "-o", str(library), "-lm"]
    subprocess.run(command, env=environment, check=True)
    loop = ctypes.CDLL(str(library)).fuzz
    loop.restype = ctypes.c_int64
    loop.argtypes = (
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32),
        *(ctypes.c_uint64, ctypes.c_int64, Judge),
    )
    return loop


def fuzz(libraries, *, seconds, seed):
    """Fuzz for so long; print what was done; 1 if an answer was wrong."""
    schema = load_schema(SCHEMA, source="the fuzzer")
    weights = np.random.default_rng(seed).normal(size=N_BUCKETS + 1).astype(np.float32)
    predictor = Predictor(schema=schema, model=LinearModel(weights), version="fuzz")
    reader = RequestReader(schema, weights)
    chance = random.Random(seed)
    tried = dict.fromkeys(((name, by_lines) for name in libraries for by_lines in (False, True)), 0)
    answered, compared = dict(tried), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, by_lines in tried:
            bodies = [body for body in (corpus_body(chance, by_lines) for _ in range(200)) if len(body) <= LONGEST]
            judge = Comparison(predictor, by_lines, chance)
            found = run(libraries[name], reader, bodies, by_lines, chance.getrandbits(60), judge)
            tried[name, by_lines] += ROUNDS
            answered[name, by_lines] += found
            compared += judge.compared
            if found < 0:
                print(f"{name}, by_lines={by_lines}: {judge.body!r}: {judge.found}, but {judge.expected}")
                return 1
    for (name, by_lines), rounds in tried.items():
        kind = "lines" if by_lines else "documents"
        print(f"{name:8}  {kind:9}  {rounds:>12,} requests, {answered[name, by_lines]:>11,} answered")
    print(f"{compared:,} answers compared with the long way's, none different; no sanitizer spoke")
    return 0


def run(loop, reader, bodies, by_lines, seed, judge):
    """One turn of the C loop."""
    pointers = (ctypes.c_char_p * len(bodies))(*bodies)
    lengths = (ctypes.c_int64 * len(bodies))(*map(len, bodies))
    return loop(reader._plan.address, pointers, lengths, len(bodies), by_lines, seed, ROUNDS, Judge(judge))


class Comparison:
    """Compares some of the answers with the long way's, and keeps the one that differs."""

    def __init__(self, predictor, by_lines, chance):
        self.predictor = predictor
        self.by_lines = by_lines
        self.chance = chance
        self.compared = 0

    def __call__(self, body, n_bytes, n_rows, probabilities):
        """1: go on."""
        if self.chance.random() < 0.75:
            return 1
        self.body = ctypes.string_at(body, n_bytes)
        self.found = probabilities[:n_rows]
        try:
            self.expected = self.predictor.predict_rows(self.predictor.request_document.check(self.parsed()))
        except (orjson.JSONDecodeError, InvalidRequest) as error:
            self.expected = repr(error)
        self.compared += 1
        return int(self.found == self.expected)

    def parsed(self):
        """The document, or the lines as one."""
        if not self.by_lines:
            return orjson.loads(self.body)
        lines = [line.removesuffix(b"\r") for line in self.body.split(b"\n")]
        return {"instances": [orjson.loads(line) for line in lines if line]}


def corpus_body(chance, by_lines):
    """A valid request of a few rows, as one of several clients would write it."""
    rows = [corpus_row(chance) for _ in range(chance.choice([1, 1, 2, 3, 9]))]
    dumps = chance.choice(
        [
            orjson.dumps,
            lambda value: json.dumps(value).encode(),
            lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
            lambda value: json.dumps(value, indent=None if by_lines else 1).encode(),
        ]
    )
    if by_lines:
        return chance.choice([b"\n", b"\r\n", b"\n\n"]).join(map(dumps, rows))
    return dumps({"instances": rows})


def corpus_row(chance):
    """One valid row, in an order of its own, with keys that the model does not know."""
    if chance.random() < 0.01:  # as much decoded text as there is space for, and a little more
        return {"s": "\n" * chance.randint(16370, 16390), "e": 1, "required": None}
    texts = ["", "a", "N14228", "0123456789abcdef", "né", "机场 Zürich", 'q"\\/\n\0', "\U0001f6eb" * 5, "x" * 300]
    numbers = [0, -0.0, 1, -1.5, 0.1, 0.1 + 0.2, 5e-324, 9007199254740993, 2.0**64, 1e22, 1e23, chance.gauss(0, 1e3)]
    values = {
        **{name: lambda: chance.choice(texts) for name in ("s", "a longer name", "é\"q\\", "other")},
        **{name: lambda: chance.choice(numbers) for name in ("n", "e", "number")},
        "i": lambda: chance.choice([0, -1, 12, 2**63 - 1, -(2**63), chance.getrandbits(62)]),
        "b": lambda: chance.random() < 0.5,
        "nested": lambda: [{"deep": [[chance.choice(texts)], {"n": chance.choice(numbers)}]}, None, True, {}],
    }
    keys = chance.sample(sorted(values), chance.randint(0, len(values))) + ["required"]
    chance.shuffle(keys)
    values["required"] = values["b"]
    return {key: values[key]() if chance.random() < 0.8 else None for key in keys}


if __name__ == "__main__":
    main()
