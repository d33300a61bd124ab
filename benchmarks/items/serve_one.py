"""One row a request, against the classic stack and against a view that does nothing."""

from __future__ import annotations

from dataclasses import asdict

from harness import payloads, stacks
from harness.bench import Bench
from harness.contest import Outcome, Side, contest, table_of
from harness.environments import peer
from harness.load import CONNECTIONS
from harness.machine import version_of
from harness.results import Figure, Result

TITLE = "Serve, one row"
HOW = """\
`POST /predict` with one row of 12 fields, {bodies} different rows in turn, by `wrk -t1 -c16` on kept connections
over the loopback, on the same cores. Two workers each. Ours: `andon serve` as it ships. (a): FastAPI with pydantic
models under `uvicorn --workers 2 --no-access-log` (uvloop, httptools), FeatureHasher and SGDClassifier of 2^22
features. (b): a Flask view that reads nothing and answers with constant bytes, under the same gunicorn with the
same settings. All three are up the whole time, and one is asked at a time, {seconds} s a round, after {warm} s to
warm up."""

OURS, CLASSIC, NOTHING = "Andon", "FastAPI", "Flask, does nothing"
N_BODIES = 500
SECONDS, QUICK_SECONDS = 8, 2


def measure(bench: Bench) -> Result:
    """Requests a second and the 99th percentile, in turns."""
    seconds = bench.size(SECONDS, QUICK_SECONDS)
    requests = payloads.all_of(payloads.instances, payloads.chunks(bench.clicks, 1, N_BODIES, bench.test_rows))
    sides = {
        OURS: Side(server=OURS, requests=requests, rows=1),
        CLASSIC: Side(server=CLASSIC, requests=requests, rows=1),
        NOTHING: Side(server=NOTHING, requests=requests, rows=1, checked=False),
    }
    with bench.store() as store:
        commands = {
            OURS: lambda: stacks.andon(store),
            CLASSIC: lambda: stacks.fastapi(bench),
            NOTHING: stacks.nothing,
        }
        found = contest(commands, sides, n_rounds=bench.rounds, seconds=seconds)
    ours, classic, nothing = found[OURS], found[CLASSIC], found[NOTHING]
    return Result(
        figures=[
            versus("One row a request", ours, classic, "FastAPI (a)", asked=2.5, unit="requests/s"),
            versus("One row a request", ours, nothing, "Flask that does nothing (b)", asked=0.8, unit="requests/s"),
            Figure(
                name="p99, one row a request",
                unit="ms",
                ours=ours.p99,
                peer=classic.p99,
                against="FastAPI (a)",
                asked=1.0,
                at_least=False,
                why=ours.why or classic.why,
            ),
        ],
        sizes={"bodies": N_BODIES, "connections": CONNECTIONS, "seconds": seconds, "rounds": bench.rounds, "warm": 2},
        raw={name: asdict(outcome) for name, outcome in found.items()},
        tables={"Sides": table_of(found)},
        versions={
            **version_of("gunicorn", "gevent", "flask"),
            **{name: peer("fastapi", bench.data).packages()[name] for name in ("fastapi", "uvicorn", "scikit-learn")},
        },
    )


def versus(
    name: str, ours: Outcome, other: Outcome, against: str, *, asked: float | None = None, unit: str = "rows/s"
) -> Figure:
    """The line of the table for our rate beside another's."""
    return Figure(
        name=name,
        unit=unit,
        ours=ours.rate,
        peer=other.rate,
        against=against,
        asked=asked,
        spread=f"{ours.spread}; {other.spread}",
        why=ours.why or other.why,
    )
