"""Value and change thresholds, and slices: the figures are scikit-learn's, and what these rows can't tell fails."""

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from service.core.comparison import compare
from service.evaluation.quality import judge_quality
from service.evaluation.rows import Judged, judged_rows
from service.evaluation.slices import MAX_SLICES, Slices
from service.events import Events
from service.gates import ALWAYS, Bound, SliceRule
from service.scoring import score

N_ROWS = 2_000
HOW = {"confidence": 0.95, "replicates": 200}


@pytest.fixture(scope="module")
def world():
    """Labels, the probabilities that they were drawn with, and slices of the rows: ``a``, ``b`` and a small ``c``."""
    random = np.random.default_rng(7)
    true = 1 / (1 + np.exp(-random.normal(-1, 1.2, N_ROWS)))
    labels = (random.random(N_ROWS) < true).astype(np.int8)
    return labels, true, random.choice(np.array([0, 0, 1, 1, 1, -1], np.int16), N_ROWS)


@pytest.fixture
def judge(world, contract):
    """``judge(candidate, baseline=None, ...)``: what the judgement of such rows says, by gate, metric and slice."""
    labels, _, _ = world

    def ask(candidate, baseline=None, *, labels=labels, compared=None, slices=(), waived="", change=(), **tables):
        tables = tables or {"log_loss": {"max": 10}}
        tables["change"] = {**HOW, **dict(change)}
        judged = Judged(
            labels=labels,
            candidate=candidate,
            baseline=baseline,
            compared=np.ones(len(labels), np.bool_) if compared is None else compared,
            slices=slices,
            left_out=0,
            events=[],
            sample=[],
        )
        return judge_quality(judged, contract(**tables), waived=waived)

    return ask


def only(checks, **wanted):
    found = [check for check in checks if all(getattr(check, name) == value for name, value in wanted.items())]
    assert len(found) == 1, [str(check) for check in checks]
    return found[0]


def noisy(probabilities, noise, seed=1):
    """The same predictions with an error of the logit."""
    logits = np.log(probabilities / (1 - probabilities))
    return 1 / (1 + np.exp(-(logits + np.random.default_rng(seed).normal(0, noise, len(logits)))))


# Values


def test_every_value_is_that_of_scikit_learn(world, judge):
    labels, true, _ = world
    shown = judge(true, noisy(true, 1)).shown["metrics"]
    for name, answers in (("candidate", true), ("baseline", noisy(true, 1))):
        share = labels.mean()
        entropy = log_loss(labels, np.full(N_ROWS, share))
        expected = {
            "rows": N_ROWS,
            "positives": labels.sum(),
            "negatives": (1 - labels).sum(),
            "log_loss": log_loss(labels, answers),
            "base_log_loss": entropy,
            "normalized_entropy": log_loss(labels, answers) / entropy,
            "auc": roc_auc_score(labels, answers),
            "calibration_ratio": answers.mean() / share,
        }
        error = shown[name].pop("expected_calibration_error")
        assert shown[name] == pytest.approx(expected, rel=1e-9)
        order = np.argsort(answers)
        bins = [order[i * N_ROWS // 20 : (i + 1) * N_ROWS // 20] for i in range(20)]
        assert error == pytest.approx(np.mean([abs(answers[b].mean() - labels[b].mean()) for b in bins]), abs=1e-3)


def test_what_is_asked_of_every_version_is_asked_whatever_the_contract_says(world, judge):
    _, true, _ = world
    always = [(metric, bound) for gate, metric, bound in ALWAYS if gate == "value"]
    asked = [(check.metric, check.bound) for check in judge(true).checks]
    assert asked == [*always, ("log_loss", Bound(high=10))]
    looser = judge(true, normalized_entropy={"max": 5}).checks
    assert [check.bound for check in looser if check.metric == "normalized_entropy"] == [
        Bound(high=1.0, strict=True),
        Bound(high=5),
    ]


def test_a_value_beyond_its_bound_fails_and_one_on_it_does_not(world, judge):
    labels, true, _ = world
    auc = judge(true).shown["metrics"]["candidate"]["auc"]
    assert only(judge(true, auc={"min": auc}).checks, metric="auc").passed
    assert not only(judge(true, auc={"min": math.nextafter(auc, 1)}).checks, metric="auc").passed


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_define_no_auc_and_say_so(world, judge, label):
    labels = np.full(N_ROWS, label, np.int8)
    check = only(judge(world[1], labels=labels, auc={"min": 0}).checks, metric="auc")
    assert (check.value, check.passed, check.note) == (None, False, "these rows do not define it")


def test_without_rows_no_value_passes(judge):
    found = judge(np.empty(0), np.empty(0), labels=np.empty(0, np.int8), change={"auc": {"min": -1}}, auc={"min": 0})
    assert len(found.checks) == 5
    assert not any(check.passed for check in found.checks)
    assert found.shown["calibration"] == {"candidate": [], "baseline": []}


# Changes


CHANGES = {"log_loss": {"max": 1, "max_relative": 1}, "auc": {"min": -1}, "calibration_ratio": {"min_relative": -1}}


def test_a_change_is_candidate_minus_baseline_on_the_compared_rows_alone(world, judge):
    labels, true, _ = world
    candidate, baseline = noisy(true, 0.5), noisy(true, 0.2, seed=2)
    compared = np.random.default_rng(3).random(N_ROWS) < 0.3
    checks = judge(candidate, baseline, compared=compared, change=CHANGES).checks
    changes = [check for check in checks if check.gate == "change"]
    y, a, b = labels[compared], candidate[compared], baseline[compared]
    assert {check.metric: check.value for check in changes} == pytest.approx(
        {
            "log_loss change": log_loss(y, a) - log_loss(y, b),
            "log_loss relative change": log_loss(y, a) / log_loss(y, b) - 1,
            "auc change": roc_auc_score(y, a) - roc_auc_score(y, b),
            "calibration_ratio relative change": a.mean() / b.mean() - 1,
        },
        rel=1e-6,
    )
    assert {check.rows for check in changes} == {compared.sum()}
    for check in changes:
        assert check.interval[0] < check.value < check.interval[1]
        assert check.passed
    # The whole is judged on all rows, which are more.
    assert only(checks, metric="positives").rows == N_ROWS


def test_a_candidate_that_is_exactly_the_baseline_passes_a_bound_of_zero(world, judge):
    _, true, _ = world
    zero = {"log_loss": {"max": 0, "min": 0, "max_relative": 0}, "auc": {"min": 0, "max": 0, "min_relative": 0}}
    found = [check for check in judge(true, true.copy(), change=zero).checks if check.gate == "change"]
    assert [(check.value, check.interval, check.passed) for check in found] == [(0.0, (0.0, 0.0), True)] * 4
    assert {check.note for check in found} == {"no resample of these rows gives another change"}


def test_a_change_whose_interval_straddles_its_bound_fails_though_its_value_keeps_it(world, judge):
    _, true, _ = world
    candidate, baseline = noisy(true, 0.5), noisy(true, 0.4, seed=2)
    change = only(judge(candidate, baseline, change={"log_loss": {"max": 9}}).checks, metric="log_loss change")
    low, high = change.interval
    for bound, passed in [(high, True), ((change.value + high) / 2, False), (change.value, False), (low, False)]:
        check = only(judge(candidate, baseline, change={"log_loss": {"max": bound}}).checks, metric="log_loss change")
        assert (check.value <= bound, check.passed) == (bound >= change.value, passed)


def test_the_interval_is_made_as_the_contract_has_it(world, judge):
    labels, true, _ = world
    candidate, baseline = noisy(true, 0.5), noisy(true, 0.4, seed=2)
    for confidence, replicates in [(0.9, 200), (0.99, 400)]:
        how = {"confidence": confidence, "replicates": replicates}
        check = only(judge(candidate, baseline, change={"auc": {"min": -1}, **how}).checks, metric="auc change")
        expected = compare(labels, candidate, baseline, **how)["auc"].change
        assert check.interval == expected.interval
        assert check.note.startswith(f"{confidence * 100:g}% interval; these 2,000 rows tell a change of ")


def test_a_note_says_what_the_rows_tell_and_how_many_the_bound_takes(world, judge):
    _, true, _ = world
    tables = {"log_loss": {"max": 0.001, "min": -0.5}, "auc": {"min": 0}}
    checks = judge(noisy(true, 0.5), true, change=tables).checks
    change = compare(world[0], noisy(true, 0.5), true, **HOW)["log_loss"].change
    told, needed = f"tell a change of {change.detectable():.2g}", f"to tell 0.001 takes {change.rows_needed(0.001):,}"
    assert only(checks, metric="log_loss change").note == f"95% interval; these 2,000 rows {told}, {needed}"
    assert ", to tell" not in only(checks, metric="auc change").note


def test_without_a_baseline_every_change_fails_unless_that_is_waived(world, judge):
    for waived in ("", "first release"):
        found = [check for check in judge(world[1], change=CHANGES, waived=waived).checks if check.gate == "change"]
        assert [(check.value, check.interval, check.rows) for check in found] == [(None, None, None)] * 4
        assert {check.passed for check in found} == {bool(waived)}
        assert {check.note for check in found} == {"there is no baseline to compare with"}


def test_a_waiver_excuses_no_value_and_no_change_that_was_measured(world, judge):
    asked = {"log_loss": {"max": 0.1}, "auc": {"min": 0.99}, "change": {"auc": {"min": 0.5}}}
    found = judge(world[1], world[1], waived="first release", **asked)
    assert {check.metric for check in found.checks if not check.passed} == {"log_loss", "auc", "auc change"}
    assert not any(check.waived for check in found.checks)


@pytest.mark.parametrize("n_compared", [0, 1])
def test_too_few_compared_rows_for_an_interval_are_no_verdict(world, judge, n_compared):
    _, true, _ = world
    compared = np.arange(N_ROWS) < n_compared
    check = only(judge(true, true, compared=compared, change={"log_loss": {"max": 9}}).checks, gate="change")
    assert (check.value, check.interval, check.passed, check.rows) == (None, None, False, n_compared)
    words = "too few for an interval" if n_compared else "no rows that neither version may have learned"
    assert words in check.note


def test_of_one_class_an_auc_has_no_change_and_a_log_loss_has(world, judge):
    _, true, _ = world
    changes = {"auc": {"min": -1}, "log_loss": {"max": 9}}
    checks = judge(true, noisy(true, 0.1), labels=np.zeros(N_ROWS, np.int8), change=changes).checks
    assert only(checks, metric="auc change").value is None
    assert only(checks, metric="log_loss change").value is not None


# Slices

VALUES = SliceRule(field="size", min_rows=100, quality={"auc": Bound(low=0.6)})


def sliced(world, rule, names=("size = a", "size = b"), complete=True):
    return [Slices(rule=rule, names=names, codes=world[2], complete=complete)]


def test_a_slice_is_judged_on_its_own_rows(world, judge, contract):
    labels, true, codes = world
    tables = {"auc": {"min": 0.1}, "log_loss": {"max": 9}, "change": {"log_loss": {"max": 9}}}
    rule = contract(slices=[{"field": "size", **tables}]).slices[0]
    compared = np.random.default_rng(3).random(N_ROWS) < 0.5
    found = judge(true, noisy(true, 1), compared=compared, slices=sliced(world, rule))
    for code, name in enumerate(["size = a", "size = b"]):
        mask = codes == code
        both = mask & compared
        y, a, b = labels[both], true[both], noisy(true, 1)[both]
        checks = {check.metric: check for check in found.checks if check.slice == name}
        assert {metric: check.value for metric, check in checks.items()} == pytest.approx(
            {
                "auc": roc_auc_score(labels[mask], true[mask]),
                "log_loss": log_loss(labels[mask], true[mask]),
                "log_loss change": log_loss(y, a) - log_loss(y, b),
            },
            rel=1e-6,
        )
        assert [check.rows for check in checks.values()] == [mask.sum(), mask.sum(), both.sum()]
        assert {check.gate for check in checks.values()} == {"slice"}
    assert [shown["slice"] for shown in found.shown["slices"]] == ["size = a", "size = b"]
    assert found.shown["slices"][1]["rows"] == (codes == 1).sum()
    assert found.shown["slices"][1]["baseline"]["auc"] == pytest.approx(
        roc_auc_score(labels[codes == 1], noisy(true, 1)[codes == 1])
    )


def test_a_model_that_is_ruined_on_one_slice_is_stopped_by_that_slice_alone(world, judge):
    _, true, codes = world
    ruined = true.copy()
    ruined[codes == 0] = np.random.default_rng(5).permutation(true[codes == 0])
    failed = [check for check in judge(ruined, slices=sliced(world, VALUES)).checks if not check.passed]
    assert [(check.gate, check.metric, check.slice) for check in failed] == [("slice", "auc", "size = a")]


def test_a_slice_of_just_enough_rows_is_judged(world, judge):
    rule = SliceRule(field="size", min_rows=int((world[2] == 0).sum()), quality={"auc": Bound(low=0.6)})
    assert only(judge(world[1], slices=sliced(world, rule)).checks, slice="size = a").metric == "auc"


@pytest.mark.parametrize("allowed", [False, True])
def test_a_slice_of_too_few_rows_is_reported_and_fails_unless_that_is_allowed(world, judge, allowed):
    _, true, codes = world
    n_rows = int((codes == 0).sum())
    rule = SliceRule(field="size", min_rows=n_rows + 1, allow_few_rows=allowed, quality={"auc": Bound(low=1)})
    found = judge(true, slices=sliced(world, rule))
    check = only(found.checks, slice="size = a")
    assert (check.metric, check.value, check.bound) == ("rows", n_rows, Bound(low=n_rows + 1))
    assert (check.passed, check.waived) == (allowed, "the contract allows few rows" if allowed else "")
    assert [shown["slice"] for shown in found.shown["slices"]] == ["size = a", "size = b"]
    # Enough rows, and all of them are judged.
    assert not only(found.checks, slice="size = b", metric="auc").passed


@pytest.mark.parametrize("allowed", [False, True])
def test_a_named_slice_without_rows_fails_unless_that_is_allowed(world, judge, allowed):
    rule = SliceRule(field="size", min_rows=1, allow_few_rows=allowed, quality={"auc": Bound(low=0)})
    found = judge(world[1], slices=sliced(world, rule, names=("size = a", "size = b", "size = z")))
    check = only(found.checks, slice="size = z")
    assert (check.metric, check.value, check.passed) == ("rows", 0, allowed)


@pytest.mark.parametrize("allowed", [False, True])
def test_a_slice_with_too_few_compared_rows_fails_its_changes_and_keeps_its_values(world, judge, contract, allowed):
    _, true, codes = world
    compared = codes != 0
    compared[np.flatnonzero(codes == 0)[:99]] = True
    tables = {"auc": {"min": 0}, "change": {"log_loss": {"max": 9}}, "allow_few_rows": allowed}
    rule = contract(slices=[{"field": "size", **tables}]).slices[0]
    found = judge(true, true, compared=compared, slices=sliced(world, rule))
    checks = {check.metric: check for check in found.checks if check.slice == "size = a"}
    assert (checks["auc"].passed, checks["compared_rows"].value) == (True, 99)
    assert checks["compared_rows"].passed is allowed
    assert set(checks) == {"auc", "compared_rows"}


def test_without_a_baseline_the_changes_of_a_slice_fail_unless_that_is_waived(world, judge, contract):
    rule = contract(slices=[{"field": "size", "change": {"auc": {"min": -1}}}]).slices[0]
    for waived in ("", "first release"):
        found = judge(world[1], slices=sliced(world, rule), waived=waived)
        assert only(found.checks, slice="size = a").passed is bool(waived)


def test_more_values_than_a_list_of_slices_may_have_fail(world, judge):
    names = [f"size = {index}" for index in range(MAX_SLICES)]
    found = judge(world[1], slices=sliced(world, VALUES, names, complete=False))
    check = only(found.checks, gate="slice")
    assert (check.slice, check.metric, check.value, check.passed) == ("size", "slices", MAX_SLICES + 1, False)
    assert "name the values that matter" in check.note
    assert found.shown["slices"] == []


def test_a_rule_that_finds_no_slice_fails(world, judge):
    check = only(judge(world[1], slices=sliced(world, VALUES, ())).checks, gate="slice")
    assert (check.slice, check.value, check.passed, check.note) == ("size", 0, False, "there are no rows")


def test_each_slice_of_real_rows_has_the_figures_of_its_scored_file(store, made, flights, write, contract, tmp_path):
    trained, rows = flights(500), flights(1_200, seed=1, first=500)
    version = made(3, trained, time_range={"unit": "as given", "first": 0, "last": 499})
    asked = contract(
        slices=[
            {"field": "origin", "log_loss": {"max": 9}, "min_rows": 1},
            {"field": "tailnum", "seen": "tail", "training_rows": 10, "log_loss": {"max": 9}, "min_rows": 1},
        ]
    )
    artefact = store.load(version)
    events = Events([write(rows, "events.parquet")], artefact.predictor.schema)
    found = judge_quality(judged_rows(artefact, None, events, rules=asked.slices), asked, waived="")
    score(artefact.predictor, events, tmp_path / "scored.parquet")
    answers = pq.read_table(tmp_path / "scored.parquet")["probability"].to_numpy()
    counts = {tailnum: sum(row["tailnum"] == tailnum for row in trained) for tailnum in {r["tailnum"] for r in rows}}
    members = {"tailnum: tail": [0 < counts[row["tailnum"]] < 10 for row in rows]}
    for value in {row["origin"] for row in rows}:
        name = "origin: missing" if value is None else f"origin = {value}" if value else 'origin = ""'
        members[name] = [row["origin"] == value for row in rows]
    labels = np.array([row["late"] for row in rows])
    expected = {name: log_loss(labels[mask], answers[mask]) for name, mask in members.items()}
    assert len(expected) == 8
    assert {c.slice: c.value for c in found.checks if c.gate == "slice"} == pytest.approx(expected, rel=1e-9)
