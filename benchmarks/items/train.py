"""Training from files, against Vowpal Wabbit: rows a second, the loss it ends with, and memory."""

from __future__ import annotations

from pathlib import Path

from harness import vowpal
from harness.bench import LEARNER, N_BUCKETS, Bench
from harness.commands import ANDON, run
from harness.losses import log_loss, scored
from harness.machine import version_of
from harness.results import Figure, NotMeasured, Result
from harness.rounds import compared, shown, take_turns

TITLE = "Train"
HOW = """\
Whole commands, from before the start of the process until after its end, on {rows:,} rows and 2^22 buckets, one
pass: `andon train --passes 1 {learner}` reads files of up to a million rows, `vw --loss_function logistic -b 22 -f
MODEL` one file in its own format, of the shape that it reads fastest (one namespace, one letter for a field's
name), all else as it comes and no cache. (`vw` is the command of the `vowpalwabbit` package, `python -m
vowpalwabbit`: C++ reads the file on one thread and learns on another.) Both write their model. Our learner's
settings are the best of 60 by the log loss on 300,000 rows that are neither learned nor tested on, after a million
rows; Vowpal Wabbit's are its defaults and were not tuned, so the comparison of losses is one of a tuned learner
with an untuned one. What `vw --ftrl` reaches with our settings stands in the table of losses, untimed. Each run's
files are read through before its clock starts, so they are in the page cache. The losses are those of the last
round's models on {test_rows:,} rows that neither saw, from what `andon score` and `vw -t` wrote, by the same code;
the floor is the log loss of the probabilities that the labels were drawn with. Memory: the resident set of the whole
family of processes, sampled ten times a second, or the kernel's count of the largest (`ru_maxrss`), whichever is more,
less 16 bytes a bucket for the learner's table."""

CSV, PARQUET, PEER = "andon train, CSV", "andon train, Parquet", "vw"
TUNED, TUNED_OPTIONS = "vw, the same learner", ("--ftrl", "--ftrl_alpha", "0.3", "--ftrl_beta", "0.3")
STATE_BYTES = 16
GIGABYTE = 1e9


def measure(bench: Bench) -> Result:
    """Rows a second of whole commands, in turns; then the losses and the memory."""
    n_rows, memory_rows = bench.size(10_000_000, 50_000), bench.size(20_000_000, 100_000)
    clicks, versions = bench.clicks, {}
    csv, parquet, text = clicks.train("csv", n_rows), clicks.train("parquet", n_rows), clicks.joined("vw", n_rows)
    with bench.folder() as folder:
        store, model = folder / "store", folder / "model.vw"

        def ours(kind: str, events: list[Path]) -> float:
            ran = bench.train(store, events)
            versions[kind] = ran.output.strip()
            return n_rows / ran.seconds

        sides = {
            PEER: lambda: n_rows / vowpal.train(text, model).seconds,
            CSV: lambda: ours(CSV, csv),
            PARQUET: lambda: ours(PARQUET, parquet),
        }
        found = take_turns(sides, bench.rounds)
        losses = {
            PEER: _loss_of_vowpal(bench, model, folder),
            **{kind: _loss(bench, store, version, folder) for kind, version in versions.items()},
        }
        vowpal.train(text, model, *TUNED_OPTIONS)
        losses[TUNED] = _loss_of_vowpal(bench, model, folder)
        memory = _memory(bench, store, memory_rows)
    floor = clicks.floor(bench.test_rows)
    return Result(
        figures=[
            _rate("Train from CSV", found, CSV, 2.5),
            _rate("Train from Parquet", found, PARQUET, 4.0),
            Figure(
                name=f"Test log loss (floor {floor:.4f})",
                unit="",
                ours=max(losses[CSV], losses[PARQUET]),
                peer=losses[PEER],
                against="Vowpal Wabbit, default settings",
                asked=1.0,
                at_least=False,
            ),
            memory,
        ],
        sizes={
            "rows": n_rows,
            "test_rows": bench.test_rows,
            "memory_rows": memory_rows,
            "n_buckets": N_BUCKETS,
            "rounds": bench.rounds,
            "learner": " ".join(LEARNER),
        },
        raw={"rows_per_second": found, "log_loss": losses, "floor": floor, "versions": versions},
        tables={"Test log loss": [["", "log loss", "above the floor"], *_loss_rows(losses, floor)]},
        versions=version_of("vowpalwabbit", "pyarrow"),
    )


def _rate(name: str, found: dict[str, list[float]], side: str, asked: float) -> Figure:
    return compared(name, found[side], found[PEER], unit="rows/s", against="Vowpal Wabbit", asked=asked)


def _loss_rows(losses: dict[str, float], floor: float) -> list[list[str]]:
    return [
        ["floor", f"{floor:.5f}", ""],
        *([name, f"{loss:.5f}", f"{loss - floor:.5f}"] for name, loss in losses.items()),
    ]


def _loss(bench: Bench, store: Path, version: str, folder: Path) -> float:
    test, out = bench.clicks.test("parquet", bench.test_rows), folder / "scores.parquet"
    run([*ANDON, "score", test, "--out", out, "--store", store, "--version", version])
    return log_loss(test, scored(out))


def _loss_of_vowpal(bench: Bench, model: Path, folder: Path) -> float:
    out = folder / "scores.txt"
    vowpal.score(bench.clicks.test("vw", bench.test_rows), model, out)
    return log_loss(bench.clicks.test("parquet", bench.test_rows), vowpal.probabilities(out))


def _memory(bench: Bench, store: Path, n_rows: int) -> Figure:
    name = f"Peak memory beside the table, {shown(n_rows)} rows"
    table = STATE_BYTES * N_BUCKETS
    peaks = {}
    try:
        for kind in ("csv", "parquet"):
            ran = bench.train(store, bench.clicks.train(kind, n_rows), sampled=True)
            peaks[kind] = (max(ran.max_rss, ran.peak) - table) / GIGABYTE
    except NotMeasured as reason:
        return Figure(name=name, unit="GB", why=str(reason))
    words = ", ".join(f"{kind} {peak:.3f}" for kind, peak in peaks.items())
    return Figure(
        name=name,
        unit="GB",
        ours=max(peaks.values()),
        asked=1.0,
        at_least=False,
        on_ratio=False,
        spread=f"{words}; the table {table / GIGABYTE:.3f}",
    )
