"""The whole line on generated events: train, gate, promote, serve, score, roll back."""

import json
import shutil

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from service.config import Settings
from service.store import Store
from service.web import create_app

FORMATS = [".parquet", ".csv", ".ndjson"]


def probabilities(path):
    if path.suffix == ".parquet":
        return pq.read_table(path)["probability"].to_pylist()
    if path.suffix == ".csv":
        return pa_csv.read_csv(path)["probability"].to_pylist()
    return [json.loads(line)["probability"] for line in path.read_text().splitlines()]


def features(row):
    return {name: value for name, value in row.items() if name not in ("late", "at")}


@pytest.mark.parametrize("suffix", FORMATS)
def test_events_become_a_version_that_serves_and_scores_and_can_be_taken_back(
    tmp_path, andon, make_line, flights, suffix, monkeypatch
):
    monkeypatch.setattr("service.live.LOOK_SECONDS", 0.0)
    first = make_line(tmp_path, suffix=suffix, seed=0)
    second = make_line(tmp_path, suffix=suffix, seed=1)
    assert first.version != second.version
    client = create_app(Settings(store=first.store)).test_client()
    rows = [features(row) for row in flights(500, seed=0)]

    for expected in (second.version, first.version):
        assert client.get("/health").json == {"status": "ok", "model": "flights", "version": expected}
        answer = client.post("/predict", json={"instances": rows}).json
        assert answer["version"] == expected
        assert answer["predictions"] == Store(first.store).load(expected).predictor.predict_rows(rows)
        for out_suffix in FORMATS:
            out = tmp_path / f"scored{out_suffix}"
            assert andon("score", first.events, "--out", out, "--store", first.store).code == 0
            assert probabilities(out)[:500] == answer["predictions"]
        if expected == second.version:
            rolled_back = andon("rollback", "--store", first.store, "--reason", "taken back")
            assert (rolled_back.code, rolled_back.out) == (0, f"{first.version}\n")

    changes = Store(first.store).audit()
    assert [(change.action, change.to_version) for change in changes] == [
        ("promote", first.version),
        ("promote", second.version),
        ("rollback", first.version),
    ]


def test_the_format_of_the_events_changes_no_weight_and_no_golden_answer(tmp_path, make_line):
    lines = []
    for suffix in FORMATS:
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        lines.append(make_line(folder, suffix=suffix))
    stores = [Store(line.store) for line in lines]
    weights = [(s.versions / line.version / "weights.npy").read_bytes() for s, line in zip(stores, lines, strict=True)]
    goldens = [store.golden(line.version) for store, line in zip(stores, lines, strict=True)]
    assert weights[0] == weights[1] == weights[2]
    assert goldens[0] == goldens[1] == goldens[2]


def test_events_may_come_in_several_files_of_several_formats(tmp_path, andon, flights, write, schema_path, line):
    rows = flights(3_000)
    parts = [write(tmp_path / f"{i}{s}", rows[i * 1_000 : (i + 1) * 1_000]) for i, s in enumerate(FORMATS)]
    store = tmp_path / "store"
    trained = andon("train", *parts, "--schema", schema_path, "--store", store, "--holdout", 0.2)
    assert trained.code == 0
    weights = [
        np.load(root / "versions" / version / "weights.npy")
        for root, version in ((store, trained.out.strip()), (line.store, line.version))
    ]
    assert np.array_equal(*weights)


def test_the_same_events_schema_and_seed_give_the_same_version(tmp_path, andon, line, schema_path):
    def version(store, seed):
        run = ["train", line.events, "--schema", schema_path, "--store", store, "--holdout", 0.2, "--seed", seed]
        return andon(*run).out.strip()

    assert version(tmp_path / "one", 0) == version(tmp_path / "other", 0) == line.version
    assert version(tmp_path / "one", 1) != line.version


def test_train_prints_the_id_and_nothing_else_on_standard_output(tmp_path, andon, line, schema_path):
    done = andon("train", line.events, "--schema", schema_path, "--store", tmp_path / "store", "--holdout", 0.2)
    assert (done.code, done.out) == (0, f"{line.version}\n")
    assert "learned 2,400 rows" in done.err
    assert "\x1b" not in done.out + done.err


def test_a_version_that_fails_its_gate_is_not_promoted(tmp_path, andon, line, schema_path):
    contract = tmp_path / "gate.toml"
    contract.write_text("[auc]\nmin = 0.99\n")
    store = tmp_path / "store"
    train = ["train", line.events, "--schema", schema_path, "--store", store, "--holdout", 0.2]
    version = andon(*train).out.strip()
    judged = andon("gate", version[:10], "--events", line.events, "--contract", contract, "--store", store)
    assert judged.code == 1
    assert "600 rows judged, 2,400 left out" in judged.out
    assert "FAILED" in judged.out
    refused = andon("promote", version, "--store", store)
    assert (refused.code, refused.out) == (1, "")
    assert f"version {version} is not promoted: it failed its gate: auc" in refused.err
    assert Store(store).pointer() is None


def test_a_gate_on_the_trainings_own_rows_judges_none_and_fails(tmp_path, andon, line, schema_path):
    store = tmp_path / "store"
    version = andon("train", line.events, "--schema", schema_path, "--store", store).out.strip()
    judged = andon("gate", version, "--events", line.events, "--store", store)
    assert judged.code == 1
    assert "0 rows judged, 3,000 left out" in judged.out
    assert "--allow-overlap" in judged.err
    assert andon("gate", version, "--events", line.events, "--store", store, "--allow-overlap").code == 0


def test_an_older_version_can_score_by_a_prefix_of_its_id(tmp_path, andon, make_line):
    first, second = make_line(tmp_path, seed=0), make_line(tmp_path, seed=1)
    scored = {}
    for version in (first.version, second.version):
        out = tmp_path / f"{version}.csv"
        done = andon("score", first.events, "--out", out, "--store", first.store, "--version", version[:16])
        assert (done.code, done.out) == (0, "")
        assert f"scored 3,000 rows with version {version}" in done.err
        scored[version] = probabilities(out)
    assert scored[first.version] != scored[second.version]


@pytest.fixture
def timeless(tmp_path, andon, line, schema_path):
    """A schema without a timestamp, a store, and in it a version that was trained on the line's events."""
    schema = tmp_path / "timeless.toml"
    schema.write_text(schema_path.read_text().replace('timestamp = "at"\n', ""))
    store = tmp_path / "store"
    trained = andon("train", line.events, "--schema", schema, "--store", store)
    assert trained.code == 0
    return store, trained.out.strip()


def test_without_a_timestamp_a_gate_on_the_trainings_own_file_judges_none_and_blesses_nothing(
    tmp_path, andon, line, timeless
):
    store, version = timeless
    copy = tmp_path / "renamed.parquet"
    shutil.copyfile(line.events, copy)
    for events in (line.events, copy):
        judged = andon("gate", version, "--events", events, "--store", store)
        assert judged.code == 1
        assert "0 rows judged, 3,000 left out" in judged.out
        assert "not blessed" in judged.out
        assert "--allow-overlap" in judged.err
        report = Store(store).read_report(version)
        assert (report["rows"], report["left_out"], report["passed"]) == (0, 3_000, False)
        assert report["allow_overlap"] is False
    refused = andon("promote", version, "--store", store)
    assert (refused.code, refused.out) == (1, "")
    assert "it failed its gate: positives, negatives, normalized_entropy" in refused.err
    assert Store(store).pointer() is None


def test_without_a_timestamp_an_allowed_overlap_is_judged_and_the_report_says_so(andon, line, timeless):
    store, version = timeless
    judged = andon("gate", version, "--events", line.events, "--store", store, "--allow-overlap")
    assert judged.code == 0
    assert "3,000 rows judged, 0 left out" in judged.out
    report = Store(store).read_report(version)
    assert (report["rows"], report["left_out"], report["passed"]) == (3_000, 0, True)
    assert report["allow_overlap"] is True
    assert andon("promote", version, "--store", store).out == f"{version}\n"


def test_without_a_timestamp_other_events_are_judged_and_the_trainings_own_left_out(
    tmp_path, andon, line, timeless, flights, write
):
    store, version = timeless
    other = write(tmp_path / "other.csv", flights(1_000, seed=5))
    judged = andon("gate", version, "--events", line.events, "--events", other, "--store", store)
    assert judged.code == 0
    assert "1,000 rows judged, 3,000 left out" in judged.out
    together = Store(store).read_report(version)
    assert andon("gate", version, "--events", other, "--store", store).code == 0
    assert Store(store).read_report(version)["checks"] == together["checks"]
    assert together["allow_overlap"] is False


@pytest.mark.parametrize("rare", [0, 1])
@pytest.mark.parametrize(("count", "code"), [(9, 1), (10, 0)])
def test_fewer_than_ten_of_a_class_bless_nothing(tmp_path, andon, line, flights, write, rare, count, code):
    store = tmp_path / "store"
    shutil.copytree(line.store, store)
    (store / "current.json").unlink()
    (store / "audit.ndjson").unlink()
    predictor = Store(store).load(line.version).predictor
    later = flights(3_000)[2_400:]
    ranked = sorted(later, key=lambda row: predictor.predict_rows([row]))
    ones, zeros = [row for row in ranked if row["late"]], [row for row in ranked if not row["late"]]
    n_ones, n_zeros = (count, 20) if rare else (20, count)
    judged = sorted([*ones[-n_ones:], *zeros[:n_zeros]], key=lambda row: row["at"])
    contract = tmp_path / "gate.toml"
    contract.write_text("[auc]\nmin = 0.9\n")
    events = write(tmp_path / "few.parquet", judged)
    done = andon("gate", line.version, "--events", events, "--contract", contract, "--store", store)
    name = ("negatives", "positives")[rare]
    checks = Store(store).read_report(line.version)["checks"]
    assert [(check["bound"]["metric"], check["value"]) for check in checks[:2]] == [
        ("positives", n_ones),
        ("negatives", n_zeros),
    ]
    assert [check["bound"]["metric"] for check in checks if not check["passed"]] == ([name] if code else [])
    assert done.code == code
    promoted = andon("promote", line.version, "--store", store)
    assert promoted.code == code
    assert (f"it failed its gate: {name}" in promoted.err) is bool(code)
