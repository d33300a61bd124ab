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
    tmp_path, andon, make_line, flights, suffix
):
    first = make_line(tmp_path, suffix=suffix, seed=0)
    second = make_line(tmp_path, suffix=suffix, seed=1)
    assert first.version != second.version
    app = create_app(Settings(store=first.store))
    client, model = app.test_client(), app.extensions["andon"]
    model.close()  # so that it looks only when told to
    rows = [features(row) for row in flights(500, seed=0)]

    for expected in (second.version, first.version):
        model.look()
        health = client.get("/health").json
        assert (health["status"], health["model"], health["version"]) == ("ok", "flights", expected)
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
    gate = ["gate", version[:10], "--events", line.events, "--contract", contract, "--store", store]
    judged = andon(*gate, "--first-release")
    assert judged.code == 1
    assert "600 rows judged by gate.toml, 2,400 left out" in judged.out
    assert "the line stops here: 1 of 12 checks failed: auc" in judged.out
    refused = andon("promote", version, "--store", store)
    assert (refused.code, refused.out) == (1, "")
    assert f"version {version} is not promoted: it failed its gate: auc" in refused.err
    assert Store(store).pointer() is None


def test_a_gate_on_the_trainings_own_rows_judges_none_and_fails(tmp_path, andon, line, schema_path):
    store = tmp_path / "store"
    version = andon("train", line.events, "--schema", schema_path, "--store", store).out.strip()
    gate = ["gate", version, "--events", line.events, "--store", store, "--first-release"]
    judged = andon(*gate)
    assert judged.code == 1
    assert "0 rows judged by the default contract, 3,000 left out" in judged.out
    assert "--allow-overlap" in judged.err
    assert andon(*gate, "--allow-overlap").code == 0


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
        judged = andon("gate", version, "--events", events, "--store", store, "--first-release")
        assert judged.code == 1
        assert "0 rows judged by the default contract, 3,000 left out" in judged.out
        assert "the line stops here" in judged.out
        assert "--allow-overlap" in judged.err
        report = Store(store).read_report(version)
        assert (report["rows"], report["left_out"], report["passed"]) == (0, 3_000, False)
        assert report["allow_overlap"] is False
    refused = andon("promote", version, "--store", store)
    assert (refused.code, refused.out) == (1, "")
    assert "it failed its gate: " in refused.err and "positives, negatives, normalized_entropy" in refused.err
    assert Store(store).pointer() is None


def test_without_a_timestamp_an_allowed_overlap_is_judged_and_the_report_says_so(andon, line, timeless):
    store, version = timeless
    gate = ["gate", version, "--events", line.events, "--store", store, "--first-release"]
    judged = andon(*gate, "--allow-overlap")
    assert judged.code == 0
    assert "3,000 rows judged by the default contract, 0 left out\n" in judged.out
    assert "rows that the version may have learned are among them" in judged.out
    report = Store(store).read_report(version)
    assert (report["rows"], report["left_out"], report["passed"]) == (3_000, 0, True)
    assert report["allow_overlap"] is True
    assert andon("promote", version, "--store", store).out == f"{version}\n"


def test_without_a_timestamp_other_events_are_judged_and_the_trainings_own_left_out(
    tmp_path, andon, line, timeless, flights, write
):
    store, version = timeless
    other = write(tmp_path / "other.csv", flights(1_000, seed=5))
    gate = ["gate", version, "--events", other, "--store", store, "--first-release"]
    judged = andon(*gate, "--events", line.events)
    assert judged.code == 0
    assert "1,000 rows judged by the default contract, 3,000 left out" in judged.out
    together = Store(store).read_report(version)
    assert andon(*gate).code == 0
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
    gate = ["gate", line.version, "--events", events, "--contract", contract, "--store", store]
    done = andon(*gate, "--first-release")
    name = ("negatives", "positives")[rare]
    checks = Store(store).read_report(line.version)["checks"]
    values = {check["metric"]: check["value"] for check in checks}
    assert (values["positives"], values["negatives"]) == (n_ones, n_zeros)
    assert [check["metric"] for check in checks if not check["passed"]] == ([name] if code else [])
    assert done.code == code
    promoted = andon("promote", line.version, "--store", store)
    assert promoted.code == code
    assert (f"it failed its gate: {name}" in promoted.err) is bool(code)


# Gates

CONTRACT = """
log_loss = { max = 0.69 }
artefact_bytes = { max = 1_000_000 }
row_time_ratio = { max = 1_000 }
change.log_loss = { max_relative = 0.2 }

[[slices]]
field = "origin"
min_rows = 20
change.log_loss = { max_relative = 0.5 }

[[slices]]
field = "flight"
seen = "tail"
training_rows = 5
min_rows = 20
log_loss = { max = 0.8 }

[data]
rows = { min = 2_000 }
rows_ratio = { min = 0.5 }
every_field = { auc = { max = 0.95 } }

[reproducibility]
same_digest = true
"""


@pytest.fixture
def contract(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(CONTRACT)
    return path


def files(folder):
    """Every file below a folder, with its content."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_whole_line_with_a_contract_from_the_first_release_to_the_second(
    tmp_path, andon, flights, write, schema_path, contract
):
    store, events = tmp_path / "store", write(tmp_path / "events.parquet", flights(3_000))
    train = ["train", events, "--schema", schema_path, "--store", store, "--holdout", 0.2, "--contract", contract]
    check = ["check", events, "--schema", schema_path, "--store", store, "--holdout", 0.2, "--contract", contract]

    def gate(version, *options):
        return andon("gate", version, "--events", events, "--contract", contract, "--store", store, *options)

    assert andon(*check).code == 0
    first = andon(*train).out.strip()
    unsaid = gate(first)
    assert (unsaid.code, "`--first-release` says that this is the first" in unsaid.out) == (1, True)
    assert andon("promote", first, "--store", store).code == 1
    said = gate(first, "--first-release")
    assert said.code == 0, said.out
    assert "baseline none: first release" in said.out
    assert "checks were waived" in said.out
    assert andon("promote", first, "--store", store).out == f"{first}\n"

    assert andon(*check).code == 0
    second = andon(*train, "--seed", 1).out.strip()
    wrong = gate(second, "--first-release")
    assert (wrong.code, wrong.out) == (2, "")
    assert f"this is no first release: it would replace version {first}" in wrong.err
    compared = gate(second)
    assert compared.code == 0, compared.out
    assert f"baseline {first}\n" in compared.out and compared.out.endswith("\nblessed\n")
    page = store / "versions" / second / "reports" / "gate.html"
    assert f"the report as a page: {page}" in compared.err
    assert page.stat().st_size > 1_000
    assert andon("promote", second, "--store", store).out == f"{second}\n"
    assert andon("rollback", "--store", store).out == f"{first}\n"


def test_a_gate_as_json_prints_the_report_that_the_store_keeps(tmp_path, andon, make_line):
    line = make_line(tmp_path)
    done = andon("gate", line.version, "--events", line.events, "--store", line.store, "--first-release", "--json")
    assert done.code == 0
    report = json.loads(done.out)
    assert report == Store(line.store).read_report(line.version)
    assert (report["passed"], report["rows"], report["left_out"]) == (True, 600, 2_400)
    failed = andon("gate", line.version, "--events", line.events, "--store", line.store, "--json")
    assert (failed.code, json.loads(failed.out)["passed"]) == (1, False)


@pytest.mark.parametrize("command", ["train", "check"])
def test_events_that_the_data_gate_stops_are_not_learned(
    tmp_path, andon, flights, write, schema_path, contract, command
):
    leaking = [{**row, "gate": f"late {row['late']}"} for row in flights(3_000)]
    events, store = write(tmp_path / "events.parquet", leaking), tmp_path / "store"
    done = andon(command, events, "--schema", schema_path, "--store", store, "--contract", contract)
    assert (done.code, done.out) == (1, "")
    assert "the line stops here: 1 of 8 checks of the events failed" in done.err
    (line,) = [line for line in done.err.splitlines() if "FAILED" in line]
    assert line.split()[:2] == ["auc", "gate"]
    assert not store.exists()


def test_the_data_gate_compares_with_what_the_current_version_learned(
    tmp_path, andon, make_line, flights, write, schema_path, contract
):
    line = make_line(tmp_path)
    contract.write_text("[auc]\nmin = 0.5\n[data.label_rate_ratio]\nmin = 0.8\nmax = 1.2\n")
    before = files(line.store)
    options = ["--schema", schema_path, "--contract", contract]
    rows = flights(2_000, seed=7)
    for name, given, code in [("same.csv", rows, 0), ("never.csv", [{**row, "late": 0} for row in rows], 1)]:
        events = write(tmp_path / name, given)
        assert andon("check", events, *options, "--store", line.store).code == code
        assert andon("check", events, *options, "--store", tmp_path / "empty").code == 0
        assert files(line.store) == before
    assert andon("train", events, *options, "--store", line.store).code == 1
    assert files(line.store) == before


def test_a_report_against_a_version_that_is_current_no_more_promotes_nothing(
    tmp_path, andon, make_line, schema_path
):
    line = make_line(tmp_path)
    train = ["train", line.events, "--schema", schema_path, "--store", line.store, "--holdout", 0.2]
    second, third = (andon(*train, "--seed", seed).out.strip() for seed in (1, 2))
    for version in (second, third):
        assert andon("gate", version, "--events", line.events, "--store", line.store).code == 0
    assert andon("promote", second, "--store", line.store).code == 0
    refused = andon("promote", third, "--store", line.store)
    assert (refused.code, refused.out) == (1, "")
    assert f"it was judged against {line.version}, but {second} is current now; run `andon gate` again" in refused.err
    assert andon("gate", third, "--events", line.events, "--store", line.store).code == 0
    assert andon("promote", third, "--store", line.store).code == 0


def test_the_trainings_files_may_be_named_beside_the_events(tmp_path, andon, flights, write, schema_path, contract):
    rows = flights(4_000)
    parts = [write(tmp_path / name, rows[i : i + 1_500]) for name, i in (("a.csv", 0), ("b.parquet", 1_500))]
    later = write(tmp_path / "later.ndjson", rows[3_000:])
    store = tmp_path / "store"
    version = andon("train", *parts, "--schema", schema_path, "--store", store).out.strip()
    gate = ["gate", version, "--events", later, "--contract", contract, "--store", store, "--first-release"]
    without = andon(*gate)
    assert without.code == 1
    assert "not all of the training's files are there; `--training` names them" in without.out
    assert without.out.splitlines()[-1].endswith("checks failed: same_digest")
    assert andon(*gate, "--training", parts[1], "--training", parts[0]).code == 0


def test_a_version_of_a_wider_schema_is_compared_with_one_of_the_old(
    tmp_path, andon, make_line, flights, write, schema_path
):
    line = make_line(tmp_path)
    wider = tmp_path / "wider.toml"
    wider.write_text(schema_path.read_text() + '\n[fields.wind]\ntype = "integer"\nrequired = false\n')
    events = write(tmp_path / "wind.csv", [{**row, "wind": row["hour"] % 4} for row in flights(3_000)])
    train = ["train", events, "--schema", wider, "--store", line.store, "--holdout", 0.2]
    version = andon(*train).out.strip()
    judged = andon("gate", version, "--events", events, "--store", line.store)
    assert judged.code == 0, judged.out
    narrower = andon("promote", version, "--store", line.store)
    assert narrower.code == 0
    retrained = ["train", line.events, "--schema", schema_path, "--store", line.store, "--holdout", 0.2, "--seed", 3]
    back = andon(*retrained).out.strip()
    assert andon("gate", back, "--events", events, "--store", line.store).code == 0


def test_events_that_the_baseline_can_not_read_are_2_and_the_message_names_it(
    tmp_path, andon, make_line, flights, write, schema_path
):
    line = make_line(tmp_path)
    narrower = tmp_path / "narrower.toml"
    narrower.write_text(schema_path.read_text().replace('[fields.flight]\ntype = "integer"\n', ""))
    events = write(tmp_path / "new.csv", [{k: v for k, v in row.items() if k != "flight"} for row in flights(3_000)])
    train = ["train", events, "--schema", narrower, "--store", line.store, "--holdout", 0.2]
    version = andon(*train).out.strip()
    done = andon("gate", version, "--events", events, "--store", line.store)
    assert (done.code, done.out) == (2, "")
    assert f"new.csv, column 'flight': the baseline {line.version} can't be asked: the file has no such" in done.err
