"""Judge a candidate on events that it has not seen: the report holds what scikit-learn would say."""

import json

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from service.errors import ArtefactInvalid, EventsError
from service.evaluation import evaluate
from service.events import Events
from service.gates import Bound

BOUNDS = (Bound(metric="log_loss", high=10.0), Bound(metric="auc", low=0.0), Bound(metric="calibration_ratio", low=0.0))


def judged_rows(n_rows, *, first=0):
    random = np.random.default_rng(11)
    return [
        {
            "late": int(random.random() < 0.3),
            "time_hour": first + index,
            "tailnum": f"N{random.integers(50)}",
            "origin": str(random.choice(["EWR", "JFK"])),
            "hour": int(random.integers(24)),
        }
        for index in range(n_rows)
    ]


@pytest.fixture
def events(tmp_path, schema):
    def write(rows):
        path = tmp_path / "events.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Events([path], schema)

    return write


@pytest.fixture
def version(store, content):
    """A version that says of itself that it learned from times 0 to 9."""
    made = content(1)
    made["training"]["time_range"] = {"unit": "as given", "first": 0, "last": 9}
    return store.add(**made)


def values(report):
    return {check.metric: check.value for check in report.checks}


def test_the_metrics_are_those_of_scikit_learn(store, version, events):
    rows = judged_rows(400, first=10)
    report = evaluate(store, version, events(rows), BOUNDS)
    labels = np.array([row["late"] for row in rows])
    answers = np.array(store.load(version).predictor.predict_rows(rows))
    found = values(report)
    assert found["log_loss"] == pytest.approx(log_loss(labels, answers), rel=1e-9)
    assert found["auc"] == pytest.approx(roc_auc_score(labels, answers), rel=1e-9)
    assert found["calibration_ratio"] == pytest.approx(answers.mean() / labels.mean(), rel=1e-9)
    assert (report.rows, report.left_out, report.version) == (400, 0, version)


def test_rows_of_the_trainings_own_time_are_left_out_and_counted(store, version, events):
    rows = judged_rows(30)
    report = evaluate(store, version, events(rows), BOUNDS)
    assert (report.rows, report.left_out) == (20, 10)
    only_later = evaluate(store, version, events(rows[10:]), BOUNDS)
    assert values(report) == values(only_later)


def test_an_overlap_is_judged_when_it_is_allowed(store, version, events):
    report = evaluate(store, version, events(judged_rows(30)), BOUNDS, allow_overlap=True)
    assert (report.rows, report.left_out) == (30, 0)


def test_a_version_without_a_time_range_is_judged_on_all_rows(store, content, events):
    report = evaluate(store, store.add(**content(2)), events(judged_rows(30)), BOUNDS)
    assert (report.rows, report.left_out) == (30, 0)


@pytest.mark.parametrize("rows", [[], judged_rows(10)], ids=["no rows", "none later"])
def test_without_a_row_to_judge_the_gate_fails(store, version, events, rows):
    report = evaluate(store, version, events(rows), BOUNDS)
    assert (report.rows, report.passed) == (0, False)
    assert store.blessing(version) is not None


def test_rows_of_one_class_define_no_auc_and_fail(store, version, events):
    rows = [{**row, "late": 0} for row in judged_rows(20, first=10)]
    report = evaluate(store, version, events(rows), BOUNDS)
    assert values(report)["auc"] is None
    assert not report.passed


def test_the_report_is_kept_beside_the_version(store, version, events):
    data = events(judged_rows(30))
    report = evaluate(store, version, data, BOUNDS)
    assert store.read_report(version) == json.loads(json.dumps(report.to_document()))
    assert store.read_report(version)["events"] == data.digests()


def test_a_second_report_takes_the_place_of_the_first(store, version, events):
    evaluate(store, version, events(judged_rows(30)), BOUNDS)
    evaluate(store, version, events(judged_rows(12)), BOUNDS)
    assert store.read_report(version)["rows"] == 2


def test_times_of_another_unit_than_the_trainings_are_refused(store, version, events):
    rows = [{**row, "time_hour": "2013-07-04T00:00:00Z"} for row in judged_rows(3)]
    with pytest.raises(EventsError, match="trained on times in as given, these are in microseconds") as caught:
        evaluate(store, version, events(rows), BOUNDS)
    assert caught.value.column == "time_hour"
    assert store.read_report(version) is None


def test_a_damaged_version_is_not_judged(store, version, events):
    weights = store.versions / version / "weights.npy"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ArtefactInvalid, match="does not have the digest"):
        evaluate(store, version, events(judged_rows(30)), BOUNDS)
    assert store.read_report(version) is None


def test_progress_ends_at_one(store, version, events):
    seen = []
    evaluate(store, version, events(judged_rows(30)), BOUNDS, progress=seen.append)
    assert seen[-1] == pytest.approx(1.0)
