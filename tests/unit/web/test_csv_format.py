"""CSV over HTTP means what the same file means to ``andon score``, whatever its bytes are, or both refuse it."""

import numpy as np
import pyarrow as pa
import pyarrow.csv  # noqa: F401
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.errors import AndonError, InvalidRequest, MalformedRequest, TooManyRows
from service.events import Events
from service.web.formats import csv
from service.web.formats.format import Bounds

BOUNDS = Bounds(max_rows=1_000, max_body_bytes=2**20)
SCHEMA = Schema(
    name="rides",
    label="y",
    timestamp=None,
    n_buckets=256,
    fields=(
        Field(name="s", type="string"),
        Field(name="i", type="integer", required=False),
        Field(name="b", type="boolean", required=False),
        Field(name="n", type="number", bins=(0.0, 10.0, 1e6), required=False),
    ),
)
PREDICTOR = Predictor(
    schema=SCHEMA,
    model=LinearModel(np.random.default_rng(3).normal(size=257).astype(np.float32)),
    version="by-hand",
)


def predict(body):
    return list(csv.predict(body, PREDICTOR, BOUNDS))


@pytest.fixture(scope="module")
def score(tmp_path_factory):
    """``score(body)``: the probabilities of a file of these bytes by the path of ``andon score``; ``None``: refused."""
    path = tmp_path_factory.mktemp("score") / "events.csv"

    def probabilities(body):
        path.write_bytes(body)
        try:
            batches = list(Events([path], SCHEMA).batches())
        except AndonError:
            return None
        return [p for batch in batches for p in PREDICTOR.predict_hashes(batch.hash(SCHEMA)).tolist()]

    return probabilities


def served(body):
    try:
        return predict(body)
    except AndonError:
        return None


PIECES = [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"a", b" ", b"\xc3\xa9", b"\xff", b"7", b"-", b"true", b".5", b"\0"]
HEADERS = [b"", b"s,i\n", b"s\n", b"s\r\n", b"\xef\xbb\xbfs,n\n"]
NUMBERS = [
    *("1", "1.5", ".5", "5.", "-.5", "+1", "1e5", "1E+5", "1e", "e5", "inf", "nan", "1e999", "1e-999", "-0", "0x10"),
    *("1_0", " 1", "1 ", ".", "-", "1e+", "1" * 400, "0." + "1" * 800, "0" * 1_100 + "1", "4.9e-324", "2e-324"),
    *("1.7976931348623159e308", "9.999999999999999", "10.000000000000001", '"7"', '""', ""),
]
INTEGERS = ["1", "-0", "007", "", '"5"', str(2**63 - 1), str(-(2**63)), str(2**63), "+1", " 1", "0" * 30 + "5", "1.0"]
BOOLEANS = ["true", "True", "TRUE", "tRue", "false", "False", "FALSE", "1", '""', "", '"true"']
TEXTS = ["a", '"b,c"', '""', "", '"x""y"z', '" "', '"\n"', 'a"b', "\ufeff", "007"]
CELLS = {"s": TEXTS, "i": [*INTEGERS, '"-"7', "--1", "-"], "b": BOOLEANS, "n": NUMBERS, "other": ["x", '"', ""]}


NAMES = st.lists(st.sampled_from(list(CELLS)), unique=True).map(lambda names: list(dict.fromkeys([*names, "s"])))
ROWS = st.lists(st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in CELLS.items()}), max_size=3)


def document(names, rows, line_end, ends):
    lines = [names, *([row[name] for name in names] for row in rows)]
    return (line_end.join(map(",".join, lines)) + line_end * ends).encode()


DOCUMENTS = st.builds(document, NAMES, ROWS, st.sampled_from(["\n", "\r\n", "\r"]), st.integers(0, 2))


@given(DOCUMENTS)
def test_typed_values_mean_what_they_mean_to_score(score, body):
    assert served(body) == score(body)


@given(st.sampled_from(HEADERS), st.lists(st.sampled_from(PIECES), max_size=20))
def test_any_bytes_mean_what_they_mean_to_score(score, header, pieces):
    body = header + b"".join(pieces)
    assert served(body) == score(body)


def test_a_number_means_what_it_means_to_score(score):
    for text in NUMBERS:
        body = f"s,n\nx,{text}\n".encode()
        assert served(body) == score(body), text[:30]


DOCUMENTED = [
    (b"s\n007\n", [{"s": "007"}]),
    (b's,i\n"",\n,7\n', [{"s": "", "i": None}, {"s": None, "i": 7}]),
    (b's,i\r\n"a,b\r\n""c""",-1\r\n', [{"s": 'a,b\r\n"c"', "i": -1}]),
    (b"s\na\n\nb", [{"s": "a"}, {"s": None}, {"s": "b"}]),
    (b"s,i\n\na,1\n\n\n", [{"s": "a", "i": 1}]),
    (b"\xef\xbb\xbfs\na\n", [{"s": "a"}]),
    (b'"s",other\na,\xff\n', [{"s": "a"}]),
    (b"s,b,n\nx,TRUE,1e1\n", [{"s": "x", "b": True, "n": 10.0}]),
    (b"s,i\n", []),
]


def test_rows_are_read_as_documented():
    for body, rows in DOCUMENTED:
        assert predict(body) == PREDICTOR.predict_rows(rows), body


MALFORMED = [
    (b"", "no header"),
    (b"\n\r\n", "no header"),
    (b"s", "the line of the header does not end"),
    (b'"s\na\n', "a quote is opened and never closed"),
    (b's\na\n"b\n', "row 2: a quote is opened and never closed"),
    (b"s,i\na,1\nb\n", "row 2: expected 2 fields, found 1"),
    (b"s,i\na,1,\n", "row 1: expected 2 fields, found 3"),
    (b"s,\xff\na,1\n", "the header is not UTF-8"),
    (b"s" + b"," * 10_000 + b"\n", "10001 columns, more than 10000"),
    (b"\ns\na\n", "a blank line before the header, where there is a single column"),
]


def test_what_is_no_csv_is_malformed_and_the_row_is_named(subtests):
    for body, message in MALFORMED:
        with subtests.test(body=body[:30]):
            with pytest.raises(MalformedRequest) as caught:
                predict(body)
            assert str(caught.value) == f"the body is no CSV: {message}"


UNEXPECTED = [
    (b"i\n1\n", "s", "nothing: the field is required"),
    (b"s,s\na,b\n", "s", "2 columns of this name"),
    (b"s\na\n\xff\n", "row 2.s", "bytes that are not UTF-8"),
    (b"s,i\na,1\nb,1.0\n", "row 2.i", "other text"),
    (b"s,b\na,1\n", "row 1.b", "other text"),
    (b"s,n\na,nan\n", "row 1.n", "other text"),
]


def test_what_the_model_does_not_expect_is_named(subtests):
    for body, path, found in UNEXPECTED:
        with subtests.test(body=body):
            with pytest.raises(InvalidRequest) as caught:
                predict(body)
            (problem,) = caught.value.problems
            assert (problem.path, problem.found) == (path, found)


def test_rows_are_bounded_and_all_are_counted():
    assert len(predict(b"s\n" + b"a\n" * 1_000)) == 1_000
    with pytest.raises(TooManyRows, match="found 1234"):
        predict(b"s\n" + b"a\n" * 1_234)


def test_the_answer_is_what_pyarrow_reads():
    probabilities = np.random.default_rng(0).random(100) ** 20
    table = pa.csv.read_csv(pa.BufferReader(csv.render(probabilities, PREDICTOR)))
    assert table.column_names == ["probability"]
    assert table["probability"].to_pylist() == probabilities.tolist()
    assert csv.render([], PREDICTOR) == b"probability\n"
