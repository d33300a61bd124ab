"""Train: the same events, schema and run give the same version, and what the manifest says of the run is so."""

import hashlib
import json
import math
import threading
from collections import Counter
from datetime import datetime, timedelta, timezone
from functools import cache

import numpy as np
import orjson
import pytest
from sklearn.metrics import log_loss

from service import training
from service.core import bucketer
from service.core.learner import FTRL
from service.errors import EventsError
from service.events import Events
from service.training import Run, train

FIRST = datetime(2013, 7, 1, tzinfo=timezone.utc)


@cache
def flights_of(n_rows, seed):
    random = np.random.default_rng(seed)
    hours, origins = random.integers(24, size=n_rows), random.choice(["EWR", "JFK", "LGA"], size=n_rows)
    lates = random.random(n_rows) < 0.1 + 0.02 * hours + 0.2 * (origins == "EWR")
    tailnums, temps = random.integers(300, size=n_rows), random.normal(20, 8, size=n_rows).round(2)
    columns = [column.tolist() for column in (lates.astype(int), tailnums, origins, hours, temps)]
    return [
        {
            "late": late,
            "time_hour": (FIRST + timedelta(hours=index)).isoformat(),
            "tailnum": f"N{tailnum}",
            "origin": origin,
            "hour": hour,
            "temp": temp,
        }
        for index, (late, tailnum, origin, hour, temp) in enumerate(zip(*columns, strict=True))
    ]


def rows_of(n_rows, *, seed=0):
    """Flights an hour apart, later in the day and out of EWR more often late."""
    return [dict(row) for row in flights_of(n_rows, seed)]


@pytest.fixture
def events(tmp_path, schema):
    """``events(rows, ...)``: the rows as NDJSON files, one for each argument."""

    def write(*files):
        paths = []
        for number, rows in enumerate(files):
            paths.append(tmp_path / f"{number}.ndjson")
            paths[-1].write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        return Events(paths, schema)

    return write


def test_the_same_events_schema_and_run_give_the_same_version(store, events):
    rows = rows_of(500)
    run = Run(seed=3)
    version = train(store, events(rows), run)
    assert train(store, events(rows), run) == version
    assert store.version_ids() == [version]


OTHERS = {
    "seed": Run(seed=1),
    "one pass": Run(passes=1),
    "three passes": Run(passes=3),
    "holdout": Run(holdout=0.1),
    "alpha": Run(learner=FTRL(alpha=0.1)),
}


def test_another_run_is_another_version(store, events, subtests):
    data = events(rows_of(500))
    version = train(store, data, Run())
    for name, run in OTHERS.items():
        with subtests.test(other=name):
            other = train(store, data, run)
            assert other != version
            weights = [np.load(store.versions / each / "weights.npy") for each in (version, other)]
            assert not np.array_equal(*weights)


def test_other_events_are_another_version_and_other_file_names_are_not(store, events, tmp_path):
    rows = rows_of(300)
    data = events(rows)
    version = train(store, data, Run())
    renamed = data.paths[0].rename(tmp_path / "another-name.jsonl")
    assert train(store, Events([renamed], data.schema), Run()) == version
    changed = [*rows[:-1], {**rows[-1], "late": 1 - rows[-1]["late"]}]
    assert train(store, events(changed), Run()) != version


def test_the_manifest_describes_the_run(store, events):
    rows = rows_of(400)
    data = events(rows[:250], rows[250:])
    run = Run(seed=5, passes=1)
    manifest = store.manifest(train(store, data, run))
    described = manifest["training"]
    content = [path.read_bytes() for path in data.paths]
    assert described["events"] == [{"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for c in content]
    assert (described["rows"], described["positives"]) == (400, sum(row["late"] for row in rows))
    assert (described["seed"], described["passes"], described["holdout"]) == (5, 1, 0.0)
    assert described["learner"] == {"algorithm": "ftrl-proximal", "alpha": 0.03, "beta": 1.0, "l1": 1.0, "l2": 10.0}
    assert described["time_range"]["text"] == "2013-07-01T00:00:00Z to 2013-07-17T15:00:00Z"
    assert described["time_range"]["last"] - described["time_range"]["first"] == 399 * 3_600 * 10**6
    assert not any(str(path.parent) in json.dumps(manifest) for path in data.paths)


def test_progressive_validation_predicts_each_row_before_it_learns_it(store, events):
    """The first row is predicted by nothing at all, so training on it alone loses exactly log 2."""
    one = rows_of(1)
    described = store.manifest(train(store, events(one), Run()))["training"]["progressive_validation"]
    assert described["log_loss"] == pytest.approx(math.log(2), abs=1e-9)
    assert "auc" not in described


def test_what_there_is_to_learn_is_learned(store, events, schema):
    version = train(store, events(rows_of(4_000, seed=1)), Run())
    held_out = rows_of(2_000, seed=2)
    labels = [row["late"] for row in held_out]
    loss = log_loss(labels, store.load(version).predictor.predict_rows(held_out))
    base = log_loss(labels, np.full(len(labels), np.mean(labels)))
    assert loss < 0.97 * base


def test_the_holdout_is_not_learned(store, events):
    rows = rows_of(500)
    flipped = [{**row, "late": 1 - row["late"]} if index >= 400 else row for index, row in enumerate(rows)]
    versions = [train(store, events(each), Run(holdout=0.2)) for each in (rows, flipped)]
    weights = [np.load(store.versions / version / "weights.npy") for version in versions]
    assert np.array_equal(*weights)
    described = store.manifest(versions[0])["training"]
    assert (described["rows"], described["holdout"]) == (400, 0.2)
    assert described["time_range"]["text"].endswith(rows[399]["time_hour"].replace("+00:00", "Z"))


def naive_seen(schema, rows):
    """For each field, how many rows hold each value's hash."""
    values = {f: [f.canonical(row.get(f.name)) for row in rows] for f in schema.fields}
    return {f.name: Counter(bucketer.hash_value(f.name, v) for v in values[f] if v is not None) for f in schema.fields}


@pytest.mark.parametrize("holdout", [0.0, 0.2])
def test_what_was_seen_are_the_values_of_the_rows_that_were_learned(store, events, schema, holdout):
    rows = rows_of(500)
    for row in rows[::7]:
        row["origin"] = None
    version = train(store, events(rows), Run(holdout=holdout))
    learned = rows[: round(500 * (1 - holdout))]
    expected, seen = naive_seen(schema, learned), store.load(version).seen
    for name, there in expected.items():
        hashes, counts = seen.field(name)
        assert dict(zip(hashes.tolist(), counts.tolist(), strict=True)) == there
    profile = store.manifest(version)["training"]["profile"]
    assert {name: field["distinct"] for name, field in profile["fields"].items()} == seen.sizes
    for name, field in profile["fields"].items():
        missing = sum(row.get(name) is None for row in learned) / len(learned)
        assert field["missing"] == pytest.approx(missing, abs=1e-9)
        assert 0.5 <= field["auc"] < 0.8
    assert all(0.0 < share < 1.0 for share in profile["collisions"].values())
    assert profile["out_of_order"] == 0.0


def test_the_profile_finds_the_field_that_gives_the_label_away_and_the_rows_out_of_order(store, events):
    rows = [{**row, "holiday": row["late"] == 1} for row in rows_of(1_000)]
    rows[100], rows[101] = rows[101], rows[100]
    profile = store.manifest(train(store, events(rows), Run()))["training"]["profile"]
    aucs = {name: field["auc"] for name, field in profile["fields"].items()}
    assert max(aucs, key=aucs.get) == "holiday"
    assert aucs["holiday"] > 0.99
    assert sorted(aucs.values())[-2] < 0.75
    assert profile["out_of_order"] == 0.001


def test_how_many_files_the_rows_come_in_changes_neither_weights_nor_profile_nor_what_was_seen(store, events):
    rows = rows_of(900)
    versions = [train(store, events(*files), Run(passes=1)) for files in ([rows], [rows[:1], rows[1:500], rows[500:]])]
    assert versions[0] != versions[1], "the files have other digests"
    manifests = [store.manifest(version) for version in versions]
    assert manifests[0]["training"]["profile"] == manifests[1]["training"]["profile"]
    assert manifests[0]["files"]["seen.npy"] == manifests[1]["files"]["seen.npy"]
    assert manifests[0]["files"]["weights.npy"] == manifests[1]["files"]["weights.npy"]


def test_a_run_that_fails_leaves_no_thread_and_no_file(store, events, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Learner, "learn", fail)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        train(store, events(rows_of(300)), Run())
    assert threading.active_count() == before
    assert list(store.root.iterdir()) == []


def test_golden_requests_are_training_rows_each_field_missing_and_all_missing(store, events, schema):
    rows = rows_of(300)
    golden = store.golden(train(store, events(rows), Run()))
    names = {field.name for field in schema.fields}
    known = [{name: row.get(name) for name in names} for row in rows]
    drawn, rest = golden.instances[: training.GOLDEN_ROWS], golden.instances[training.GOLDEN_ROWS :]
    assert all(instance in known for instance in drawn)
    assert len(rest) == len(names) + 1
    assert rest[-1] == dict.fromkeys(names)
    assert all(any(instance == {**drawn[0], name: None} for instance in rest) for name in names)


def test_golden_requests_are_drawn_by_the_seed(store, events):
    data = events(rows_of(300))
    drawn = [store.golden(train(store, data, Run(seed=seed, passes=1))).instances for seed in (0, 1)]
    assert drawn[0] != drawn[1]


def test_fewer_rows_than_golden_requests_are_all_golden(store, events):
    golden = store.golden(train(store, events(rows_of(3)), Run()))
    assert len(golden.instances) == 3 + 6 + 1


def test_without_a_timestamp_the_manifest_has_no_time_range(store, tmp_path, schema, events):
    timeless = type(schema)(
        name="t", label="late", timestamp=None, n_buckets=64, fields=schema.fields, crosses=schema.crosses
    )
    data = Events(events(rows_of(50)).paths, timeless)
    described = store.manifest(train(store, data, Run()))["training"]
    assert (described["time_range"], described["profile"]["out_of_order"]) == (None, None)


@pytest.mark.parametrize(
    ("times", "in_order"),
    [([3, 5, 5], True), ([3, 5, 4], False), ([-(2**63), 2**63 - 1, 2**63 - 1], True), ([0, 2**63 - 1, -2], False)],
)
def test_the_time_range_says_whether_the_rows_are_in_order(store, events, times, in_order):
    rows = [{**row, "time_hour": time} for row, time in zip(rows_of(3), times, strict=True)]
    for files in ([rows], [rows[:2], rows[2:]]):
        described = store.manifest(train(store, events(*files), Run(passes=1)))["training"]
        assert described["time_range"]["in_order"] is in_order
        assert (described["profile"]["out_of_order"] == 0.0) is in_order


@pytest.mark.parametrize(
    ("times", "text"),
    [([5, 3], None), (["2013-07-04", "2013-07-05"], "2013-07-04T00:00:00Z to 2013-07-05T00:00:00Z")],
)
def test_the_time_range_says_what_its_numbers_count(store, events, times, text):
    rows = [{**row, "time_hour": time} for row, time in zip(rows_of(2), times, strict=True)]
    span = store.manifest(train(store, events(rows), Run()))["training"]["time_range"]
    assert span.get("text") == text
    assert span["first"] < span["last"]
    assert span["unit"] == ("as given" if text is None else "microseconds since 1970-01-01T00:00:00Z")


def test_no_rows_are_an_error_and_nothing_is_added(store, events):
    with pytest.raises(EventsError, match="0.ndjson, 1.ndjson: there are no rows to learn from"):
        train(store, events([], []), Run())
    assert store.version_ids() == []


def test_events_that_change_while_they_are_learned_are_refused(store, events):
    data = events(rows_of(100))

    def touch(done):
        with open(data.paths[0], "a") as file:
            file.write("\n")

    with pytest.raises(EventsError, match="the events changed while they were learned"):
        train(store, data, Run(), progress=touch)
    assert store.version_ids() == []


def test_a_wrong_row_stops_the_run_and_leaves_nothing(store, events):
    rows = rows_of(10)
    with pytest.raises(EventsError) as caught:
        train(store, events(rows, [*rows[:4], {**rows[4], "hour": "7"}]), Run())
    assert (caught.value.file, caught.value.row, caught.value.column) == ("1.ndjson", 5, "hour")
    assert not store.versions.exists() or not list(store.versions.iterdir())


def test_progress_grows_from_zero_to_one(store, events):
    seen = []
    rows = rows_of(100)
    train(store, events(rows, rows), Run(passes=3), progress=seen.append)
    assert seen == sorted(seen)
    assert 0.0 < seen[0] < seen[-1] == pytest.approx(1.0)


WRONG = [{"passes": 0}, {"passes": -1}, {"holdout": 1.0}, {"holdout": -0.1}, {"holdout": math.nan}, {"holdout": 2.0}]


def test_a_run_is_checked_when_it_is_made(subtests):
    for wrong in WRONG:
        with subtests.test(**wrong), pytest.raises(ValueError, match=next(iter(wrong))):
            Run(**wrong)
