"""Hashing and encoding, against scikit-learn's FeatureHasher."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.feature_extraction import FeatureHasher

from clicks.fields import FIELDS
from harness.bench import N_BUCKETS, Bench, words_of
from harness.machine import version_of
from harness.results import Figure, Result
from harness.rounds import compared, seconds_of, take_turns
from service.core.columnar import encode_columns
from service.core.documents import load_schema
from service.core.features import Schema
from service.toml import read_toml

TITLE = "Hash and encode"
HOW = """\
The same rows, {rows:,} of the training rows, from memory to buckets below 2^22, in this process. Ours takes Arrow
record batches of {batch_rows:,} rows, `service.core.columnar.encode_columns`, once with plain string columns and
once with dictionary-encoded ones (each batch its own dictionary). `FeatureHasher(n_features=2**22,
input_type="string")` is given its best shape, and the one that the ratio asked for is held against: lists of
`field=value` words that were made before the clock runs. It computes on one core, for it holds the interpreter's
lock; ours lets go of it, so that two threads encode two batches at once: that is the figure the ratio is asked of,
and the next line has one thread's. The last line has the making of the words from the same Arrow batches inside the
clock, which is what a program with such a table would pay."""

PREPARED = "FeatureHasher, words made before"
FROM_ARROW = "FeatureHasher, words made of the batches"
BOTH, PLAIN, DICTIONARIES = "Andon, plain strings, two threads", "Andon, plain strings", "Andon, dictionaries"
N_THREADS = 2
BATCH_ROWS = 65_536


def measure(bench: Bench) -> Result:
    """Rows a second of each, in turns."""
    n_rows = bench.size(500_000, 50_000)
    schema = load_schema(read_toml(bench.clicks.schema(N_BUCKETS)), source="the benchmark")
    plain = [
        batch
        for path in bench.clicks.train("parquet", n_rows)
        for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS)
    ]
    coded = [_dictionaries(batch) for batch in plain]
    words = [words_of(batch) for batch in plain]
    hasher = FeatureHasher(n_features=N_BUCKETS, input_type="string")
    for batches in (plain, coded):
        _encode(schema, batches[:1])  # whatever has to be loaded or compiled
    pool = ThreadPoolExecutor(max_workers=N_THREADS)
    sides: dict[str, Callable[[], object]] = {
        BOTH: lambda: list(pool.map(lambda batch: _encode(schema, [batch]), plain)),
        PLAIN: lambda: _encode(schema, plain),
        DICTIONARIES: lambda: _encode(schema, coded),
        PREPARED: lambda: [hasher.transform(batch) for batch in words],
        FROM_ARROW: lambda: [hasher.transform(words_of(batch)) for batch in plain],
    }
    found = take_turns({name: partial(_rate, side, n_rows) for name, side in sides.items()}, bench.rounds)
    return Result(
        figures=[
            _figure("Encode, plain string columns, both cores", found, BOTH, PREPARED, asked=30.0),
            _figure("Encode, plain string columns, one core", found, PLAIN, PREPARED),
            _figure("Encode, dictionary columns, one core", found, DICTIONARIES, PREPARED),
            _figure("Encode, plain, one core, the peer making its words", found, PLAIN, FROM_ARROW),
        ],
        sizes={"rows": n_rows, "batch_rows": BATCH_ROWS, "rounds": bench.rounds},
        raw=found,
        versions=version_of("scikit-learn", "numpy", "pyarrow"),
    )


def _figure(name: str, found: dict[str, list[float]], ours: str, peer: str, asked: float | None = None) -> Figure:
    return compared(name, found[ours], found[peer], unit="rows/s", against="FeatureHasher", asked=asked)


def _rate(side: Callable[[], object], n_rows: int) -> float:
    return n_rows / seconds_of(side)


def _encode(schema: Schema, batches: list[pa.RecordBatch]) -> None:
    for batch in batches:
        encode_columns(schema, {field.name: batch[field.name] for field in FIELDS})


def _dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch({field.name: batch[field.name].dictionary_encode() for field in FIELDS})
