"""The one path to the predictor: one predictor a request, bounds, and listeners who see every prediction."""

import json

import pyarrow as pa
import pytest
from arrow_bodies import stream

from service.core.columns import Missing
from service.errors import InvalidRequest, NoModel, TooManyRows
from service.live import PinnedModel
from service.web.calls import Call
from service.web.dataplane import DataPlane
from service.web.formats import FORMATS
from service.web.formats.limits import place_of
from service.web.formats.format import Bounds

ROWS = [{"user": "007", "hour": 7, "price": 5.5}, {"user": "Zürich 机场", "hour": None, "price": None}]


class Heard:
    """A listener that keeps what it saw."""

    def __init__(self):
        self.predictions = []

    def predicted(self, call, predictor, answer, rows):
        self.predictions.append((call, predictor.version, list(answer), rows()))


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def plane(predictor, heard):
    return DataPlane(PinnedModel(predictor), Bounds(max_rows=3, max_body_bytes=10_000), listeners=[heard])


def bodies():
    lines = "\n".join(json.dumps(row) for row in ROWS)
    table = pa.table({name: [row[name] for row in ROWS] for name in ROWS[0]})
    coded = table.set_column(0, "user", table["user"].dictionary_encode())
    return {
        "json": ("application/json", json.dumps({"instances": ROWS}).encode()),
        "ndjson": ("application/x-ndjson", lines.encode()),
        "csv": ("text/csv", "user,hour,price\n007,7,5.5\nZürich 机场,,\n".encode()),
        "arrow": ("application/vnd.apache.arrow.stream", stream(table)),
        "dictionaries": ("application/vnd.apache.arrow.stream", stream(coded)),
    }


@pytest.mark.parametrize(("media_type", "body"), bodies().values(), ids=bodies())
def test_a_listener_sees_the_same_rows_whatever_they_came_as(plane, predictor, heard, media_type, body):
    given = next(each for each in FORMATS if each.media_type == media_type)
    call = Call({})
    answer = plane.predict(call, plane.predictor(call), given, body)
    assert heard.predictions == [(call, "by-hand", predictor.predict_rows(ROWS), ROWS)]
    assert list(answer) == predictor.predict_rows(ROWS)
    assert (call.rows, call.model, call.version) == (2, "clicks", "by-hand")


def test_rows_of_a_protocols_own_are_checked_and_seen(plane, predictor, heard):
    call = Call({})
    assert plane.predict_rows(call, predictor, ROWS) == predictor.predict_rows(ROWS)
    assert heard.predictions[0][3] == ROWS
    with pytest.raises(TooManyRows):
        plane.predict_rows(call, predictor, ROWS * 2)
    with pytest.raises(InvalidRequest, match=r"instances\.0\.hour"):
        plane.predict_rows(call, predictor, [{**ROWS[0], "hour": "7"}])
    assert len(heard.predictions) == 1


class Odd(str):
    """What JSON's writer does not know."""


@pytest.mark.parametrize("user", ["a", Odd("a")])
def test_rows_take_the_short_way_if_they_can_and_both_are_the_same(plane, predictor, heard, user):
    rows = [{**ROWS[0], "user": user}]
    short = predictor.predict_json(json.dumps({"instances": rows}).encode(), max_rows=3)
    assert plane.predict_rows(Call({}), predictor, rows) == short == predictor.predict_rows(rows)
    assert heard.predictions[0][2:] == (short, rows)


@pytest.mark.parametrize("rows", [[{"user": object(), "hour": 7}], [{7: 7}], {"user": "a"}, None, b"x"])
def test_rows_that_no_json_holds_are_refused_as_any_others(plane, predictor, heard, rows):
    with pytest.raises(InvalidRequest):
        plane.predict_rows(Call({}), predictor, rows)
    assert not heard.predictions


def test_columns_of_a_protocols_own_are_bounded_and_seen(plane, predictor, heard):
    call = Call({})
    columns = {name: Missing(3) for name in ("hour", "price", "user")}
    missing = dict.fromkeys(columns)
    answer = plane.predict_columns(call, predictor, columns, place=place_of)
    assert list(answer) == predictor.predict_rows([missing] * 3)
    assert heard.predictions[0][3] == [missing] * 3
    with pytest.raises(TooManyRows):
        plane.predict_columns(call, predictor, dict.fromkeys(columns, Missing(4)), place=place_of)


def test_what_is_refused_nobody_sees(plane, predictor, heard):
    with pytest.raises(InvalidRequest):
        plane.predict(Call({}), predictor, FORMATS[0], b'{"instances": [{"user": 7}]}')
    assert plane.predict_json(Call({}), predictor, b'{"instances": [{"user": 7}]}') is None
    assert not heard.predictions


def test_the_short_way_is_seen_as_well(plane, predictor, heard):
    call = Call({})
    answer = plane.predict_json(call, predictor, json.dumps({"instances": ROWS}).encode())
    assert heard.predictions == [(call, "by-hand", answer, ROWS)]


def test_without_a_model_there_is_no_predictor():
    class Nothing(PinnedModel):
        def predictor(self):
            raise NoModel("none")

    call = Call({})
    with pytest.raises(NoModel):
        DataPlane(Nothing(None), Bounds(max_rows=1, max_body_bytes=1)).predictor(call)
    assert call.model is None
