"""Bulk scoring of files, against ``vw -t``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness import vowpal
from harness.bench import N_BUCKETS, Bench
from harness.commands import ANDON, read_through, run
from harness.machine import version_of
from harness.results import Result
from harness.rounds import compared, shown, take_turns

TITLE = "Score"
HOW = """\
Whole commands on the same rows in one file, from before the start of the process until after its end: `andon score`
with 2^22 buckets, Parquet to Parquet and CSV to CSV, and `vw -t -p FILE` from its own format to a line of text for
each row. Once with {rows:,} rows and once with {few_rows:,}, where the start of the process is a part of it. Both
models learned {model_rows:,} rows before. Each run's file is read
through before its clock starts, so it is in the page cache."""

PEER = "vw -t"
KINDS = ("parquet", "csv")


def measure(bench: Bench) -> Result:
    """Rows a second of whole commands, in turns, for many rows and for few."""
    sizes = [bench.size(10_000_000, 50_000), bench.size(200_000, 20_000)]
    figures, raw = [], {}
    with bench.store() as store:
        model = store.parent / "model.vw"
        vowpal.train(bench.clicks.joined("vw", bench.model_rows), model)
        for n_rows in sizes:
            found = take_turns(_sides(bench, store, model, n_rows), bench.rounds)
            raw[str(n_rows)] = found
            for kind in KINDS:
                name, asked = f"Score {shown(n_rows)} rows, {kind} to {kind}", 10.0 if n_rows == sizes[0] else None
                more = {"unit": "rows/s", "against": "Vowpal Wabbit -t", "asked": asked}
                figures.append(compared(name, found[kind], found[PEER], **more))
    return Result(
        figures=figures,
        sizes={
            "rows": sizes[0],
            "few_rows": sizes[1],
            "model_rows": bench.model_rows,
            "n_buckets": N_BUCKETS,
            "rounds": bench.rounds,
        },
        raw=raw,
        versions=version_of("vowpalwabbit", "pyarrow"),
    )


def _sides(bench: Bench, store: Path, model: Path, n_rows: int) -> dict[str, Callable[[], float]]:
    text = bench.clicks.joined("vw", n_rows)

    def ours(kind: str) -> Callable[[], float]:
        events = bench.clicks.joined(kind, n_rows)
        out = store.parent / f"scores.{kind}"

        def seconds() -> float:
            read_through(events)
            return run([*ANDON, "score", events, "--out", out, "--store", store]).seconds

        return lambda: n_rows / seconds()

    out = store.parent / "scores.txt"
    return {
        PEER: lambda: n_rows / vowpal.score(text, model, out).seconds,
        **{kind: ours(kind) for kind in KINDS},
    }
