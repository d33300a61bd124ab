"""The sample: what came out, what was missing and what training never saw, of no more rows than the budget allows."""

import numpy as np
import pytest

from service.live import Status
from service.store import Store
from service.web.calls import Call
from service.web.metrics.counters import Counters
from service.web.metrics.monitor import MOST_AT_ONCE, Budget, Monitor
from service.web.metrics.sheets import of_one_process


@pytest.fixture(scope="module")
def artefact(tmp_path_factory, content):
    store = Store(tmp_path_factory.mktemp("monitored") / "store")
    return store.load(store.add(**content(0)))


@pytest.fixture
def look(artefact):
    """``look(rows)``: one request at second 1,000, and all that was counted by then."""
    sheet = of_one_process().sheet
    monitor = Monitor(Counters(sheet), rows_per_second=200)
    monitor.told(Status(predictor=artefact.predictor, seen=artefact.seen))

    def send(rows, *, predictor=artefact.predictor, seconds=1_000.0):
        call = Call({})
        call.started = seconds
        monitor.predicted(call, predictor, predictor.predict_rows(rows), lambda: rows)
        counted = {}
        for (name, *labels), first, count in sheet.entries():
            counted[(name.removeprefix("andon_sampled_"), *labels)] = list(sheet.numbers[first : first + count])
        return counted

    return send


NEW = {"tailnum": "N1", "origin": "EWR", "hour": 5, "holiday": True, "temp": 39.02, "seats": 149}


def test_missing_and_unseen_values_are_counted_by_field(look, instances):
    counted = look([*instances, NEW])
    assert counted[("rows_total",)] == [5]
    missing = {field: sum(row.get(field) is None for row in instances) for field in NEW}
    assert {field: counted[("missing_values_total", field)] for field in NEW} == {f: [n] for f, n in missing.items()}
    assert {field for field in NEW if counted[("unseen_values_total", field)] != [0]} == {"tailnum"}
    assert counted[("unseen_values_total", "tailnum")] == [1]


def test_a_value_in_the_bin_of_one_that_was_seen_is_seen(look, instances):
    counted = look([instances[0] | {"temp": 31.5}, instances[0] | {"temp": 20.0}])  # the bins end at 0, 10.5 and 30
    assert counted[("unseen_values_total", "temp")] == [1]


def test_the_fields_are_there_before_anything_is(look, artefact, caplog):
    counted = look([])  # a request of no rows
    names = {field.name for field in artefact.predictor.schema.fields}
    assert {labels[0] for name, *labels in counted if name == "unseen_values_total"} == names
    assert all(set(numbers) == {0} for numbers in counted.values())
    assert not caplog.records


def test_probabilities_are_counted_in_their_buckets(look, instances, artefact):
    counted = look(instances)[("predictions",)]
    answers = artefact.predictor.predict_rows(instances)
    bounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0]
    assert counted[:-1] == np.histogram(answers, [0.0, *bounds])[0].tolist()
    assert counted[-1] == pytest.approx(sum(answers))


def test_of_a_long_request_a_few_rows_are_looked_at_from_all_of_it(look, instances):
    rows = [instances[0]] * 500 + [NEW] * 500
    counted = look(rows)
    assert counted[("rows_total",)] == [MOST_AT_ONCE]
    assert counted[("unseen_values_total", "tailnum")] == [MOST_AT_ONCE / 2]


def test_a_predictor_that_answers_no_more_is_not_looked_at(look, store, blessed, instances):
    assert look(instances, predictor=store.load(blessed(1)).predictor)[("rows_total",)] == [0]


def test_what_goes_wrong_is_logged_and_harms_no_request(look, artefact, caplog):
    sheet = of_one_process().sheet
    monitor = Monitor(Counters(sheet), rows_per_second=1)
    monitor.told(Status(predictor=artefact.predictor))
    monitor.predicted(Call({}), artefact.predictor, [0.5], lambda: [{"hour": "no integer"}])
    assert "not looked at" in caplog.text


def test_without_what_training_saw_nothing_is_said_of_it(artefact, instances):
    sheet = of_one_process().sheet
    monitor = Monitor(Counters(sheet), rows_per_second=10)
    monitor.told(Status(predictor=artefact.predictor))
    monitor.predicted(Call({}), artefact.predictor, [0.5] * 4, lambda: instances)
    names = {key[0] for key, _, _ in sheet.entries()}
    assert "andon_sampled_missing_values_total" in names
    assert "andon_sampled_unseen_values_total" not in names


def test_no_more_rows_are_looked_at_than_the_budget_gives_over_time():
    random, budget, spent = np.random.default_rng(3), Budget(100), 0
    for millisecond in range(60_000):
        if budget.is_left(5.0 + millisecond / 1_000):
            spent += (rows := int(random.integers(1, 400)))
            budget.spend(rows)
    assert 60 * 100 <= spent <= 61 * 100 + 400


def test_a_clock_that_goes_back_gives_nothing():
    budget = Budget(10)
    assert budget.is_left(100.0)
    budget.spend(10)
    assert not budget.is_left(50.0)
    assert not budget.is_left(50.0)
    assert budget.is_left(50.1)
