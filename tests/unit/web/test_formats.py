"""Four formats in, four out: which one is read, which one is answered in, and what each looks like."""

import io
from itertools import product

import orjson
import pyarrow as pa
import pytest

from service.config import Settings
from service.core.features import Field, Schema
from service.core.predictor import Predictor
from service.web import create_app
from service.web.formats import MEDIA_TYPES

JSON, NDJSON, CSV, ARROW = MEDIA_TYPES
ROWS = [{"user": "a", "hour": 1, "price": 2.5}, {"user": "b", "hour": None, "price": None}]


def arrow_stream(rows):
    out, table = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write(table)
    return out.getvalue()


def csv_document(rows):
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines]).encode() + b"\n"


WRITERS = {
    JSON: lambda rows: orjson.dumps({"instances": rows}),
    NDJSON: lambda rows: b"\n".join(map(orjson.dumps, rows)),
    CSV: csv_document,
    ARROW: arrow_stream,
}
READERS = {
    JSON: lambda data: orjson.loads(data)["predictions"],
    NDJSON: lambda data: [orjson.loads(line)["probability"] for line in data.splitlines()],
    CSV: lambda data: [float(line) for line in data.decode().splitlines()[1:]],
    ARROW: lambda data: pa.ipc.open_stream(data).read_all()["probability"].to_pylist(),
}


def post(client, given, rows=ROWS, **headers):
    return client.post("/predict", data=WRITERS[given](rows), content_type=given, headers=headers)


def test_a_request_is_answered_in_kind(client, predictor, subtests):
    for given, accept in product(MEDIA_TYPES, [None, "*/*", "", ";;;", "*/*;q=0.1"]):
        with subtests.test(given=given, accept=accept):
            response = post(client, given, **({} if accept is None else {"Accept": accept}))
            assert (response.status_code, response.content_type) == (200, given)
            assert READERS[given](response.data) == predictor.predict_rows(ROWS)


def test_every_format_answers_every_other_with_the_same_doubles(client, predictor, subtests):
    for given, wanted in product(MEDIA_TYPES, MEDIA_TYPES):
        with subtests.test(given=given, wanted=wanted):
            response = post(client, given, Accept=wanted)
            assert (response.status_code, response.content_type) == (200, wanted)
            assert READERS[wanted](response.data) == predictor.predict_rows(ROWS)


def test_accept_chooses_by_quality(client):
    for accept, answered in {
        "text/csv;q=0.5, application/json;q=0.4": CSV,
        "application/json, text/csv": JSON,
        "text/csv, application/x-ndjson": NDJSON,  # the request's own, of equals
        "text/*": CSV,
        "application/*": NDJSON,
        "image/png, */*;q=0.1": NDJSON,
        "application/x-ndjson;q=0, */*": JSON,
        "TEXT/CSV": CSV,
        "text/csv; header=present": CSV,
        "text/html, text/csv;q=0.1": CSV,
    }.items():
        response = post(client, NDJSON, Accept=accept)
        assert (response.status_code, response.content_type) == (200, answered), accept


def test_where_none_is_acceptable_the_answer_is_406_and_lists_them(client):
    for accept in ("text/html", "image/*", "text/csv;q=0", "application/json;q=0, text/*;q=0"):
        response = post(client, JSON, Accept=accept)
        assert (response.status_code, response.content_type) == (406, "application/problem+json"), accept
        assert all(media_type in response.json["detail"] for media_type in MEDIA_TYPES), accept


@pytest.mark.parametrize("wanted", [NDJSON, CSV, ARROW])
def test_the_version_is_in_the_headers_where_the_answer_has_no_place_for_it(client, wanted):
    response = post(client, JSON, Accept=wanted)
    assert (response.headers["Andon-Model"], response.headers["Andon-Version"]) == ("clicks", "by-hand")


def test_a_name_that_no_header_can_hold_is_percent_encoded(predictor):
    fields = (Field(name="user", type="string"),)
    schema = Schema(name="Züge 1%\n", label="y", timestamp=None, n_buckets=256, fields=fields)
    named = Predictor(schema=schema, model=predictor._model, version="v")
    response = post(create_app(Settings(), predictor=named).test_client(), CSV)
    assert response.headers["Andon-Model"] == "Z%C3%BCge 1%25%0A"


@pytest.mark.parametrize("given", MEDIA_TYPES)
def test_rows_and_bytes_are_bounded_in_every_format(client, given):
    rows = [{"user": "a", "hour": 1}]
    assert post(client, given, rows * 150).status_code == 200
    response = post(client, given, rows * 151)
    assert (response.status_code, response.json["detail"]) == (413, "expected at most 150 instances, found 151")
    assert post(client, given, [{"user": "a" * 20_000, "hour": 1}]).status_code == 413


@pytest.mark.parametrize("given", [NDJSON, CSV, ARROW])
def test_no_rows_are_no_answers_where_a_body_is_rows_and_nothing_else(client, given):
    data = {NDJSON: b"\n \n", CSV: b"user,hour\n", ARROW: arrow_stream(ROWS[:0] or [{"user": "a", "hour": 1}])}[given]
    if given == ARROW:
        out, schema = io.BytesIO(), pa.schema({"user": pa.string(), "hour": pa.int64()})
        pa.ipc.new_stream(out, schema).close()
        data = out.getvalue()
    response = client.post("/predict", data=data, content_type=given)
    assert (response.status_code, READERS[given](response.data)) == (200, [])


WRONG_LINES = [
    (b'{"user":"a","hour":1}\n{"user":', 400, "row 2 of the body is not JSON"),
    (b'{"user":"a","hour":NaN}\n', 400, "row 1 of the body is not JSON"),
    (b'\xef\xbb\xbf{"user":"a","hour":1}\n', 400, "row 1 of the body is not JSON"),
    (b'{"user":"a","hour":1}\n\n7\n', 422, "row 2"),
    (b'{"user":"a","hour":1}\n{"user":"a","hour":"7"}\n', 422, "row 2.hour"),
    (b'{"user":"a"}', 422, "row 1.hour"),
    (b'[{"user":"a","hour":1}]', 422, "row 1"),
    (b'{"instances":[]}', 422, "row 1."),
    (b"{}\n" * 151, 413, "found 151"),
    (b"x\n" * 151, 413, "found 151"),
]


def test_what_is_wrong_with_ndjson_is_said_with_its_row(client):
    for data, status, said in WRONG_LINES:
        response = client.post("/predict", data=data, content_type=NDJSON)
        assert response.status_code == status, data
        assert said in response.text, data


def test_lines_may_end_in_any_way_and_blank_ones_are_passed_over(client, predictor):
    for between in ("\n", "\r\n", "\n\n", "\n \t\n"):
        data = between.join(orjson.dumps(row).decode() for row in ROWS) + between
        response = client.post("/predict", data=data, content_type=NDJSON)
        assert READERS[NDJSON](response.data) == predictor.predict_rows(ROWS), repr(between)


@pytest.mark.parametrize("given", [NDJSON, CSV, ARROW])
def test_a_charset_other_than_utf8_is_415(client, given):
    data = WRITERS[given](ROWS)
    assert client.post("/predict", data=data, content_type=f"{given}; charset=utf-8").status_code == 200
    assert client.post("/predict", data=data, content_type=f"{given}; charset=latin-1").status_code == 415


def test_compressed_arrow_buffers_are_415_in_words(client):
    out, table = io.BytesIO(), pa.table({"user": ["a" * 1_000], "hour": [1]})
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write(table)
    response = client.post("/predict", data=out.getvalue(), content_type=ARROW)
    assert (response.status_code, response.json["detail"]) == (415, "expected Arrow buffers without compression")


def test_a_model_without_a_body_to_read_is_still_503_first(tmp_path, live_app):
    response = live_app(Settings(store=tmp_path / "none")).test_client().post("/predict", content_type="text/html")
    assert response.status_code == 503
