"""The demo on the embedded flights, judged by an independent hand: pyarrow and numpy split, scikit-learn measures."""

import json
import math
import shutil
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from service import demo
from service.config import Settings
from service.gates import GATES
from service.store import Store
from service.toml import read_toml
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
    values = {check["metric"]: check["value"] for check in report["checks"] if check["gate"] == "value"}
    assert report["rows"] == len(labels)
    assert values["log_loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-9)
    assert values["auc"] == pytest.approx(roc_auc_score(labels, probabilities), rel=1e-9)


@pytest.fixture(scope="session")
def retrained(run, andon, tmp_path_factory):
    """A store like the demo's with a version of another seed beside it, that one's id, and what its gate said."""
    folder = tmp_path_factory.mktemp("retrained")
    store = shutil.copytree(run[0], folder / "store")
    train = ["train", demo.EVENTS, "--schema", demo.SCHEMA, "--contract", demo.CONTRACT, "--holdout", 0.2, "--seed", 1]
    version = andon(*train, "--store", store).out.strip()
    gate = ["gate", version, "--events", demo.EVENTS, "--contract", demo.CONTRACT, "--store", store, "--json"]
    return store, version, andon(*gate)


@pytest.fixture(scope="session")
def scored(retrained, run, andon, held_out, tmp_path_factory):
    """What `andon score` says of the held-out flights: the new version, and the demo's."""
    folder = tmp_path_factory.mktemp("scored")
    pq.write_table(held_out, folder / "held-out.parquet")
    found = []
    for version in (retrained[1], Store(run[0]).current()):
        out = folder / f"{version}.parquet"
        score = ["score", folder / "held-out.parquet", "--out", out, "--store", retrained[0], "--version", version]
        assert andon(*score).code == 0
        found.append(pq.read_table(out)["probability"].to_numpy())
    return found


def test_the_next_version_passes_the_same_gate_against_the_demos(retrained, run):
    store, version, done = retrained
    report = json.loads(done.out)
    assert (done.code, report["passed"], report["version"]) == (0, True, version)
    assert (report["baseline"], report["first_release"]) == (Store(run[0]).current(), False)
    assert not any(check["waived"] for check in report["checks"])
    assert {check["gate"] for check in report["checks"]} == set(GATES)
    assert Store(store).promote(version, actor="tests").current == version


def test_the_change_is_that_of_the_scored_files(retrained, held_out, scored):
    checks = {check["metric"]: check for check in json.loads(retrained[2].out)["checks"] if check["gate"] == "change"}
    labels = held_out["late"].cast(pa.int8()).to_numpy()
    new, old = (log_loss(labels, probabilities) for probabilities in scored)
    relative = checks["log_loss relative change"]
    assert relative["value"] == pytest.approx(new / old - 1, rel=1e-6)
    assert relative["interval"][0] < relative["value"] < relative["interval"][1] <= 0.015
    assert relative["rows"] == held_out.num_rows
    areas = [roc_auc_score(labels, probabilities) for probabilities in scored]
    assert checks["auc change"]["value"] == pytest.approx(areas[0] - areas[1], rel=1e-6)


def members_of(held_out, left_out):
    """For each slice that the contract asks for, whether a held-out flight is in it.

    What training saw is told by a dictionary of how many of the first flights hold each value.
    """
    found = {}
    for rule in read_toml(demo.CONTRACT)["slices"]:
        field = rule["field"]
        values = held_out[field].to_pylist()
        if "seen" in rule:
            seen = Counter(pq.read_table(demo.EVENTS, columns=[field])[field].slice(0, left_out).to_pylist())
            often = rule.get("training_rows", 100)
            least, below = {"cold": (0, 1), "tail": (1, often), "head": (often, math.inf)}[rule["seen"]]
            found[f"{field}: {rule['seen']}"] = [least <= seen[value] < below for value in values]
        else:
            for name in rule.get("values", set(values)):
                found[f"{field} = {name}"] = [value == name for value in values]
    return found


def test_each_slice_has_the_figures_of_its_rows_in_the_scored_file(retrained, held_out, scored):
    report = json.loads(retrained[2].out)
    members = members_of(held_out, report["left_out"])
    labels = held_out["late"].cast(pa.int8()).to_numpy()
    shown = {part["slice"]: part for part in report["slices"]}
    assert shown.keys() == members.keys()
    for name, mask in members.items():
        assert shown[name]["rows"] == sum(mask)
        for side, probabilities in zip(("candidate", "baseline"), scored, strict=True):
            figures = shown[name][side]
            assert figures["log_loss"] == pytest.approx(log_loss(labels[mask], probabilities[mask]), rel=1e-9)
            assert figures["auc"] == pytest.approx(roc_auc_score(labels[mask], probabilities[mask]), rel=1e-9)
    asked = {(check["metric"], check["slice"]): check for check in report["checks"] if check["gate"] == "slice"}
    for (metric, name), check in asked.items():
        if metric == "log_loss relative change":
            candidate, baseline = (shown[name][side]["log_loss"] for side in ("candidate", "baseline"))
            assert check["value"] == pytest.approx(candidate / baseline - 1, rel=1e-6)
        else:
            assert check["value"] == shown[name]["candidate"][metric]


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
