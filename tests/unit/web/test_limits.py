"""The bounds of one row and one value: the same in every format, on the short way and the long one."""

import io
import json
from itertools import product
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.web import create_app
from service.web.formats.limits import surely_kept

LONGEST, MOST_KEYS = 100, 40
BOUNDS = SimpleNamespace(max_value_bytes=LONGEST, max_columns=MOST_KEYS)


@pytest.fixture(scope="module")
def bounded(predictor):
    return create_app(Settings(max_value_bytes=LONGEST, max_columns=MOST_KEYS), predictor=predictor).test_client()


def arrow(rows):
    out, table = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write(table)
    return out.getvalue()


def csv(rows):
    lines = [",".join(map(str, row.values())) for row in rows]
    return "\n".join([",".join(rows[0]), *lines, ""]).encode()


FORMATS = {
    "application/json": lambda rows: json.dumps({"instances": rows}).encode(),
    "application/x-ndjson": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    "text/csv": csv,
    "application/vnd.apache.arrow.stream": arrow,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("character", ["a", "ü"])
def test_a_text_may_be_so_long_and_no_longer(bounded, kind, character):
    size = len(character.encode())
    rows = [{"user": "7", "hour": 7}, {"user": character * (LONGEST // size), "hour": 7}]
    assert bounded.post("/predict", data=FORMATS[kind](rows), content_type=kind).status_code == 200
    rows[1]["user"] += character
    response = bounded.post("/predict", data=FORMATS[kind](rows), content_type=kind)
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert error["path"].endswith("1.user" if kind == "application/json" else "row 2.user")
    assert (error["expected"], error["found"]) == (f"text of at most {LONGEST} bytes", "a longer one")


def test_a_row_may_have_so_many_keys_and_no_more(bounded):
    for kind, more in product(FORMATS, [0, 1]):
        row = {"user": "7", "hour": 7, **{f"x{number}": number for number in range(MOST_KEYS - 2 + more)}}
        response = bounded.post("/predict", data=FORMATS[kind]([row]), content_type=kind)
        assert (response.status_code == 200) is (more == 0), (kind, more)
        assert response.status_code in (200, 400, 422), (kind, more)


def shapes(n_columns, text="a"):
    """The protocols' own shapes of one row with so many columns, and where each is asked."""
    row = {"user": text, "hour": 7, **{f"x{number}": number for number in range(n_columns - 2)}}
    tensors = [
        {"name": name, "datatype": "BYTES" if name == "user" else "INT64", "shape": [1], "data": [value]}
        for name, value in row.items()
    ]
    return {
        "/invocations": {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
        "/v1/models/clicks:predict": {"inputs": {name: [value] for name, value in row.items()}},
        "/v2/models/clicks/infer": {"inputs": tensors},
    }


def test_neither_may_other_shapes_of_a_row(bounded, subtests):
    for more in (0, 1):
        for path, body in shapes(MOST_KEYS + more).items():
            with subtests.test(path=path, more=more):
                response = bounded.post(path, json=body)
                assert response.status_code == (400 if more and path.startswith("/v1") else 422 if more else 200)
                assert more == 0 or f"{MOST_KEYS} " in response.text


def test_a_tensors_text_that_is_too_long_is_told_by_its_tensor(bounded):
    response = bounded.post("/v2/models/clicks/infer", json=shapes(2, "a" * (LONGEST + 1))["/v2/models/clicks/infer"])
    assert response.status_code == 422
    assert "inputs.user.data.0" in response.text


def test_a_key_that_is_no_field_is_not_repeated(bounded):
    row = {"user": "7", "hour": 7, "s3cret": "a" * (LONGEST + 1)}
    response = bounded.post("/predict", json={"instances": [row]})
    assert (response.status_code, "s3cret" in response.text) == (422, False)
    assert response.json["errors"][0]["path"] == "instances.0"


def test_keys_beside_objects_that_the_model_does_not_use_are_counted_too(bounded):
    row = {"user": "7", "hour": 7, **{f"x{number}": {} for number in range(MOST_KEYS)}}
    assert bounded.post("/predict", json={"instances": [row]}).status_code == 422


@pytest.mark.parametrize("escape", ['\\"', "\\\\", "\\u0041", "\\\\\\\""])
def test_escapes_hide_no_length(bounded, escape):
    body = b'{"instances": [{"hour": 7, "user": "%b"}]}' % (escape * (LONGEST + 1)).encode()
    assert bounded.post("/predict", data=body, content_type="application/json").status_code == 422
    assert not surely_kept(body, 2, SimpleNamespace(max_value_bytes=LONGEST, max_columns=1_000))


VALUE = st.text('a"\\{}:ü ', max_size=140) | st.integers() | st.none() | st.just({"k": "v"})
FEW = st.dictionaries(st.text('ab"{', max_size=3), VALUE, max_size=8)
MANY = st.integers(MOST_KEYS - 1, MOST_KEYS + 1).map(lambda n_keys: {f"k{number}": number for number in range(n_keys)})
ROWS = st.lists(FEW | MANY, max_size=5)


@given(st.lists(ROWS, min_size=2, max_size=2), st.booleans())
def test_what_is_surely_kept_is_kept(drawn, ascii_only):
    for rows in drawn:
        body = json.dumps({"instances": rows}, ensure_ascii=ascii_only, separators=(",", ":")).encode()
        if surely_kept(body, len(rows) + 1, BOUNDS):
            assert all(len(row) <= MOST_KEYS for row in rows)
            texts = [value for row in rows for value in row.values() if isinstance(value, str)]
            assert all(len(text.encode()) <= LONGEST for text in texts)
