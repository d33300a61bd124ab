"""The short way of a request answers what the long one answers, or nothing: whatever the bytes."""

import itertools
import json
import random
from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.core.reader import RequestReader
from service.errors import InvalidRequest, TooManyRows

N_BUCKETS = 2**16  # so many that hardly two values share one
WEIGHTS = np.random.default_rng(12).normal(size=N_BUCKETS + 1).astype(np.float32)
MAX_ROWS = 8

TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0061", b"\\n", b"\\ud83d\\udeeb", b"\\ud83d", b"/"),
    *(b"null", b"true", b"false", b"0", b"-", b"-0", b".", b".0", b"e", b"e5", b"E-3", b"1e999", b"9" * 18, b"9" * 40),
    *(b" ", b"\n", b"\r", b"\r\n", b"\t", b"\0", b"\x1f", b"\x7f", b"\x80", b"\xc3", b"\xc3\xa9", b"\xed\xa0\x80"),
    *(b'""', b"[]", b"{}", b"{},", b'"x":', b'"x":1,', b'"instances"', b'"x":[{"y":[1,"\\n",null]}],', b"\xef\xbb\xbf"),
]


def the_long_way(predictor, rows, max_rows=MAX_ROWS):
    """What parsing, checking and predicting one after the other answer; ``None`` for an error."""
    try:
        return predictor.predict_rows(predictor.request_document.check(orjson.loads(rows), max_rows=max_rows))
    except (orjson.JSONDecodeError, InvalidRequest, TooManyRows):
        return None


def the_long_way_by_lines(predictor, body, max_rows=MAX_ROWS):
    """The same, a row a line."""
    lines = [line.removesuffix(b"\r") for line in body.split(b"\n")]
    try:
        rows = [orjson.loads(line) for line in lines if line]
    except orjson.JSONDecodeError:
        return None
    try:
        return predictor.predict_rows(predictor.request_document.check({"instances": rows}, max_rows=max_rows))
    except (InvalidRequest, TooManyRows):
        return None


def both_ways(schema):
    schema = replace(schema, n_buckets=N_BUCKETS)
    return Predictor(schema=schema, model=LinearModel(WEIGHTS), version="v"), RequestReader(schema, WEIGHTS)


def lines(dumps):
    return lambda document: b"\n".join(map(dumps, document["instances"]))


def as_python_writes(**options):
    return lambda value: json.dumps(value, **options).encode()


COMPACT = [
    orjson.dumps,
    as_python_writes(),
    as_python_writes(ensure_ascii=False),
    as_python_writes(separators=(",", ":")),
]
WRITERS = [
    *COMPACT,
    as_python_writes(indent=2),
    as_python_writes(indent="\t", ensure_ascii=False),
    lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2),
]

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(-1e300, 1e300)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text("ab\"\\\n\0é机\U0001f6eb")


def around(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text("xy\"é", max_size=3), inner, max_size=3)


EXTRA = st.dictionaries(st.text(min_size=1, max_size=12), LEAVES | around(LEAVES | around(LEAVES)), max_size=3)


@st.composite
def requests(draw, schema, any_rows):
    """A document as clients send them: the model's fields in some order, and keys that it does not know."""
    rows = draw(any_rows(schema, least=1))
    known = [field.name for field in schema.fields]
    extra = {key: value for key, value in draw(EXTRA).items() if key not in known}
    order = draw(st.permutations([*known, *extra]))
    whole = [{**row, **extra} for row in rows]
    return {"instances": [{key: row[key] for key in order if key in row} for row in whole]}


def has_a_number_past(document, most):
    return any(isinstance(v, (int, float)) and abs(v) >= most for row in document["instances"] for v in row.values())


def assert_answered_as_the_long_way_does(predictor, reader, document):
    expected = predictor.predict_rows(document["instances"])
    for dumps in WRITERS:
        found = reader.predict(dumps(document), max_rows=MAX_ROWS)
        assert found == expected or (found is None and has_a_number_past(document, 1e307))
    for dumps in COMPACT:
        found = reader.predict_lines(lines(dumps)(document), max_rows=MAX_ROWS)
        assert found == expected or (found is None and has_a_number_past(document, 1e307))


def mutated(body, chance):
    """The body with one to three edits: bytes cut, doubled, moved, changed, tokens put in or in another's place."""

    def below(bound):
        return int(chance.random() * bound)

    for _ in range(1 + below(3)):
        begin, end = sorted((below(len(body) + 1), below(len(body) + 1)))
        if below(10) < 7:
            end = min(end, begin + below(9))
        piece = body[begin:end]
        put = [b"", TOKENS[below(len(TOKENS))], bytes([below(256)]), piece * 2, piece[::-1]][below(5)]
        if below(10) < 4:
            end = begin
        body = body[:begin] + put + body[end:]
    return body


def assert_bytes_never_make_a_difference(predictor, reader, document, dumps, chance):
    whole, by_lines = dumps(document), lines(dumps)(document)
    for _ in range(60):
        body = mutated(whole, chance)
        found = reader.predict(body, max_rows=MAX_ROWS)
        assert found is None or found == the_long_way(predictor, body)
        body = mutated(by_lines, chance)
        found = reader.predict_lines(body, max_rows=MAX_ROWS)
        assert found is None or found == the_long_way_by_lines(predictor, body)


@settings(max_examples=2 * settings.default.max_examples)
@given(data=st.data(), dumps=st.sampled_from(COMPACT), seed=st.integers(0, 2**32))
def test_an_ordinary_request_is_answered_and_whatever_else_becomes_of_it_never_differs(
    any_schema, any_rows, any_json, data, dumps, seed
):
    schema = data.draw(any_schema)
    predictor, reader = both_ways(schema)
    document = data.draw(requests(schema, any_rows))
    assert_answered_as_the_long_way_does(predictor, reader, document)
    assert_bytes_never_make_a_difference(predictor, reader, document, dumps, random.Random(seed))
    for _ in range(data.draw(st.integers(1, 3))):
        row = data.draw(st.sampled_from(document["instances"]))
        row[data.draw(st.sampled_from([field.name for field in schema.fields]))] = data.draw(any_json)
    body = json.dumps(document).encode()
    assert reader.predict(body, max_rows=MAX_ROWS) in (None, the_long_way(predictor, body))


def test_some_mutated_requests_are_still_answered(schema, instances):
    predictor, reader = both_ways(schema)
    chance = random.Random(1)
    body = orjson.dumps({"instances": instances})
    bodies = [mutated(body, chance) for _ in range(2000)]
    answered = [body for body in bodies if reader.predict(body, max_rows=MAX_ROWS)]
    accepted = [body for body in bodies if the_long_way(predictor, body)]
    assert set(answered) <= set(accepted)
    assert 50 < 0.9 * len(accepted) < len(answered)


def test_a_request_that_was_cut_off_anywhere_is_left_to_the_long_way(schema, instances):
    predictor, reader = both_ways(schema)
    for dumps in WRITERS:
        body = dumps({"instances": instances})
        assert reader.predict(body, max_rows=MAX_ROWS) == predictor.predict_rows(instances)
        assert all(reader.predict(body[:end], max_rows=MAX_ROWS) is None for end in range(len(body)))


@pytest.mark.parametrize("field", ["tailnum", "origin", "hour"])
def test_a_request_without_a_required_field_is_left_to_the_long_way(schema, instances, field):
    _, reader = both_ways(schema)
    lacking = [{key: value for key, value in row.items() if key != field} for row in instances]
    for place in range(len(instances)):
        rows = [*instances[:place], lacking[place], *instances[place + 1 :]]
        assert reader.predict(orjson.dumps({"instances": rows}), max_rows=MAX_ROWS) is None
        assert reader.predict_lines(b"\n".join(map(orjson.dumps, rows)), max_rows=MAX_ROWS) is None


def test_rows_may_have_their_keys_in_any_order(schema, instances):
    predictor, reader = both_ways(schema)
    whole = instances[0]
    rows = [{key: whole[key] for key in order} for order in itertools.permutations(whole)]
    expected = predictor.predict_rows([whole]) * len(rows)
    assert reader.predict(orjson.dumps({"instances": rows}), max_rows=len(rows)) == expected


def test_a_row_without_any_field_is_answered_where_none_is_required(schema):
    optional = replace(schema, fields=tuple(replace(field, required=False) for field in schema.fields))
    predictor, reader = both_ways(optional)
    assert reader.predict(b'{"instances":[{}]}', max_rows=1) == predictor.predict_rows([{}])


@pytest.mark.parametrize("shape", [(256,), (258,), (257, 1), (0,)])
def test_weights_that_do_not_fit_the_schema_are_refused(schema, shape):
    with pytest.raises(ValueError, match="256 buckets need as many weights and one"):
        RequestReader(schema, np.zeros(shape, dtype=np.float32))


def test_weights_that_may_not_be_written_to_are_read_where_they_are(schema, instances):
    weights = WEIGHTS.copy()
    weights.flags.writeable = False
    schema = replace(schema, n_buckets=N_BUCKETS)
    found = RequestReader(schema, weights).predict(orjson.dumps({"instances": instances}), max_rows=MAX_ROWS)
    assert found == Predictor(schema=schema, model=LinearModel(weights), version="v").predict_rows(instances)
