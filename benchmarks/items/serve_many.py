"""Many rows a request, in every format, against the classic stack and MLServer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pyarrow as pa

from harness import payloads, stacks
from harness.bench import Bench
from harness.contest import Side, contest, table_of
from harness.environments import peer
from harness.load import CONNECTIONS
from harness.machine import version_of
from harness.results import Result
from harness.servers import Request
from items.serve_one import versus

TITLE = "Serve, many rows"
HOW = """\
As above, with {few:,} rows a request, {bodies} different requests in turn; and {many:,} rows a request in each
format that `/predict` takes, answered in kind, with the bounds on bytes and rows that we ship. Arrow streams hold
one record batch, of plain string columns or of dictionary-encoded ones. (a) is the same FastAPI application, whose
JSON has {few:,} rows a request in every comparison. MLServer speaks its own columnar V2 protocol (JSON, a tensor of
strings for each field) to a custom runtime with the same model; once with two processes that infer and once with
none but the server itself (`parallel_workers` 2 and 0), and the faster one is held against us."""

FEW, MANY = 1_000, 10_000
N_BODIES = 20
SECONDS, QUICK_SECONDS = 8, 2
CLASSIC = f"FastAPI, JSON, {FEW:,} rows"
MLSERVER = {workers: f"MLServer, V2, {FEW:,} rows, {workers} workers" for workers in (2, 0)}
JSON_FEW = f"Andon, JSON, {FEW:,} rows"
FORMATS: dict[str, Callable[[pa.RecordBatch], Request]] = {
    "JSON": payloads.instances,
    "NDJSON": payloads.ndjson,
    "CSV": payloads.csv,
    "Arrow, plain strings": payloads.arrow,
    "Arrow, dictionaries": payloads.arrow_dictionaries,
}
ASKED = {"Arrow, plain strings": 25.0, "Arrow, dictionaries": 25.0}


def measure(bench: Bench) -> Result:
    """Rows a second of each, in turns."""
    seconds = bench.size(SECONDS, QUICK_SECONDS)
    few = payloads.chunks(bench.clicks, FEW, N_BODIES, bench.test_rows)
    many = payloads.chunks(bench.clicks, MANY, N_BODIES // 2, bench.test_rows)
    sides = {
        JSON_FEW: Side(server="Andon", requests=payloads.all_of(payloads.instances, few), rows=FEW),
        CLASSIC: Side(server="FastAPI", requests=payloads.all_of(payloads.instances, few), rows=FEW),
        **{
            name: Side(server=name, requests=payloads.all_of(payloads.columnar_v2, few), rows=FEW)
            for name in MLSERVER.values()
        },
        **{
            _many(name): Side(server="Andon", requests=payloads.all_of(make, many), rows=MANY)
            for name, make in FORMATS.items()
        },
    }
    with bench.store() as store:
        commands = {
            "Andon": lambda: stacks.andon(store),
            "FastAPI": lambda: stacks.fastapi(bench),
            MLSERVER[2]: lambda: stacks.mlserver(bench, workers=2),
            MLSERVER[0]: lambda: stacks.mlserver(bench, workers=0),
        }
        found = contest(commands, sides, n_rounds=bench.rounds, seconds=seconds)
    fastest = max((found[name] for name in MLSERVER.values()), key=lambda outcome: outcome.rate or 0.0)
    return Result(
        figures=[
            versus(f"{FEW:,} JSON rows a request", found[JSON_FEW], found[CLASSIC], "FastAPI (a)", asked=6.0),
            versus(f"{FEW:,} JSON rows a request", found[JSON_FEW], fastest, "MLServer, V2", asked=1.0),
            *(
                versus(f"{MANY:,} rows, {name}", found[_many(name)], found[CLASSIC], "FastAPI (a)", asked=asked)
                for name, asked in ((name, ASKED.get(name)) for name in FORMATS)
            ),
        ],
        sizes={
            "few": FEW,
            "many": MANY,
            "bodies": N_BODIES,
            "connections": CONNECTIONS,
            "seconds": seconds,
            "rounds": bench.rounds,
        },
        raw={name: asdict(outcome) for name, outcome in found.items()},
        tables={"Sides": table_of(found)},
        versions={
            **version_of("gunicorn", "gevent", "flask", "orjson", "pyarrow"),
            **_versions(bench, "fastapi", "fastapi", "uvicorn", "pydantic", "scikit-learn"),
            **_versions(bench, "mlserver", "mlserver"),
        },
    )


def _many(name: str) -> str:
    return f"Andon, {name}, {MANY:,} rows"


def _versions(bench: Bench, environment: str, *packages: str) -> dict[str, str]:
    installed = peer(environment, bench.data).packages()
    return {package: installed[package] for package in packages}
