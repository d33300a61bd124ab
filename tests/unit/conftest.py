"""What many unit tests start from: one schema of every type, and small real versions of it in a real store."""

import copy
import gc
import shutil
from functools import cache
from itertools import count

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings

from service.artefact import WEIGHTS, Golden
from service.core.columnar import COLUMN_TYPES, hash_columns
from service.core.documents import load_schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.core.profile import Profiler
from service.gates import ALWAYS, Check, Report
from service.store import Store

# No clock, no database, no chance: a unit test gives the same verdict every time. (By night, `tox -e unit --
# --hypothesis-profile=thorough` looks at twenty times as many examples, others each time.)
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "database": None}
settings.register_profile("andon", **UNTIMED, derandomize=True, max_examples=25)
settings.register_profile("thorough", **UNTIMED, max_examples=500, print_blob=True)
settings.load_profile("andon")


def pytest_collection_finish():
    """Spare the collector what lives as long as the tests do: modules, and thousands of items."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def schema():
    """A schema of all four types, with both kinds of bins and a cross of three."""
    document = {
        "name": "flights",
        "label": "late",
        "timestamp": "time_hour",
        "n_buckets": 256,
        "crosses": [["origin", "hour"], ["tailnum", "origin", "hour"]],
        "fields": {
            "tailnum": {"type": "string"},
            "origin": {"type": "string"},
            "hour": {"type": "integer"},
            "holiday": {"type": "boolean", "required": False},
            "temp": {"type": "number", "bins": [0, 10.5, 30], "required": False},
            "seats": {"type": "number", "bins": "log2", "required": False},
        },
    }
    return load_schema(document, source="the fixture")


@pytest.fixture(scope="session")
def instances():
    """Rows that the schema accepts, one of them all missing."""
    return [
        {"tailnum": "N14228", "origin": "EWR", "hour": 5, "holiday": True, "temp": 39.02, "seats": 149},
        {"tailnum": "N24211", "origin": "LGA", "hour": 23, "holiday": False, "temp": -3, "seats": 55.0},
        {"tailnum": "", "origin": "Zürich 机场", "hour": None},
        {"tailnum": None, "origin": None, "hour": None},
    ]


@pytest.fixture(scope="session")
def content(schema, instances):
    """``content(seed)``: what ``Store.add`` and ``artefact.write`` take, different for each seed.

    What was seen are the instances, each one to three times.
    """
    columns = {f.name: pa.array([row.get(f.name) for row in instances], COLUMN_TYPES[f.type]) for f in schema.fields}
    hashes, labels = hash_columns(schema, columns), np.array([1, 0, 1, 0], dtype=np.int8)

    @cache
    def made(seed):
        profiler = Profiler(schema)
        for _ in range(seed % 3 + 1):
            profiler.update(hashes, labels)
        weights = np.random.default_rng(seed).normal(size=schema.n_buckets + 1).astype(np.float32)
        predictor = Predictor(schema=schema, model=LinearModel(weights), version="candidate")
        golden = Golden(instances=instances, probabilities=predictor.predict_rows(instances))
        training = {"seed": seed, "rows": 4, "events": [], "profile": profiler.to_document()}
        return {
            "schema": schema,
            "weights": weights,
            "golden": golden,
            "seen": profiler.seen(),
            "training": training,
        }

    def make(seed):
        once = made(seed)
        # What a test may alter in place is its own.
        return {**once, "weights": once["weights"].copy(), "training": copy.deepcopy(once["training"])}

    return make


@pytest.fixture(scope="session")
def good_report():
    """``good_report(version, baseline=None)``: the document of a gate report that blesses a version."""
    values = {"versions": 1, "positives": 10, "negatives": 30, "normalized_entropy": 0.9}
    alone = {"versions": 0, "breaking_changes": None}

    def make(version, baseline=None):
        first = {"waived": "first release"} if baseline is None else {}
        known = {**values, **alone} if baseline is None else values
        checks = [
            Check(
                gate=gate,
                metric=metric,
                bound=bound,
                value=known.get(metric, 0),
                **(first if gate in ("baseline", "schema") else {}),
            )
            for gate, metric, bound in ALWAYS
        ]
        report = Report(
            version=version,
            name="flights",
            baseline=baseline,
            first_release=baseline is None,
            contract={"name": "gate.toml", "sha256": "0" * 64},
            rows=40,
            left_out=0,
            allow_overlap=False,
            events=[],
            checks=checks,
            shown={"metrics": {}, "calibration": {}, "slices": []},
        )
        return report.to_document()

    return make


@pytest.fixture
def store(tmp_path):
    """A store that does not exist yet, with a clock that ticks once a change."""
    ticks = count()
    return Store(tmp_path / "store", now=lambda: f"2013-01-01T00:00:{next(ticks):02}+00:00")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """Versions that tests asked for, by what they are made of, in a store that no test sees."""
    return Store(tmp_path_factory.mktemp("shelf")), {}


@pytest.fixture
def taken(store, shelf):
    """``taken(key, add)``: the id of the version that ``add(store)`` made once for that key; the test has a copy."""
    kept, versions = shelf

    def take(key, add):
        if key not in versions:
            versions[key] = add(kept)
        version = versions[key]
        if not (store.versions / version).exists():
            shutil.copytree(kept.versions / version, store.versions / version, copy_function=shutil.copyfile)
        return version

    return take


@pytest.fixture
def added(taken, content):
    """``added(seed)``: the id of a version that no gate has passed."""
    return lambda seed: taken(seed, lambda store: store.add(**content(seed)))


@pytest.fixture
def blessed(store, added, good_report):
    """``blessed(seed)``: the id of a version that was added and that a gate has passed, against what is current."""

    def add(seed, baseline=None):
        version = added(seed)
        pointer = store.pointer()
        store.write_report(version, good_report(version, baseline or (pointer.current if pointer else None)))
        return version

    return add


@pytest.fixture
def release(store, good_report):
    """``release(version)``: a gate passes the version against the current one, and it is promoted."""

    def promote(version, **options):
        pointer = store.pointer()
        baseline = None if pointer is None or pointer.current == version else pointer.current
        store.write_report(version, good_report(version, baseline))
        return store.promote(version, **{"actor": "tests", **options})

    return promote


@pytest.fixture
def damage(store):
    """``damage(version)``: flip one bit of a version's weights; a second time, it is whole again."""

    def flip(version):
        path = store.versions / version / WEIGHTS
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)

    return flip
