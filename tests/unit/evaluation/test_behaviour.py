"""How a candidate behaves when it is asked: each check passes a real model, and fails one that is wrong in its way."""

import math
from functools import cache, partial

import numpy as np
import orjson
import pytest

from service.config import Settings
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import FeatureError
from service.evaluation import behaviour
from service.evaluation.behaviour import judge_behaviour
from service.gates import ALWAYS, Bound
from service.web import create_app

ALL = ["field_order", "unused_field", "row_and_batch", "row_and_file", "row_and_http", "missing_values"]


@pytest.fixture(scope="module")
def rows(flights, schema):
    """As ``Batch.rows`` gives them: every field is there, in the schema's order."""
    return [{field.name: row.get(field.name) for field in schema.fields} for row in flights(40)]


@pytest.fixture(scope="module")
def model(schema):
    return LinearModel(np.random.default_rng(3).normal(size=schema.n_buckets + 1).astype(np.float32))


@pytest.fixture(scope="module")
def judge(rows, schema, model, contract):
    """``judge(kind, ...)``: the checks of a predictor of that kind, by metric."""
    none = contract(log_loss={"max": 1})

    def ask(kind=Predictor, *, rows=rows, contract=none):
        predictor = kind(schema=schema, model=model, version="candidate")
        return {check.metric: check for check in judge_behaviour(predictor, rows, contract)}

    return ask


@pytest.fixture(scope="module")
def checks_of(judge):
    """``checks_of(kind)``: what ``judge`` says of a predictor of that kind, which is asked once."""
    return cache(judge)


def failed(checks):
    return [metric for metric, check in checks.items() if not check.passed]


class Wrong(Predictor):
    """Answers what ``wrong`` makes of the right answer to a row."""

    def predict_rows(self, rows):
        return [self.wrong(answer, row) for answer, row in zip(super().predict_rows(rows), rows, strict=True)]


class OrderCounts(Wrong):
    def wrong(self, answer, row):
        return answer / 2 if next(iter(row)) == "temp" else answer


class UnknownFieldsCount(Wrong):
    def wrong(self, answer, row):
        return answer / 2 if len(row) > len(self.schema.fields) else answer


class OneBitOffInBatches(Predictor):
    def predict_hashes(self, hashes):
        return np.nextafter(super().predict_hashes(hashes), 0)


class OneFieldLessByTheShortWay(Predictor):
    def predict_json(self, body, *, max_rows):
        return self.predict_rows([{**row, "hour": None} for row in orjson.loads(body)["instances"]])


class GoesTheLongWay(Predictor):
    def predict_json(self, body, *, max_rows):
        return None


class OneFieldLessByTheLongWay(GoesTheLongWay):
    @property
    def request_document(self):
        checked = super().request_document

        class Document:
            def check(self, body, *, max_rows=None):
                return [{**row, "hour": None} for row in checked.check(body, max_rows=max_rows)]

        return Document()


class RefusesRequests(GoesTheLongWay):
    @property
    def request_document(self):
        raise FeatureError(field="hour", expected="another", found="this")


class NeedsAnHour(Predictor):
    def predict_rows(self, rows):
        if any(row.get("hour", 0) is None for row in rows):
            raise FeatureError(field="hour", expected="an hour", found="null")
        return super().predict_rows(rows)


class NoNumberWithoutOrigin(Predictor):
    """NaN where no row has an origin."""

    def predict_rows(self, rows):
        answers = super().predict_rows(rows)
        return answers if any(row["origin"] for row in rows) else [math.nan] * len(answers)


class AboveOneWithoutSeats(Wrong):
    def wrong(self, answer, row):
        return 1.5 if row["seats"] is None else answer


def test_a_real_model_gives_one_answer_on_every_path(checks_of, rows):
    checks = checks_of(Predictor)
    assert list(checks) == ALL
    assert failed(checks) == []
    assert [check.value for check in checks.values()] == [0] * 6
    assert {check.rows for check in checks.values()} == {len(rows)}
    assert {(check.gate, metric, check.bound) for metric, check in checks.items()} == {
        asked for asked in ALWAYS if asked[0] == "behaviour"
    }


@pytest.mark.parametrize(
    ("kind", "metrics"),
    [
        (OrderCounts, ["field_order"]),
        (UnknownFieldsCount, ["unused_field"]),
        (OneBitOffInBatches, ["row_and_batch", "row_and_file"]),
        (OneFieldLessByTheShortWay, ["row_and_http"]),
        (OneFieldLessByTheLongWay, ["row_and_http"]),
        (GoesTheLongWay, []),
        (RefusesRequests, ["row_and_http"]),
        (NeedsAnHour, ["missing_values"]),
        (NoNumberWithoutOrigin, ["missing_values"]),
        (AboveOneWithoutSeats, ["missing_values"]),
    ],
)
def test_a_model_that_is_wrong_in_one_way_fails_the_check_of_that_way(checks_of, kind, metrics):
    assert failed(checks_of(kind)) == metrics


def test_a_difference_in_the_last_bit_is_a_difference(checks_of):
    value = checks_of(OneBitOffInBatches)["row_and_batch"].value
    assert 0 < value < 1e-15


def test_the_fields_without_which_there_is_no_probability_are_named(checks_of):
    check = checks_of(NoNumberWithoutOrigin)["missing_values"]
    assert (check.value, check.note) == (1, "no probability without origin")


def test_a_service_that_does_not_answer_is_no_value_and_says_how_it_answered(checks_of):
    check = checks_of(RefusesRequests)["row_and_http"]
    assert (check.value, check.passed) == (None, False)
    assert "no answer: POST /predict: expected the status 200, found 500 INTERNAL SERVER ERROR" in check.note


@pytest.mark.parametrize("wrong", ["other", "fewer", "nan"])
def test_a_file_that_holds_other_answers_fails(judge, monkeypatch, wrong):
    real = behaviour.score

    def score(predictor, events, out):
        class Other:
            schema = predictor.schema

            def predict_hashes(self, hashes):
                answers = predictor.predict_hashes(hashes)
                return {"other": answers[::-1], "fewer": answers[:-1], "nan": answers * math.nan}[wrong]

        return real(Other(), events, out)

    monkeypatch.setattr(behaviour, "score", score)
    checks = judge()
    assert failed(checks) == ["row_and_file"]
    assert (checks["row_and_file"].value is None) is (wrong != "other")
    assert (checks["row_and_file"].note == "39 answers to 40 rows") is (wrong == "fewer")


def test_a_column_that_is_encoded_in_another_way_fails(judge, monkeypatch):
    real = behaviour.hash_columns

    def hash_columns(schema, columns):
        return real(schema, {**columns, "origin": columns["tailnum"]})

    monkeypatch.setattr(behaviour, "hash_columns", hash_columns)
    assert failed(judge()) == ["row_and_batch"]


def test_an_application_that_answers_for_another_version_fails(judge, monkeypatch, schema, model):
    other = Predictor(schema=schema, model=LinearModel(-model.weights), version="other")
    monkeypatch.setattr(behaviour, "create_app", lambda settings, *, predictor: create_app(settings, predictor=other))
    assert failed(judge()) == ["row_and_http"]


def test_more_and_larger_rows_than_a_service_takes_by_default_are_asked_over_http_all_the_same(
    judge, monkeypatch
):
    monkeypatch.setattr(behaviour, "Settings", partial(Settings, max_rows=39, max_body_bytes=1_000))
    assert failed(judge()) == []


def test_values_that_any_text_format_would_bend_are_the_same_on_every_path(judge, rows):
    odd = ["", " ", "007", "None", "null", "a,b\n\"c\"", "Zürich 机场", "\0", "\N{REPLACEMENT CHARACTER}", "é", "é"]
    numbers = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, 10.5, math.nextafter(10.5, 0), None]
    hours = [2**63 - 1, -(2**63), 2**53 + 1, 0, None]
    asked = [
        {**row, "tailnum": odd[i % 11], "temp": numbers[i % 7], "hour": hours[i % 5], "holiday": i % 2 > 0}
        for i, row in enumerate(rows * 2)
    ]
    assert failed(judge(rows=asked)) == []


def test_a_model_with_a_field_named_like_the_unused_one_is_asked_with_another(other_schema, contract):
    schema = other_schema(fields={"unused": {"type": "integer"}, "unused_": {"type": "integer"}})
    weights = np.random.default_rng(1).normal(size=schema.n_buckets + 1).astype(np.float32)
    predictor = Predictor(schema=schema, model=LinearModel(weights), version="candidate")
    rows = [{field.name: None for field in schema.fields} for _ in range(3)]
    assert [c.passed for c in judge_behaviour(predictor, rows, contract(auc={"min": 0}))] == [True] * 6


def test_without_rows_no_check_passes(judge, contract):
    asked = contract(log_loss={"max": 1}, directions=[{"field": "hour", "from": 1, "to": 2, "expect": "increase"}])
    checks = judge(rows=[], contract=asked)
    assert failed(checks) == [*ALL, "hour 1 to 2: increase"]
    assert {(check.value, check.rows, check.note) for check in checks.values()} == {
        (None, 0, "there are no rows to ask about")
    }


# Directions


class Hours(Predictor):
    """Later is more, but out of JFK, where it is less; the origin itself says nothing."""

    def predict_rows(self, rows):
        return [0.5 + (row["hour"] or 0) / 100 * (-1 if row["origin"] == "JFK" else 1) for row in rows]


@pytest.fixture
def direct(schema, model, contract):
    """``direct(rows, ...)``: the checks of some directions."""

    def ask(rows, *directions):
        tables = [{"field": "hour", "from": 2, "to": 22, **direction} for direction in directions]
        predictor = Hours(schema=schema, model=model, version="candidate")
        checks = judge_behaviour(predictor, rows, contract(log_loss={"max": 1}, directions=tables))
        assert len(checks) == len(ALL) + len(directions)
        return checks[len(ALL) :]

    return ask


def test_a_direction_is_the_share_of_rows_that_keep_it(direct, rows):
    asked = [{**row, "origin": "JFK" if index < 10 else "EWR"} for index, row in enumerate(rows)]
    expected = [
        ("increase", 0.75, 0.75, True),
        ("increase", 0.75, math.nextafter(0.75, 1), False),
        ("decrease", 0.25, 0.25, True),
        ("decrease", 0.25, math.nextafter(0.25, 1), False),
    ]
    checks = direct(asked, *({"expect": expect, "min_share": least} for expect, _, least, _ in expected))
    for check, (expect, share, least, passed) in zip(checks, expected, strict=True):
        assert (check.gate, check.metric, check.rows) == ("behaviour", f"hour 2 to 22: {expect}", 40)
        assert (check.value, check.bound, check.passed) == (share, Bound(low=least), passed)
        assert "the probability changes by +0.1000 on average" in check.note


def test_a_direction_is_asked_of_every_row_unless_the_contract_says_how_many(direct, rows):
    away = [{**row, "origin": "EWR"} for row in rows]
    both = {"expect": "increase"}, {"expect": "decrease"}
    assert [check.passed for check in direct(away, *both)] == [True, False]
    assert [check.passed for check in direct([*away, {**rows[0], "origin": "JFK"}], *both)] == [False, False]


def test_a_model_that_ignores_the_field_keeps_neither_direction(direct, rows):
    table = {"field": "origin", "from": "EWR", "to": "LGA", "min_share": 0.01}
    checks = direct(rows, *({**table, "expect": expect} for expect in ("increase", "decrease")))
    assert [(check.value, check.metric, check.passed) for check in checks] == [
        (0.0, "origin 'EWR' to 'LGA': increase", False),
        (0.0, "origin 'EWR' to 'LGA': decrease", False),
    ]


def test_an_answer_that_is_no_number_keeps_no_direction(judge, rows, contract):
    class NoNumbers(Predictor):
        def predict_rows(self, rows):
            return [math.nan] * len(rows)

    direction = {"field": "hour", "from": 2, "to": 22, "expect": "increase", "min_share": 0.01}
    checks = judge(NoNumbers, contract=contract(log_loss={"max": 1}, directions=[direction]))
    assert list(checks.values())[-1].value == 0
    assert failed(checks) == list(checks)
