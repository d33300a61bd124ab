"""What a version costs: its bytes as the disk has them, its time beside the baseline's on a clock that we turn."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from service.evaluation import costs
from service.evaluation.costs import judge_costs


@pytest.fixture
def judge(store, contract):
    """``judge(candidate, baseline=None, ...)``: the checks by metric, of artefacts that took a second to load."""

    def ask(candidate, baseline=None, *, waived="", **tables):
        asked = contract(**tables)
        checks = judge_costs(store, candidate, baseline, asked, load_seconds=1.0, waived=waived)
        return {check.metric: check for check in checks}

    return ask


@pytest.fixture
def load(store, made, flights):
    """``load(seed)``: an artefact."""
    return lambda seed: store.load(made(seed, flights(50)))


def test_the_size_is_that_of_all_files_of_the_artefact_and_of_no_report(store, load, judge, release):
    artefact = load(1)
    release(artefact.version)
    files = [path for path in (store.versions / artefact.version).iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    assert len(files) == 4
    for most, passed in [(size, True), (size - 1, False)]:
        check = judge(artefact, artefact_bytes={"max": most})["artefact_bytes"]
        assert (check.gate, check.value, check.passed) == ("artefact", size, passed)


@pytest.mark.parametrize(("most", "passed"), [(1.0, True), (0.9, False)])
def test_the_time_to_load_is_the_one_that_was_measured(load, judge, most, passed):
    check = judge(load(1), load_seconds={"max": most})["load_seconds"]
    assert (check.value, check.passed) == (1.0, passed)


@pytest.mark.parametrize("waived", ["", "first release"])
def test_without_a_baseline_a_ratio_to_it_fails_unless_that_is_waived(load, judge, waived):
    checks = judge(load(1), waived=waived, row_time_ratio={"max": 2}, load_seconds={"max": 0.5})
    ratio = checks["row_time_ratio"]
    assert (ratio.value, ratio.waived, ratio.passed) == (None, waived, bool(waived))
    assert ratio.note == "there is no baseline to compare with"
    assert (checks["load_seconds"].waived, checks["load_seconds"].passed) == ("", False)


@pytest.fixture
def timed(load, monkeypatch):
    """``timed(seed, seconds)``: an artefact whose predictor takes so many seconds a row by the gate's clock.

    The clock is slow at first, for everybody, and hiccups.
    """
    clock = SimpleNamespace(now=0.0, calls=0)
    monkeypatch.setattr(costs, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def make(seed, seconds):
        def predict_rows(rows):
            clock.calls += 1
            clock.now += len(rows) * seconds * (9 if clock.calls < 5 or clock.calls % 7 == 0 else 1)
            return [0.5] * len(rows)

        return replace(load(seed), predictor=SimpleNamespace(predict_rows=predict_rows))

    return make


@pytest.mark.parametrize(("candidate", "baseline"), [(1.0, 1.0), (3.0, 1.0), (1.0, 4.0)])
def test_the_time_a_row_is_the_fastest_of_many_rounds_beside_the_baselines(timed, judge, candidate, baseline):
    versions = timed(1, candidate), timed(2, baseline)
    for most, passed in [(candidate / baseline * 1.01, True), (candidate / baseline * 0.99, False)]:
        check = judge(*versions, row_time_ratio={"max": most})["row_time_ratio"]
        assert check.value == pytest.approx(candidate / baseline)
        assert check.passed is passed


def test_two_real_versions_of_a_kind_take_a_time_each(load, judge):
    check = judge(load(1), load(2), row_time_ratio={"min": 0})["row_time_ratio"]
    assert check.passed


def test_what_no_bound_asks_for_is_not_measured(timed, judge):
    assert judge(timed(1, 1.0), timed(2, 1.0), log_loss={"max": 1}) == {}
    assert list(judge(timed(1, 1.0), timed(2, 1.0), artefact_bytes={"max": 1})) == ["artefact_bytes"]
