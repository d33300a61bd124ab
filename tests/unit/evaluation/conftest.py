"""Events whose label can be learned, and small real versions: trained, or made of given weights."""

from functools import cache
from hashlib import sha256
from itertools import islice

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.artefact import Golden
from service.core.columnar import COLUMN_TYPES, hash_columns
from service.core.documents import load_schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.core.profile import Profiler
from service.events import Events
from service.gates import load_contract
from service.training import Run, train

ORIGINS = ["EWR", "JFK", "a = b", "c: d", "Zürich 机场", ""]


def endless_flights(seed):
    """One row after the other, without their times; many miss a value."""
    random = np.random.default_rng(seed)
    while True:
        hour, origin = int(random.integers(24)), ORIGINS[int(random.integers(len(ORIGINS)))]
        chance = 0.05 + 0.02 * hour + 0.3 * (origin == "EWR")
        yield {
            "late": int(random.random() < chance),
            "time_hour": None,
            "tailnum": f"N{int(random.pareto(1.0) * 5)}",
            "origin": None if random.random() < 0.1 else origin,
            "hour": hour,
            "temp": None if random.random() < 0.1 else round(float(random.normal(15, 15)), 1),
            "seats": int(random.integers(2, 400)),
        }


@pytest.fixture(scope="session")
def flights():
    """``flights(n_rows, seed=0, first=0)``: the seed's first rows at times ``first``, ``first + 1`` and so on."""

    @cache
    def of(seed):
        return [], endless_flights(seed)

    def make(n_rows, *, seed=0, first=0):
        rows, more = of(seed)
        rows.extend(islice(more, max(0, n_rows - len(rows))))
        return [{**row, "time_hour": first + index} for index, row in enumerate(rows[:n_rows])]

    return make


def write_events(path, rows):
    """Write the rows in the format of the path's suffix."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    return path


@pytest.fixture
def write(tmp_path):
    """``write(rows, name="events.ndjson")``: the path of a file with the rows, in the format of its suffix."""
    return lambda rows, name="events.ndjson": write_events(tmp_path / name, rows)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """``written(rows, name)``: as ``write`` does, for all tests, none of which may alter the file."""
    return lambda rows, name: write_events(tmp_path_factory.mktemp("events") / name, rows)


@pytest.fixture
def trained(taken, schema):
    """``trained(*paths, schema=..., **run)``: the id of a version that learned the files."""

    def make(*paths, schema=schema, **run):
        events, run = Events(paths, schema), Run(**run)
        read = [(path.suffix, sha256(path.read_bytes()).digest()) for path in paths]
        return taken(repr((read, schema, run)), lambda store: train(store, events, run))

    return make


@pytest.fixture
def made(taken, schema):
    """``made(weights, rows, ...)``: the id of a version with given weights that says of itself that it saw ``rows``.

    ``weights`` is a seed for random ones, or an array. ``training`` are entries of the manifest's training.
    """

    def make(weights, rows=(), *, schema=schema, **training):
        if isinstance(weights, int):
            weights = np.random.default_rng(weights).normal(size=schema.n_buckets + 1) * 0.3
        weights = np.asarray(weights, dtype=np.float32)

        def add(store):
            columns = {f.name: pa.array([row.get(f.name) for row in rows], COLUMN_TYPES[f.type]) for f in schema.fields}
            profiler = Profiler(schema)
            profiler.update(hash_columns(schema, columns), np.array([row["late"] for row in rows], dtype=np.int8))
            golden = [dict.fromkeys(columns)]
            predictor = Predictor(schema=schema, model=LinearModel(weights), version="made")
            return store.add(
                schema=schema,
                weights=weights,
                golden=Golden(instances=golden, probabilities=predictor.predict_rows(golden)),
                seen=profiler.seen(),
                training={"rows": len(rows), "events": [], "profile": profiler.to_document(), **training},
            )

        return taken(repr((weights.tobytes(), list(rows), schema, training)), add)

    return make


@pytest.fixture(scope="session")
def contract():
    """``contract(auc={"min": 0.5}, ...)``: a gate contract with these tables."""
    return lambda **tables: load_contract(tables, source="gate.toml")


@pytest.fixture(scope="session")
def other_schema(schema):
    """``other_schema(fields={...}, ...)``: the schema with some keys changed; a field that is ``None`` is left out."""

    def make(*, fields=(), **keys):
        document = schema.to_document()
        changed = {**document["fields"], **dict(fields)}
        document.update(keys, fields={name: field for name, field in changed.items() if field is not None})
        return load_schema({key: value for key, value in document.items() if value is not None}, source="another")

    return make


@pytest.fixture(scope="session")
def by_name():
    """``by_name(checks)``: the checks by gate, metric and slice; none comes twice."""

    def make(checks):
        found = {(check.gate, check.metric, check.slice): check for check in checks}
        assert len(found) == len(checks)
        return found

    return make
