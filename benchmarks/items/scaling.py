"""Rows a second of train, score and serve as rows and buckets grow, beside what memory allows."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from clicks.fields import FIELDS
from harness import memory_limits, payloads, stacks
from harness.bench import N_BUCKETS, Bench
from harness.commands import ANDON, run
from harness.results import NotMeasured, Result
from harness.rounds import median, shown
from harness.say import say
from harness.servers import HOST, Request, Server, serving
from service.core.columnar import encode_columns
from service.core.documents import load_schema
from service.toml import read_toml

TITLE = "Scaling"
HOW = """\
Rows: {rows} at 2^22 buckets. Buckets: {buckets} at {fixed:,} rows. Train and score: whole commands, from Parquet
(`andon train --passes 1`, `andon score`, Parquet to Parquet). Serve: so many rows in all, {request_rows:,} a
request ({format}), over four kept connections to two workers, from the first request to the last answer, the median
of the rounds. Limits, measured in the same run by loops that do nothing else: for each of the twelve slots of a
row, train reads and writes two float64 of the learner's table (one thread, as the learner has), score and serve
read a float32 (two threads, as many as there are cores), once with buckets that are spread evenly and once with the
buckets of the clicks themselves, whose frequent ids stay in the caches. The copy is one thread's, of as many bytes
as the ids of a row have."""

CONNECTIONS = 4
TASKS = ("train", "score", "serve")
LIMIT_ROWS = 400_000


def measure(bench: Bench) -> Result:
    """Each task at each size; then the limits."""
    exponents = range(4, 6) if bench.quick else range(4, 8)
    all_rows = [10**exponent for exponent in exponents]
    all_buckets = [2**exponent for exponent in (range(16, 27, 5) if bench.quick else range(16, 27, 2))]
    fixed = bench.size(1_000_000, 100_000)
    form, requests = _requests(bench)
    by_rows = {str(n_rows): _rates(bench, n_rows, N_BUCKETS, requests) for n_rows in all_rows}
    by_buckets = {str(n): _rates(bench, fixed, n, requests) for n in all_buckets}
    limits = {str(n): _limits(bench, n) for n in all_buckets}
    copy = memory_limits.copy_bandwidth()
    row_bytes = _row_bytes(bench)
    raw = {
        "rows": by_rows,
        "buckets": by_buckets,
        "limits": limits,
        "copy_bytes_per_second": copy,
        "row_bytes": row_bytes,
        "copy_rows_per_second": copy / row_bytes,
        "fixed_rows": fixed,
        "fixed_buckets": N_BUCKETS,
    }
    return Result(
        sizes={
            "rows": ", ".join(shown(n) for n in all_rows),
            "buckets": ", ".join(f"2^{n.bit_length() - 1}" for n in all_buckets),
            "fixed": fixed,
            "request_rows": len_of(requests),
            "format": form,
            "rounds": bench.rounds,
        },
        raw=raw,
        tables={
            "Rows, at 2^22 buckets": [["rows", *TASKS], *([f"{int(n):,}", *_cells(r)] for n, r in by_rows.items())],
            f"Buckets, at {fixed:,} rows": _bucket_table(by_buckets, limits),
            "Copying": [
                ["bytes a second, one thread", "bytes of a row's ids", "rows a second"],
                [shown(copy), shown(row_bytes), shown(copy / row_bytes)],
            ],
        },
    )


def len_of(requests: tuple[int, list[Request]]) -> int:
    """Rows a request."""
    return requests[0]


def _cells(rates: dict[str, float | None]) -> list[str]:
    return [shown(rates[task]) for task in TASKS]


def _bucket_table(found: dict[str, dict[str, float | None]], limits: dict[str, dict[str, float]]) -> list[list[str]]:
    head = ["buckets", *TASKS]
    head += [f"{name}, share of {limit}" for name in ("train", "score") for limit in ("its gather", "an even gather")]
    rows = [head]
    for n_buckets, rates in found.items():
        shares = []
        for task in ("train", "score"):
            for kind in ("clicks", "even"):
                rate = rates[task]
                shares.append("–" if rate is None else f"{rate / limits[n_buckets][f'{task}_{kind}']:.1%}")
        rows.append([f"2^{int(n_buckets).bit_length() - 1}", *_cells(rates), *shares])
    return rows


def _rates(bench: Bench, n_rows: int, n_buckets: int, requests: tuple[int, list[Request]]) -> dict[str, float | None]:
    say(f"  {n_rows:,} rows, {n_buckets:,} buckets")
    found: dict[str, list[float]] = {task: [] for task in TASKS}
    events, joined = bench.clicks.train("parquet", n_rows), bench.clicks.joined("parquet", n_rows)
    with bench.folder() as folder:
        store, out = folder / "store", folder / "scores.parquet"
        version = ""
        for _ in range(bench.rounds):
            ran = bench.train(store, events, n_buckets)
            version = ran.output.strip()
            found["train"].append(n_rows / ran.seconds)
            scored = run([*ANDON, "score", joined, "--out", out, "--store", store, "--version", version])
            found["score"].append(n_rows / scored.seconds)
        run([*ANDON, "promote", version, "--store", store, "--override", "benchmark: no gate was asked"])
        try:
            found["serve"] = _serve(store, n_rows, requests, bench.rounds)
        except NotMeasured as reason:
            say(f"  not measured: serve: {reason}")
    return {task: median(rates) if rates else None for task, rates in found.items()}


def _requests(bench: Bench) -> tuple[str, tuple[int, list[Request]]]:
    """Arrow of 10,000 rows a request where the server takes it, JSON of 1,000 where not."""
    arrow = payloads.all_of(payloads.arrow, payloads.chunks(bench.clicks, 10_000, 8, bench.test_rows))
    plain = payloads.all_of(payloads.instances, payloads.chunks(bench.clicks, 1_000, 8, bench.test_rows))
    with bench.store(2**16) as store, serving(stacks.andon(store), plain[0]) as server:
        taken = server.ask(arrow[0])[0] == 200
    return ("Arrow, plain strings", (10_000, arrow)) if taken else ("JSON", (1_000, plain))


def _serve(store: Path, n_rows: int, requests: tuple[int, list[Request]], n_rounds: int) -> list[float]:
    request_rows, some = requests
    n_requests = max(n_rows // request_rows, 1)
    with serving(stacks.andon(store), some[0]) as server:
        for _ in range(2 * CONNECTIONS):
            server.expect(some[0])
        return [n_requests * request_rows / _send(server, some, n_requests) for _ in range(n_rounds)]


def _send(server: Server, requests: Sequence[Request], n_requests: int) -> float:
    """Seconds until so many requests are answered over kept connections."""
    failed: list[int] = []
    numbers = iter(range(n_requests))
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None or failed:
                break
            request = requests[number % len(requests)]
            connection.request("POST", request.path, request.body, request.headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise NotMeasured(f"answers {failed[0]}")
    return time.perf_counter() - started


def _limits(bench: Bench, n_buckets: int) -> dict[str, float]:
    rows = {
        "clicks": _buckets(bench, n_buckets),
        "even": memory_limits.uniform(n_buckets, len(FIELDS), bench.size(LIMIT_ROWS, LIMIT_ROWS // 4)),
    }
    found = {}
    for kind, some in rows.items():
        found[f"train_{kind}"] = memory_limits.learning_limit(n_buckets, [some])
        found[f"score_{kind}"] = memory_limits.scoring_limit(n_buckets, np.array_split(some, 2))
    return found


def _buckets(bench: Bench, n_buckets: int) -> memory_limits.Rows:
    schema = load_schema(read_toml(bench.clicks.schema(n_buckets)), source="the benchmark")
    (path,) = bench.clicks.train("parquet", bench.size(1_000_000, 100_000))
    batches = pq.ParquetFile(path).iter_batches(batch_size=65_536)
    buckets = [encode_columns(schema, {f.name: batch[f.name] for f in FIELDS}) for batch in batches]
    return np.ascontiguousarray(np.concatenate(buckets)[:LIMIT_ROWS])


def _row_bytes(bench: Bench) -> float:
    (path,) = [bench.clicks.test("parquet", bench.test_rows)]
    table = pq.read_table(path, columns=[field.name for field in FIELDS])
    return table.nbytes / len(table)
