"""Events whose label can be learned, and small real versions: trained, or made of given weights."""

import json

import numpy as np
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


@pytest.fixture(scope="session")
def flights():
    """``flights(n_rows, seed=0, first=0)``: rows at times ``first``, ``first + 1`` and so on; many miss a value."""

    def make(n_rows, *, seed=0, first=0):
        random = np.random.default_rng(seed)
        rows = []
        for index in range(n_rows):
            hour, origin = int(random.integers(24)), ORIGINS[int(random.integers(len(ORIGINS)))]
            chance = 0.05 + 0.02 * hour + 0.3 * (origin == "EWR")
            row = {
                "late": int(random.random() < chance),
                "time_hour": first + index,
                "tailnum": f"N{int(random.pareto(1.0) * 5)}",
                "origin": None if random.random() < 0.1 else origin,
                "hour": hour,
                "temp": None if random.random() < 0.1 else round(float(random.normal(15, 15)), 1),
                "seats": int(random.integers(2, 400)),
            }
            rows.append(row)
        return rows

    return make


@pytest.fixture
def write(tmp_path):
    """``write(rows, name="events.ndjson")``: the path of a file with the rows, in the format of its suffix."""

    def make(rows, name="events.ndjson"):
        path = tmp_path / name
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return make


@pytest.fixture
def trained(store, schema):
    """``trained(*paths, schema=..., **run)``: the id of a version that learned the files."""

    def make(*paths, schema=schema, **run):
        return train(store, Events(paths, schema), Run(**run))

    return make


@pytest.fixture
def made(store, schema):
    """``made(weights, rows, ...)``: the id of a version with given weights that says of itself that it saw ``rows``.

    ``weights`` is a seed for random ones, or an array. ``training`` are entries of the manifest's training.
    """

    def make(weights, rows=(), *, schema=schema, **training):
        if isinstance(weights, int):
            weights = np.random.default_rng(weights).normal(size=schema.n_buckets + 1) * 0.3
        weights = np.asarray(weights, dtype=np.float32)
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
