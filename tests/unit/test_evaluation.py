"""Judge a candidate on events that it has not seen: the report holds what scikit-learn would say."""

import json
import os

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
    return {check.bound.metric: check.value for check in report.checks}


def test_the_metrics_are_those_of_scikit_learn(store, version, events):
    rows = judged_rows(400, first=10)
    report = evaluate(store, version, events(rows), BOUNDS)
    labels = np.array([row["late"] for row in rows])
    answers = np.array(store.load(version).predictor.predict_rows(rows))
    found = values(report)
    assert found["log_loss"] == pytest.approx(log_loss(labels, answers), rel=1e-9)
    assert found["auc"] == pytest.approx(roc_auc_score(labels, answers), rel=1e-9)
    assert found["calibration_ratio"] == pytest.approx(answers.mean() / labels.mean(), rel=1e-9)
    assert (found["positives"], found["negatives"]) == (labels.sum(), (1 - labels).sum())
    assert (report.rows, report.left_out, report.version) == (400, 0, version)
    assert report.allow_overlap is False


def test_rows_of_the_trainings_own_time_are_left_out_and_counted(store, version, events):
    rows = judged_rows(30)
    report = evaluate(store, version, events(rows), BOUNDS)
    assert (report.rows, report.left_out) == (20, 10)
    only_later = evaluate(store, version, events(rows[10:]), BOUNDS)
    assert values(report) == values(only_later)


def test_an_overlap_is_judged_when_it_is_allowed(store, version, events):
    report = evaluate(store, version, events(judged_rows(30)), BOUNDS, allow_overlap=True)
    assert (report.rows, report.left_out) == (30, 0)
    assert report.allow_overlap is True
    assert store.read_report(version)["allow_overlap"] is True


def test_a_version_without_a_time_range_is_judged_on_all_rows_of_other_files(store, content, events):
    report = evaluate(store, store.add(**content(2)), events(judged_rows(30)), BOUNDS)
    assert (report.rows, report.left_out) == (30, 0)


@pytest.fixture
def timeless(tmp_path, schema, store, content):
    """A version without times that learned two files, and ``(learned, other)``: their paths and that of another."""
    paths = []
    for number, n_rows in enumerate((30, 40, 50)):
        path = tmp_path / f"{number}.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in judged_rows(n_rows, first=100 * number)))
        paths.append(path)
    made = content(1)
    made["training"].update(events=Events(paths[:2], schema).digests(), time_range=None)
    return store.add(**made), paths[:2], paths[2]


def test_without_times_a_file_of_the_training_is_left_out_entirely(store, schema, timeless):
    version, learned, other = timeless
    for paths, rows, left_out in [
        (learned, 0, 70),
        (learned[:1], 0, 30),
        (learned[1:], 0, 40),
        ([other], 50, 0),
        ([learned[0], other, learned[1]], 50, 70),
        ([other, learned[1]], 50, 40),
    ]:
        report = evaluate(store, version, Events(paths, schema), BOUNDS)
        assert (report.rows, report.left_out, report.allow_overlap) == (rows, left_out, False)
    mixed = evaluate(store, version, Events([learned[0], other, learned[1]], schema), BOUNDS)
    assert values(mixed) == values(evaluate(store, version, Events([other], schema), BOUNDS))


def test_a_copy_of_a_file_of_the_training_is_left_out_whatever_its_name_is(store, schema, timeless, tmp_path):
    version, learned, _ = timeless
    copy = tmp_path / "fresh.jsonl"
    copy.write_bytes(learned[0].read_bytes())
    report = evaluate(store, version, Events([copy], schema), BOUNDS)
    assert (report.rows, report.left_out, report.passed) == (0, 30, False)


def test_without_times_an_overlap_is_judged_when_it_is_allowed(store, schema, timeless):
    version, learned, other = timeless
    report = evaluate(store, version, Events([*learned, other], schema), BOUNDS, allow_overlap=True)
    assert (report.rows, report.left_out) == (120, 0)
    assert report.allow_overlap is True
    assert store.read_report(version)["allow_overlap"] is True


def touch(path):
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def replace(path):
    status = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def grow(path):
    with open(path, "a") as file:
        file.write("\n")


@pytest.mark.parametrize("change", [touch, replace, grow])
def test_events_that_change_while_they_are_judged_are_an_error_and_no_report(store, version, events, change):
    data = events(judged_rows(30))
    with pytest.raises(EventsError, match="changed while the version was judged") as caught:
        evaluate(store, version, data, BOUNDS, progress=lambda done: change(data.paths[0]))
    assert caught.value.file == "events.ndjson"
    assert store.read_report(version) is None


def test_events_that_vanish_while_they_are_judged_are_an_error_and_no_report(store, version, events):
    data = events(judged_rows(30))
    with pytest.raises(EventsError, match="can't be read"):
        evaluate(store, version, data, BOUNDS, progress=lambda done: data.paths[0].unlink())
    assert store.read_report(version) is None


@pytest.mark.parametrize("rare", [0, 1])
@pytest.mark.parametrize(("count", "enough"), [(9, False), (10, True)])
def test_fewer_than_ten_of_a_class_fail(store, version, events, rare, count, enough):
    rows = [{**row, "late": rare if index < count else 1 - rare} for index, row in enumerate(judged_rows(60, first=10))]
    report = evaluate(store, version, events(rows), BOUNDS)
    name = ("negatives", "positives")[rare]
    assert values(report)[name] == count
    assert {check.bound.metric: check.passed for check in report.checks}[name] is enough
    if not enough:
        assert name in store.blessing(version)


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
