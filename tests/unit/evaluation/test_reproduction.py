"""Train again from the same events: the same version, or the check fails."""

import numpy as np
import pytest

from service import artefact
from service.core.learner import FTRL
from service.evaluation.reproduction import judge_reproduction


@pytest.fixture
def judge(store):
    """``judge(version, *paths)``: the check."""
    return lambda version, *paths, **options: judge_reproduction(store.load(version), paths, **options)


@pytest.fixture(scope="module")
def learned(flights, written):
    """The paths of two files of events."""
    return [written(flights(200), "a.ndjson"), written(flights(150, seed=1, first=200), "b.parquet")]


OTHER_THAN_BY_DEFAULT = {
    "passes": 3,
    "seed": 5,
    "holdout": 0.3,
    "learner": FTRL(alpha=0.1, beta=2, l1=0, l2=3),
}


@pytest.mark.parametrize("run", [{}, {"passes": 1}, OTHER_THAN_BY_DEFAULT], ids=["by default", "one pass", "otherwise"])
def test_a_version_that_was_trained_trains_again_to_the_same_digest(store, judge, trained, learned, run):
    version = trained(*learned, **run)
    check = judge(version, *learned)
    assert (check.gate, check.metric, check.value, check.passed) == ("reproducibility", "same_digest", 1, True)
    assert check.note == f"trained again: {version}"
    assert store.version_ids() == [version]


def test_the_files_may_come_in_another_order_under_other_names_among_others(
    judge, trained, learned, flights, write, tmp_path
):
    version = trained(*learned)
    renamed = tmp_path / "renamed.jsonl"
    renamed.write_bytes(learned[0].read_bytes())
    other = write(flights(10, seed=3), "other.ndjson")
    assert judge(version, other, learned[1], renamed, other).passed
    assert trained(learned[1], renamed) != version


def test_a_file_that_was_learned_twice_is_learned_twice_again(judge, trained, learned):
    version = trained(learned[0], learned[0])
    assert judge(version, learned[0]).passed
    assert trained(learned[0]) != version


def test_without_all_of_its_files_a_version_does_not_pass(judge, trained, learned, subtests):
    version = trained(*learned)
    for there in ([], learned[:1], learned[1:]):
        with subtests.test(there=[path.name for path in there]):
            check = judge(version, *there)
            assert (check.value, check.passed) == (None, False)
            assert "`--training` names them" in check.note


def test_a_file_that_changed_is_not_the_trainings_own(judge, trained, learned, tmp_path):
    changed = tmp_path / "a.ndjson"
    changed.write_bytes(learned[0].read_bytes() + b"\n")
    assert judge(trained(*learned), changed, learned[1]).value is None


def with_content(store, version, **changed):
    """A version that differs from another in what is given, and is sound."""
    sound = store.load(version)
    kept = {
        "schema": sound.predictor.schema,
        "weights": np.array(np.load(store.versions / version / artefact.WEIGHTS)),
        "golden": store.golden(version),
        "seen": sound.seen,
        "training": sound.manifest["training"],
    }
    return store.add(**{**kept, **changed})


def test_weights_that_no_training_gave_fail(store, judge, trained, learned):
    version = trained(*learned)
    weights = np.array(np.load(store.versions / version / artefact.WEIGHTS))
    unused = int(np.flatnonzero(weights == 0)[0])
    weights[unused] = 1e-12
    altered = with_content(store, version, weights=weights)
    check = judge(altered, *learned)
    assert (check.value, check.passed, check.note) == (0, False, f"trained again: {version}")


OTHER_TRAININGS = [{"seed": 1}, {"passes": 1}, {"rows": 7}, {"code_version": "0.0.0"}, {"learner": {"alpha": 0.5}}]


def test_a_manifest_that_tells_of_another_training_fails(store, judge, trained, learned, subtests):
    version = trained(*learned)
    for lie in OTHER_TRAININGS:
        with subtests.test(**lie):
            altered = with_content(store, version, training={**store.manifest(version)["training"], **lie})
            assert (judge(altered, *learned).value, altered == version) == (0, False)


NO_TRAININGS = [
    {"learner": None},
    {"learner": {"alpha": "a lot"}},
    {"learner": {"rate": 1}},
    {"passes": 0},
    {"holdout": None},
]


def test_a_manifest_that_does_not_say_how_it_was_trained_fails(store, judge, trained, learned, subtests):
    version = trained(*learned)
    for lie in NO_TRAININGS:
        with subtests.test(**lie):
            training = {**store.manifest(version)["training"], **lie}
            check = judge(with_content(store, version, training=training), *learned)
            assert (check.value, check.passed) == (None, False)
            assert check.note == "the manifest does not say how it was trained"


def test_a_version_that_comes_from_no_training_fails(judge, made, learned):
    check = judge(made(1), *learned)
    assert (check.value, check.passed) == (None, False)


def test_nothing_is_left_behind(store, judge, trained, learned, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    version = trained(*learned)
    judge(version, *learned)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert store.version_ids() == [version]


def test_progress_is_the_trainings(judge, trained, learned):
    seen = []
    judge(trained(*learned), *learned, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
