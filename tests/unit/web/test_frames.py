"""Tables of objects, of columns and split frames give what the rows give, and errors lead to where a value came."""

import pytest

from service.core.features import Field, Schema
from service.core.predictor import Predictor
from service.errors import InvalidRequest, TooManyRows
from service.live import PinnedModel
from service.web.calls import Call
from service.web.dataplane import DataPlane
from service.web.formats.format import Bounds
from service.web.frames import predict_columns, predict_records, predict_split

ROWS = [{"user": "007", "hour": 7, "price": 5.5}, {"user": None, "hour": -1, "price": None}]
COLUMNS = {"user": ["007", None], "hour": [7, -1], "price": [5.5, None]}
SPLIT = {"columns": ["hour", "user", "price"], "data": [[7, "007", 5.5], [-1, None, None]], "index": [0, 1]}
SHAPES = {
    "records": (predict_records, ROWS),
    "columns": (predict_columns, COLUMNS),
    "split": (predict_split, SPLIT),
}


@pytest.fixture
def ask(predictor):
    plane = DataPlane(PinnedModel(predictor), Bounds(max_rows=3, max_body_bytes=10_000))
    return lambda predict, given: predict(plane, Call({}), predictor, "key", given)


def places(ask, predict, given):
    with pytest.raises(InvalidRequest) as caught:
        ask(predict, given)
    return [(problem.path, problem.expected, problem.found) for problem in caught.value.problems]


INTEGER = "an integer from -2^63 to 2^63-1 or null"
STRING = "a string of valid Unicode or null"
NUMBER = "a finite number or null"
ABSENT = "nothing: the field is required"


@pytest.mark.parametrize(("predict", "given"), SHAPES.values(), ids=SHAPES)
def test_every_shape_gives_what_the_rows_give(ask, predictor, predict, given):
    assert list(ask(predict, given)) == predictor.predict_rows(ROWS)


@pytest.mark.parametrize(
    ("predict", "given"),
    [
        (predict_records, [{**row, "more": [{}]} for row in ROWS]),
        (predict_columns, {**COLUMNS, "more": 7, "one": [1]}),
        (predict_split, {"columns": [None, *SPLIT["columns"], 7], "data": [[{}, *row, 1] for row in SPLIT["data"]]}),
    ],
)
def test_what_is_no_field_is_left_out(ask, predictor, predict, given):
    assert list(ask(predict, given)) == predictor.predict_rows(ROWS)


WRONG = [
    (predict_records, [ROWS[0], {**ROWS[1], "hour": "7"}], [("key.1.hour", INTEGER, "a string")]),
    (predict_records, [ROWS[0], 7], [("key.1", "an object", "something else")]),
    (predict_records, [], [("key", "an array of one or more objects", "an empty array")]),
    (predict_records, {"user": []}, [("key", "an array of one or more objects", "an object")]),
    (predict_records, None, [("key", "an array of one or more objects", "null")]),
    (predict_records, [{"hour": 7}], [("key.0.user", STRING, ABSENT)]),
    (
        predict_columns,
        {**COLUMNS, "hour": [7.0, 1], "price": [1e300, "x"]},
        [("key.hour.0", INTEGER, "a number"), ("key.price.1", NUMBER, "a string")],
    ),
    (predict_columns, {"user": ["a"]}, [("key.hour", INTEGER, ABSENT)]),
    (
        predict_columns,
        {"user": "a", "hour": None},
        [("key.hour", "an array", "null"), ("key.user", "an array", "a string")],
    ),
    (
        predict_columns,
        {**COLUMNS, "user": ["a"]},
        [("key.user", "an array of length 2, as hour has", "one of length 1")],
    ),
    (predict_columns, {"user": [], "hour": []}, [("key", "an array of one or more objects", "an empty array")]),
    (predict_columns, {"user": [["a"]], "hour": [1]}, [("key.user.0", STRING, "an array")]),
    (predict_columns, 7, [("key", "an object of arrays", "an integer")]),
    (
        predict_split,
        {**SPLIT, "data": [SPLIT["data"][0], ["7", 0, None]]},
        [("key.data.1.hour", INTEGER, "a string"), ("key.data.1.user", STRING, "an integer")],
    ),
    (
        predict_split,
        {**SPLIT, "data": [[7, "a", 1.0], [7], 7]},
        [
            ("key.data.1", "an array of length 3, as columns has", "one of length 1"),
            ("key.data.2", "an array of length 3, as columns has", "an integer"),
        ],
    ),
    (predict_split, {"columns": ["user"], "data": [["a"]]}, [("key.columns.hour", INTEGER, ABSENT)]),
    (
        predict_split,
        {"columns": ["user", "hour", "user"], "data": [["a", 1, "b"]]},
        [("key.columns.user", STRING, "2 columns of this name")],
    ),
    (predict_split, {**SPLIT, "data": []}, [("key", "an array of one or more objects", "an empty array")]),
    (
        predict_split,
        {"columns": "user"},
        [("key.columns", "an array", "a string"), ("key.data", "an array", "nothing")],
    ),
    (predict_split, [SPLIT], [("key", "an object with the keys columns and data", "an array")]),
]


def test_what_is_wrong_is_told_where_it_came(ask, subtests):
    for predict, given, expected in WRONG:
        with subtests.test(predict.__name__, given=given):
            assert places(ask, predict, given) == expected


@pytest.mark.parametrize(
    ("predict", "given"),
    [
        (predict_records, [ROWS[0]] * 4),
        (predict_columns, {"user": ["a"] * 4, "hour": [7] * 4}),
        (predict_split, {"columns": ["user", "hour"], "data": [["a", 7]] * 4}),
        (predict_split, {"columns": [], "data": [None] * 4}),
    ],
)
def test_more_rows_than_the_bound_are_refused_before_they_are_looked_at(ask, predict, given):
    with pytest.raises(TooManyRows, match="expected at most 3 instances, found 4"):
        ask(predict, given)


def test_a_name_with_dots_in_it_comes_whole_in_a_path(predictor):
    fields = (Field(name="a.b.c", type="integer"),)
    schema = Schema(name="dots", label="y", timestamp=None, n_buckets=256, fields=fields)
    dotted = Predictor(schema=schema, model=predictor._model, version="by-hand")
    plane = DataPlane(PinnedModel(dotted), Bounds(max_rows=3, max_body_bytes=10_000))
    for predict, given, path in [
        (predict_records, [{"a.b.c": "x"}], "key.0.a.b.c"),
        (predict_columns, {"a.b.c": ["x"]}, "key.a.b.c.0"),
        (predict_split, {"columns": ["a.b.c"], "data": [["x"]]}, "key.data.0.a.b.c"),
    ]:
        assert places(lambda each, what: each(plane, Call({}), dotted, "key", what), predict, given)[0][0] == path


@pytest.mark.parametrize(
    ("predict", "given"),
    [
        (predict_records, [{}, {}]),
        (predict_columns, {"more": [1, 2]}),
        (predict_split, {"columns": [], "data": [[], []]}),
        (predict_split, {"columns": ["more"], "data": [[1], [2]]}),
    ],
)
def test_rows_of_a_model_that_requires_nothing_may_be_empty(predictor, predict, given):
    fields = (Field(name="user", type="string", required=False),)
    schema = Schema(name="free", label="y", timestamp=None, n_buckets=256, fields=fields)
    free = Predictor(schema=schema, model=predictor._model, version="by-hand")
    plane = DataPlane(PinnedModel(free), Bounds(max_rows=3, max_body_bytes=10_000))
    assert list(predict(plane, Call({}), free, "key", given)) == free.predict_rows([{}, {}])


@pytest.mark.parametrize("wrong", [99, 700])
def test_that_not_all_rows_were_looked_at_is_told_on(predictor, wrong):
    plane = DataPlane(PinnedModel(predictor), Bounds(max_rows=1_000, max_body_bytes=10_000))
    columns = {"user": [7] * wrong, "hour": [1] * wrong}
    with pytest.raises(InvalidRequest) as caught:
        predict_columns(plane, Call({}), predictor, "key", columns)
    assert caught.value.more is (wrong == 700)
    assert caught.value.problems[0].path == "key.user.0"
