"""The real command line on real files: events made by a seed, and a line that ran over them."""

import contextlib
import io
import json
import re
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.cli import main
from service.store import Store

SCHEMA = """
name = "flights"
label = "late"
timestamp = "at"
n_buckets = 16384
crosses = [["origin", "hour"]]

[fields.flight]
type = "integer"
[fields.origin]
type = "string"
[fields.hour]
type = "integer"
[fields.holiday]
type = "boolean"
[fields.temp]
type = "number"
bins = [0, 10, 20, 30]
[fields.gate]
type = "string"
required = false
"""

FIRST = datetime(2013, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Done:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def andon():
    """``andon("train", ...)``: the real command in this process. No command may end in a traceback."""

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(argument) for argument in arguments])
        assert "Traceback" not in err.getvalue()
        return Done(code, out.getvalue(), err.getvalue())

    return run


def late(random, hour, origin):
    return int(random.random() < 0.05 + 0.025 * hour + 0.2 * (origin == "EWR"))


@pytest.fixture(scope="session")
def flights():
    """``flights(n_rows, seed)``: events in the order of time; what makes a flight late can be learned."""

    def make(n_rows, seed=0):
        random = np.random.default_rng(seed)
        rows = []
        for index in range(n_rows):
            hour, origin = int(random.integers(24)), str(random.choice(["EWR", "JFK", "Zürich 机场", ""]))
            row = {
                "late": late(random, hour, origin),
                "at": (FIRST + timedelta(minutes=index)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "flight": int(random.integers(1, 500)),
                "origin": origin,
                "hour": hour,
                "holiday": random.random() < 0.1,
                "temp": None if random.random() < 0.1 else round(float(random.normal(15, 9)), 1),
                "gate": None if random.random() < 0.3 else f"{random.integers(40):03}",
            }
            rows.append(row)
        return rows

    return make


def csv_field(value):
    if value is None:
        return ""
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value).lower()


def write_events(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=1_000)
    elif path.suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(map(csv_field, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def write():
    """``write(path, rows)``: the rows as Parquet, CSV or NDJSON, told by the suffix."""
    return write_events


@pytest.fixture(scope="session")
def schema_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "flights.toml"
    path.write_text(SCHEMA)
    return path


@dataclass(frozen=True)
class Line:
    """A store in which a version was trained, judged and promoted, and the events it was trained on."""

    store: Path
    events: Path
    version: str


@pytest.fixture(scope="session")
def make_line(tmp_path_factory, andon, flights, write, schema_path):
    """``make_line(folder)``: train, gate and promote a version in ``folder / "store"``, the first as such.

    The same again, in another folder, is not trained and judged again: what that made is copied, and promoted there.
    """
    kept = tmp_path_factory.mktemp("kept")
    made = {}

    def train(store, events, seed, baseline):
        train = ["train", events, "--schema", schema_path, "--store", store, "--holdout", 0.2, "--seed", seed]
        trained = andon(*train)
        assert (trained.code, bool(re.fullmatch(r"[0-9a-f]{32}\n", trained.out))) == (0, True), trained.err
        version = trained.out.strip()
        first = [] if baseline else ["--first-release"]
        judged = andon("gate", version, "--events", events, "--store", store, *first)
        assert judged.code == 0, judged.out
        return version

    def make(folder, *, suffix=".parquet", seed=0, n_rows=3_000):
        store, name = folder / "store", f"events-{seed}{suffix}"
        pointer = Store(store).pointer()
        baseline = pointer and pointer.current
        case = (suffix, seed, n_rows, baseline)
        if case in made:
            version, copy = made[case]
            events = shutil.copy(copy / name, folder)
            shutil.copytree(copy / version, store / "versions" / version)
        else:
            events = write(folder / name, flights(n_rows, seed))
            version = train(store, events, seed, baseline)
            copy = kept / str(len(made))
            copy.mkdir()
            shutil.copy(events, copy)
            shutil.copytree(store / "versions" / version, copy / version)
            made[case] = version, copy
        assert andon("promote", version, "--store", store).out == f"{version}\n"
        return Line(store, events, version)

    return make


@pytest.fixture(scope="session")
def line(tmp_path_factory, make_line):
    """A line that ran; tests only read it."""
    return make_line(tmp_path_factory.mktemp("line"))
