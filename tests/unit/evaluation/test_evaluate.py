"""Judge a candidate: the whole gate on the real store. The report holds what scikit-learn would say, or nothing."""

import json
import os

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from service.errors import ArtefactInvalid, DocumentError, EventsError, NotBlessed, NotFirstRelease
from service.evaluation import baseline_of, behaviour, evaluate
from service.evaluation import rows as judged
from service.gates import ALWAYS, GATES


@pytest.fixture(autouse=True)
def few_rows_are_asked_about(monkeypatch):
    """Behaviour is judged on a smaller sample than otherwise; how large that one is, is proven in ``test_rows``."""
    monkeypatch.setattr(judged, "SAMPLE_ROWS", 40)


@pytest.fixture
def no_application(monkeypatch):
    """For tests of something else: no application is asked over HTTP, which takes as long as all the rest."""
    monkeypatch.setattr(behaviour, "_over_http", lambda predictor, rows: predictor.predict_rows(rows))


@pytest.fixture(scope="module")
def easy(contract):
    """A contract that the trained versions of these tests keep; not all that follows from it is without a baseline."""
    return contract(
        log_loss={"max": 0.69},
        auc={"min": 0.55},
        expected_calibration_error={"max": 0.2},
        calibration_ratio={"min": 0.5, "max": 2},
        artefact_bytes={"max": 100_000},
        row_time_ratio={"max": 1_000},
        change={"log_loss": {"max": 0.2}, "auc": {"min_relative": -0.5}, "replicates": 200},
        slices=[
            {"field": "origin", "min_rows": 20, "log_loss": {"max": 0.9}, "change": {"log_loss": {"max": 0.5}}},
            {"field": "tailnum", "seen": "head", "training_rows": 5, "min_rows": 20, "log_loss": {"max": 0.9}},
        ],
        data={"rows": {"min": 100}, "rows_ratio": {"min": 0.5}, "every_field": {"missing_change": {"max": 0.1}}},
        collisions={"traffic": {"max": 1}},
        directions=[{"field": "hour", "from": 2, "to": 22, "expect": "increase", "min_share": 0.5}],
    )


@pytest.fixture(scope="module")
def loose(contract):
    """A contract that asks next to nothing."""
    return contract(log_loss={"max": 10})


@pytest.fixture(scope="module")
def learned(flights, written):
    """The path of events at times 0 to 1,999."""
    return written(flights(2_000), "learned.ndjson")


@pytest.fixture(scope="module")
def later(flights, written):
    """The path of events at times from 2,000 to 2,599."""
    return written(flights(600, seed=1, first=2_000), "later.parquet")


@pytest.fixture
def version(made):
    """A version that says of itself that it learned from times 0 to 9."""
    return made(1, time_range={"unit": "as given", "first": 0, "last": 9})


def test_a_first_release_that_keeps_its_contract_is_blessed_and_waives_only_what_needs_a_baseline(
    store, trained, learned, later, easy
):
    version = trained(learned)
    report = evaluate(store, version, [learned, later], easy, first_release=True)
    assert [str(check) for check in report.failed] == []
    assert (report.rows, report.left_out, report.baseline, report.first_release) == (600, 2_000, None, True)
    assert {check.gate for check in report.checks} == set(GATES) - {"reproducibility"}
    waived = {(check.gate, check.metric) for check in report.checks if check.waived}
    assert waived == {
        ("baseline", "versions"),
        ("schema", "breaking_changes"),
        ("data", "rows_ratio"),
        ("data", "missing_change"),
        ("change", "log_loss change"),
        ("change", "auc relative change"),
        ("slice", "log_loss change"),
        ("artefact", "row_time_ratio"),
    }
    assert {check.waived for check in report.checks if check.waived} == {"first release"}
    assert store.promote(version, actor="tests").current == version


@pytest.mark.usefixtures("no_application")
def test_without_a_baseline_and_without_the_word_for_it_the_gate_fails(store, trained, learned, later, easy):
    version = trained(learned)
    waived = evaluate(store, version, [later], easy, first_release=True)
    report = evaluate(store, version, [later], easy)
    assert [str(check) for check in report.failed] == [str(check) for check in waived.checks if check.waived]
    with pytest.raises(NotBlessed, match="it failed its gate: versions, breaking_changes"):
        store.promote(version, actor="tests")


def test_the_next_version_is_compared_with_the_current_one_and_may_take_its_place(
    store, trained, learned, later, easy
):
    first, second = trained(learned), trained(learned, seed=1)
    evaluate(store, first, [later], easy, first_release=True)
    store.promote(first, actor="tests")
    report = evaluate(store, second, [later], easy)
    assert [str(check) for check in report.failed] == []
    assert (report.baseline, report.first_release) == (first, False)
    assert not any(check.waived for check in report.checks)
    assert store.promote(second, actor="tests").current == second


@pytest.mark.usefixtures("no_application")
def test_a_report_against_another_version_than_the_current_one_promotes_nothing(
    store, trained, learned, later, loose
):
    first, second, third = trained(learned), trained(learned, seed=1), trained(learned, seed=2)
    evaluate(store, first, [later], loose, first_release=True)
    store.promote(first, actor="tests")
    evaluate(store, second, [later], loose)
    evaluate(store, third, [later], loose)
    store.promote(second, actor="tests")
    with pytest.raises(NotBlessed, match=f"judged against {first}, but {second} is current now"):
        store.promote(third, actor="tests")
    evaluate(store, third, [later], loose)
    assert store.promote(third, actor="tests").current == third


@pytest.mark.usefixtures("no_application")
def test_a_first_release_is_refused_where_there_is_a_version_to_compare_with(store, trained, learned, later, loose):
    first, second = trained(learned), trained(learned, seed=1)
    evaluate(store, first, [later], loose, first_release=True)
    store.promote(first, actor="tests")
    with pytest.raises(NotFirstRelease, match=f"would replace version {first}") as caught:
        evaluate(store, second, [later], loose, first_release=True)
    assert caught.value.baseline == first
    assert store.read_report(second) is None


@pytest.mark.usefixtures("no_application")
def test_the_current_version_is_compared_with_its_predecessor(store, trained, learned, later, loose):
    first, second = trained(learned), trained(learned, seed=1)
    evaluate(store, first, [later], loose, first_release=True)
    store.promote(first, actor="tests")
    assert baseline_of(store, first) is None
    assert evaluate(store, first, [later], loose, first_release=True).baseline is None
    evaluate(store, second, [later], loose)
    store.promote(second, actor="tests")
    assert baseline_of(store, second) == first
    assert evaluate(store, second, [later], loose).baseline == first
    assert evaluate(store, first, [later], loose).baseline == second


def test_all_that_is_asked_of_every_version_is_in_every_report(store, version, flights, write, loose):
    report = evaluate(store, version, [write(flights(30))], loose)
    assert set(ALWAYS) <= {(check.gate, check.metric, check.bound) for check in report.checks}


def values(report):
    return {check.metric: check.value for check in report.checks if check.gate == "value"}


@pytest.mark.usefixtures("no_application")
def test_the_metrics_are_those_of_scikit_learn(store, version, flights, write, contract):
    rows = flights(400, first=10)
    asked = contract(log_loss={"max": 10}, auc={"min": 0}, calibration_ratio={"min": 0})
    report = evaluate(store, version, [write(rows)], asked)
    labels = np.array([row["late"] for row in rows])
    answers = np.array(store.load(version).predictor.predict_rows(rows))
    found = values(report)
    assert found["log_loss"] == pytest.approx(log_loss(labels, answers), rel=1e-9)
    assert found["auc"] == pytest.approx(roc_auc_score(labels, answers), rel=1e-9)
    assert found["calibration_ratio"] == pytest.approx(answers.mean() / labels.mean(), rel=1e-9)
    assert (found["positives"], found["negatives"]) == (labels.sum(), (1 - labels).sum())
    assert (report.rows, report.left_out, report.version) == (400, 0, version)
    assert report.allow_overlap is False


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
def test_events_that_change_while_they_are_judged_are_an_error_and_no_report(
    store, version, flights, write, loose, change
):
    path = write(flights(30))
    with pytest.raises(EventsError, match="changed while the version was judged") as caught:
        evaluate(store, version, [path], loose, progress=lambda done: change(path))
    assert caught.value.file == "events.ndjson"
    assert store.read_report(version) is None


def test_events_that_vanish_while_they_are_judged_are_an_error_and_no_report(store, version, flights, write, loose):
    path = write(flights(30))
    with pytest.raises(EventsError, match="can't be read"):
        evaluate(store, version, [path], loose, progress=lambda done: path.unlink())
    assert store.read_report(version) is None


@pytest.mark.usefixtures("no_application")
@pytest.mark.parametrize("rare", [0, 1])
def test_fewer_than_ten_of_a_class_fail(store, version, flights, write, loose, rare):
    rows = [{**row, "late": rare if index < 9 else 1 - rare} for index, row in enumerate(flights(19, first=10))]
    report = evaluate(store, version, [write(rows)], loose, first_release=True)
    few, enough = ("negatives", "positives") if rare == 0 else ("positives", "negatives")
    assert (values(report)[few], values(report)[enough]) == (9, 10)
    passed = {check.metric: check.passed for check in report.checks}
    assert (passed[few], passed[enough]) == (False, True)
    assert few in store.blessing(version, None)


@pytest.mark.parametrize("n_rows", [0, 10], ids=["no rows", "none later"])
def test_without_a_row_to_judge_everything_about_the_rows_fails(store, version, flights, write, easy, n_rows):
    report = evaluate(store, version, [write(flights(n_rows))], easy)
    assert (report.rows, report.left_out, report.passed) == (0, n_rows, False)
    about_rows = [check for check in report.checks if check.gate in ("value", "change", "slice", "behaviour")]
    assert len(about_rows) == 18
    assert not any(check.passed for check in about_rows)
    assert all(check.note for check in about_rows if check.value is None)
    assert store.blessing(version, None) is not None


@pytest.mark.usefixtures("no_application")
def test_without_a_row_to_judge_a_comparison_fails_too(store, release, version, made, flights, write, easy):
    release(made(2))
    report = evaluate(store, version, [write(flights(10))], easy)
    changes = [check for check in report.checks if check.gate == "change"]
    assert [check.passed for check in changes] == [False, False]
    assert all("no rows" in check.note for check in changes)


@pytest.mark.usefixtures("no_application")
def test_rows_of_one_class_define_no_auc_and_fail(store, version, flights, write, contract):
    rows = [{**row, "late": 0} for row in flights(20, first=10)]
    report = evaluate(store, version, [write(rows)], contract(auc={"min": 0}), first_release=True)
    assert (values(report)["auc"], values(report)["normalized_entropy"]) == (None, None)
    assert [check.metric for check in report.failed] == ["positives", "normalized_entropy", "auc"]


def test_the_report_is_kept_beside_the_version_with_a_page_for_people(store, version, flights, write, easy):
    path = write(flights(100))
    report = evaluate(store, version, [path], easy)
    document = store.read_report(version)
    assert document == json.loads(json.dumps(report.to_document()))
    assert document["events"] == [{"sha256": report.events[0]["sha256"], "bytes": path.stat().st_size}]
    assert document["contract"] == {"name": "gate.toml", "sha256": easy.sha256}
    assert document["name"] == "flights"
    assert version in (store.versions / version / "reports" / "gate.html").read_text(encoding="utf-8")
    assert store.load(version).version == version


@pytest.mark.usefixtures("no_application")
def test_a_second_report_takes_the_place_of_the_first(store, version, flights, write, loose):
    evaluate(store, version, [write(flights(30))], loose)
    evaluate(store, version, [write(flights(12))], loose)
    assert store.read_report(version)["rows"] == 2


def test_the_same_judgement_is_the_same_report(store, trained, learned, later, easy):
    version = trained(learned)
    twice = [evaluate(store, version, [later], easy, first_release=True).to_document() for _ in range(2)]
    assert twice[0] == twice[1]


def test_a_damaged_version_is_not_judged(store, version, flights, write, loose, damage):
    damage(version)
    with pytest.raises(ArtefactInvalid, match="does not have the digest"):
        evaluate(store, version, [write(flights(30))], loose)
    assert store.read_report(version) is None


def test_with_a_damaged_baseline_nothing_is_judged_and_the_error_names_it(
    store, version, made, release, flights, write, loose, damage
):
    base = made(2)
    release(base)
    damage(base)
    with pytest.raises(ArtefactInvalid, match=f"version {base} is refused: .* nothing to compare the candidate with"):
        evaluate(store, version, [write(flights(30))], loose)
    assert store.read_report(version) is None


def test_a_contract_that_names_another_field_judges_nothing(store, version, flights, write, contract):
    asked = contract(slices=[{"field": "colour", "log_loss": {"max": 1}}])
    with pytest.raises(DocumentError, match=r"gate.toml: slices\.0\.field: .* unknown field 'colour'"):
        evaluate(store, version, [write(flights(30))], asked)
    assert store.read_report(version) is None


@pytest.mark.usefixtures("no_application")
def test_a_model_that_is_worse_than_the_base_rate_is_stopped_whatever_its_contract_says(
    store, made, schema, flights, write, loose
):
    weights = np.zeros(schema.n_buckets + 1)
    weights[-1] = 3.0
    version = made(weights)
    report = evaluate(store, version, [write(flights(300))], loose, first_release=True)
    assert [check.metric for check in report.failed] == ["normalized_entropy"]


@pytest.mark.usefixtures("no_application")
def test_progress_never_falls_and_ends_at_one(
    store, trained, made, release, other_schema, flights, write, contract, subtests
):
    learned, later = write(flights(200), "learned.ndjson"), write(flights(60, seed=1, first=200), "later.parquet")
    version = trained(learned)
    for baseline in ("the same schema", "another schema"):
        release(made(2, schema=other_schema(n_buckets=512 if baseline == "another schema" else 256)))
        for again, paths in [(False, [learned, later]), (True, [learned, later]), (True, [later])]:
            with subtests.test(baseline=baseline, trained_again=again, files=len(paths)):
                asked = contract(log_loss={"max": 1}, reproducibility={"same_digest": again})
                seen = []
                evaluate(store, version, paths, asked, progress=seen.append)
                assert seen == sorted(seen)
                assert seen[0] > 0.0
                assert seen[-1] == 1.0


@pytest.mark.usefixtures("no_application")
def test_reproducibility_is_asked_only_by_a_contract_that_says_so(store, trained, flights, write, contract):
    learned, later = write(flights(200), "learned.ndjson"), write(flights(60, seed=1, first=200), "later.parquet")
    version = trained(learned)
    for said, expected in [({"same_digest": True}, [1]), ({"same_digest": False}, [])]:
        asked = contract(log_loss={"max": 1}, reproducibility=said)
        report = evaluate(store, version, [later], asked, training=[learned])
        assert [check.value for check in report.checks if check.gate == "reproducibility"] == expected
