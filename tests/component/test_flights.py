"""The demo on the embedded flights, judged by an independent hand: pyarrow and numpy split, scikit-learn measures."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from service import demo
from service.config import Settings
from service.store import Store
from service.web import create_app


@pytest.fixture(scope="session")
def run(tmp_path_factory, andon):
    """The demo, once: the store and what the command said."""
    store = tmp_path_factory.mktemp("demo") / "store"
    return store, andon("demo", "--store", store)


@pytest.fixture(scope="session")
def held_out():
    """The last fifth of the flights: those later than the time at rank ``ceil(0.8 n)``."""
    flights = pq.read_table(demo.EVENTS)
    times = np.sort(flights["time_hour"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy())
    cutoff = times[math.ceil(0.8 * len(times)) - 1]
    later = flights.filter(pc.greater(flights["time_hour"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()), cutoff))
    assert 0.19 < later.num_rows / flights.num_rows <= 0.2
    return later


def test_the_demo_promotes_a_version_and_prints_its_id(run):
    store, done = run
    assert done.code == 0
    assert done.out.strip() == Store(store).pointer().current
    assert "blessed" in done.err


def test_the_model_is_as_good_on_the_held_out_flights_as_was_promised(run, andon, held_out, tmp_path):
    store, _ = run
    pq.write_table(held_out, tmp_path / "held-out.parquet")
    done = andon("score", tmp_path / "held-out.parquet", "--out", tmp_path / "scored.parquet", "--store", store)
    assert done.code == 0
    probabilities = pq.read_table(tmp_path / "scored.parquet")["probability"].to_numpy()
    labels = held_out["late"].cast(pa.int8()).to_numpy()
    assert log_loss(labels, probabilities) <= 0.535
    assert roc_auc_score(labels, probabilities) >= 0.655


def test_the_gates_numbers_are_those_of_scikit_learn_on_the_same_flights(run, held_out):
    store = Store(run[0])
    version = store.pointer().current
    report = store.read_report(version)
    rows = held_out.select([field.name for field in store.load(version).predictor.schema.fields]).to_pylist()
    probabilities = store.load(version).predictor.predict_rows(rows)
    labels = held_out["late"].cast(pa.int8()).to_numpy()
    values = {check["bound"]["metric"]: check["value"] for check in report["checks"]}
    assert report["rows"] == len(labels)
    assert values["log_loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-9)
    assert values["auc"] == pytest.approx(roc_auc_score(labels, probabilities), rel=1e-9)


def test_the_flights_model_answers_over_http(run, held_out):
    client = create_app(Settings(store=run[0])).test_client()
    names = client.get("/").json["fields"]
    rows = held_out.slice(0, 100).select(list(names)).to_pylist()
    response = client.post("/predict", json={"instances": rows})
    assert response.status_code == 200
    assert response.json["predictions"] == Store(run[0]).load(response.json["version"]).predictor.predict_rows(rows)


def test_the_demo_leaves_a_store_with_a_version_alone_when_told_so(run, andon):
    store, done = run
    before = Store(store).audit()
    again = andon("demo", "--if-empty", "--store", store)
    assert (again.code, again.out) == (0, done.out)
    assert Store(store).audit() == before
