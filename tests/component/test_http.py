"""Requests as the world sends them: each has its documented answer, and none is a 500."""

import gzip
import io
import json
from itertools import product

import pytest

from service.config import Settings
from service.store import Store
from service.web import create_app

SECRET = "N0-5ECRET-N0"
GOOD = {"flight": 4711, "origin": SECRET, "hour": 7, "holiday": True, "temp": 21.125, "gate": "007"}
JSON = "application/json"
MAX_BODY_BYTES = 2 * 2**20
MAX_ROWS = 250


@pytest.fixture(scope="module")
def client(line):
    settings = Settings(store=line.store, max_body_bytes=MAX_BODY_BYTES, max_rows=MAX_ROWS)
    return create_app(settings).test_client()


@pytest.fixture(scope="module")
def predictor(line):
    return Store(line.store).load(line.version).predictor


def instance(**changed):
    return {**GOOD, **changed}


def body(*instances):
    return json.dumps({"instances": instances or [GOOD]})


def without(*names):
    return {name: value for name, value in GOOD.items() if name not in names}


TEXT = body()


def problem(response, status):
    """The problem document of an error: RFC 9457, complete, and without any value that a client sent."""
    assert response.status_code == status, response.text[:500]
    assert response.content_type == "application/problem+json"
    document = json.loads(response.data)
    assert (document["type"], document["status"]) == ("about:blank", status)
    assert document["title"]
    assert document["detail"]
    for value in (SECRET, "4711", "21.125", "007"):
        assert value not in response.text
    return document


MALFORMED = {
    "empty body": b"",
    "only space": b"  \n",
    "NaN": TEXT.replace("21.125", "NaN"),
    "Infinity": TEXT.replace("21.125", "Infinity"),
    "-Infinity": TEXT.replace("21.125", "-Infinity"),
    "a double too large": TEXT.replace("21.125", "1e999"),
    "a negative double too large": TEXT.replace("21.125", "-1e999"),
    "an integer of 5,000 digits": TEXT.replace("4711", "7" * 5_000),
    "a lone high surrogate": TEXT.replace(SECRET, "\\ud800"),
    "a lone low surrogate": TEXT.replace(SECRET, "\\udc00"),
    "surrogates in the wrong order": TEXT.replace(SECRET, "\\udc00\\ud800"),
    "bytes that are not UTF-8": TEXT.encode().replace(SECRET.encode(), b"\xff\xfe"),
    "an overlong form": TEXT.encode().replace(SECRET.encode(), b"\xc0\x80"),
    "a surrogate in UTF-8": TEXT.encode().replace(SECRET.encode(), b"\xed\xa0\x80"),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "nested 100,000 deep": "[" * 100_000,
    "nested 100,000 deep and closed": "[" * 100_000 + "]" * 100_000,
    "objects 100,000 deep": '{"instances":' * 100_000,
    "truncated": TEXT[:-3],
    "truncated in a string": TEXT[: TEXT.index(SECRET) + 4],
    "trailing garbage": TEXT + "x",
    "two documents": TEXT + TEXT,
    "a trailing comma": TEXT.replace("}]}", "},]}"),
    "single quotes": TEXT.replace('"', "'"),
    "a comment": "/* */" + TEXT,
    "a key without quotes": TEXT.replace('"hour"', "hour"),
    "a control character in a string": TEXT.replace(SECRET, "a\nb"),
    "an unknown escape": TEXT.replace(SECRET, "\\x41"),
    "a number with a leading zero": TEXT.replace(" 7,", " 07,"),
    "a number with a plus": TEXT.replace(" 7,", " +7,"),
    "a hexadecimal number": TEXT.replace(" 7,", " 0x7,"),
    "a number without digits after the point": TEXT.replace("21.125", "21."),
    "True of Python": TEXT.replace("true", "True"),
    "a form": b"instances=1",
    "a NUL first": b"\0" + TEXT.encode(),
}


def test_what_is_not_json_is_400(client, subtests):
    for name, data in MALFORMED.items():
        with subtests.test(name):
            document = problem(client.post("/predict", data=data, content_type=JSON), 400)
            assert document["detail"].startswith("the body is not JSON: ")


INVALID = {
    "null": ("null", {""}),
    "an array": ("[]", {""}),
    "a string": ('"instances"', {""}),
    "a number": ("7", {""}),
    "true": ("true", {""}),
    "an empty object": ("{}", {"instances"}),
    "another key alone": (json.dumps({"rows": [GOOD]}), {"instances", "rows"}),
    "another key beside": (json.dumps({"instances": [GOOD], "signature_name": "x"}), {"signature_name"}),
    "instances null": ('{"instances":null}', {"instances"}),
    "instances an object": (json.dumps({"instances": GOOD}), {"instances"}),
    "instances a string": ('{"instances":"abc"}', {"instances"}),
    "instances a number": ('{"instances":1}', {"instances"}),
    "instances true": ('{"instances":true}', {"instances"}),
    "instances empty": ('{"instances":[]}', {"instances"}),
    "an instance null": (body(GOOD, None), {"instances.1"}),
    "an instance a number": (body(1), {"instances.0"}),
    "an instance a string": (body("x"), {"instances.0"}),
    "an instance an array": (body(GOOD, [GOOD]), {"instances.1"}),
    "an instance true": (body(True, GOOD, False), {"instances.0", "instances.2"}),
    "an empty instance": (body({}), {f"instances.0.{name}" for name in GOOD if name != "gate"}),
    "a field absent": (body(GOOD, GOOD, GOOD, without("flight")), {"instances.3.flight"}),
    "two fields absent": (body(without("flight", "temp")), {"instances.0.flight", "instances.0.temp"}),
    "a field of another case": (body({**without("flight"), "Flight": 1}), {"instances.0.flight"}),
    "a string for an integer": (body(GOOD, GOOD, GOOD, instance(flight="4711")), {"instances.3.flight"}),
    "an empty string for an integer": (body(instance(flight="")), {"instances.0.flight"}),
    "a bool for an integer": (body(instance(flight=True)), {"instances.0.flight"}),
    "7.0 for an integer": (body(instance(flight=7.0)), {"instances.0.flight"}),
    "7e0 for an integer": (TEXT.replace("4711", "7e0"), {"instances.0.flight"}),
    "-0.0 for an integer": (TEXT.replace("4711", "-0.0"), {"instances.0.flight"}),
    "2^63 for an integer": (body(instance(flight=2**63)), {"instances.0.flight"}),
    "2^64 for an integer": (body(instance(flight=2**64)), {"instances.0.flight"}),
    "-2^63-1 for an integer": (body(instance(flight=-(2**63) - 1)), {"instances.0.flight"}),
    "an array for an integer": (body(instance(flight=[4711])), {"instances.0.flight"}),
    "an object for an integer": (body(instance(flight={"value": 4711})), {"instances.0.flight"}),
    "an integer for a string": (body(instance(origin=4711)), {"instances.0.origin"}),
    "a number for a string": (body(instance(origin=21.125)), {"instances.0.origin"}),
    "a bool for a string": (body(instance(origin=False)), {"instances.0.origin"}),
    "an array for a string": (body(instance(origin=[SECRET])), {"instances.0.origin"}),
    "an object for a string": (body(instance(origin={SECRET: SECRET})), {"instances.0.origin"}),
    "an integer for an optional string": (body(instance(gate=7)), {"instances.0.gate"}),
    "1 for a bool": (body(instance(holiday=1)), {"instances.0.holiday"}),
    "0.0 for a bool": (body(instance(holiday=0.0)), {"instances.0.holiday"}),
    "a string for a bool": (body(instance(holiday="true")), {"instances.0.holiday"}),
    "a string for a number": (body(instance(temp="21.125")), {"instances.0.temp"}),
    "NaN as a string for a number": (body(instance(temp="NaN")), {"instances.0.temp"}),
    "a bool for a number": (body(instance(temp=True)), {"instances.0.temp"}),
    "an array for a number": (body(instance(temp=[21.125])), {"instances.0.temp"}),
    "900 deep for a number": (TEXT.replace("21.125", "[" * 900 + "]" * 900), {"instances.0.temp"}),
    "the last of equal keys": (TEXT.replace('"flight"', '"flight": 1, "flight": "x", "hour"', 1), None),
    "several at once": (
        body(instance(hour="7", temp="x"), GOOD, instance(flight=None, holiday=2)),
        {"instances.0.hour", "instances.0.temp", "instances.2.holiday"},
    ),
}


def test_json_that_the_model_does_not_expect_is_422_with_each_path(client, subtests):
    for name, (data, paths) in INVALID.items():
        with subtests.test(name):
            document = problem(client.post("/predict", data=data, content_type=JSON), 422)
            found = [error["path"] for error in document["errors"]]
            assert set(found) == (paths or {"instances.0.flight"})
            assert len(found) == len(set(found))
            assert all(error["expected"] and error["found"] for error in document["errors"])
            assert document["detail"].startswith(f"{len(found)} value")


def test_of_more_than_100_wrong_values_100_are_listed_and_all_are_counted(client):
    response = client.post("/predict", data=body(*[{"origin": 7}] * 60), content_type=JSON)
    document = problem(response, 422)
    assert document["detail"] == "300 values are not what the model expects; the first 100 are listed"
    assert len(document["errors"]) == 100
    assert document["errors"][99]["path"].startswith("instances.19.")


@pytest.mark.parametrize(
    ("instances", "same_as"),
    [
        ([instance(unknown=[{"deep": SECRET}])], [GOOD]),
        ([instance(late=1, at="2013-01-01")], [GOOD]),
        ([without("gate")], [instance(gate=None)]),
        ([dict(reversed(GOOD.items()))], [GOOD]),
        ([instance(temp=21)], [instance(temp=21.0)]),
    ],
    ids=["an unknown key", "label and timestamp too", "absent is null", "another order", "an integer for a number"],
)
def test_what_means_the_same_is_answered_the_same(client, instances, same_as):
    answers = [client.post("/predict", json={"instances": each}) for each in (instances, same_as)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json


ACCEPTED = [
    {},
    dict.fromkeys(GOOD),
    {"origin": ""},
    {"origin": "x" * 2**16},
    {"origin": "a\0b"},
    {"origin": "Zürich 机场 😀"},
    {"origin": "\ufeff"},
    {"origin": "e\u0301"},
    {"origin": "<script>"},
    {"flight": 2**63 - 1},
    {"flight": -(2**63)},
    {"flight": 0},
    {"temp": 1e308},
    {"temp": -1e308},
    {"temp": 5e-324},
    {"temp": -0.0},
    {"temp": 2**53 + 1},
]


def test_every_value_that_a_field_accepts_is_answered_to_the_last_bit(client, predictor, line, subtests):
    for changed in ACCEPTED:
        with subtests.test(str(changed)[:40]):
            row = instance(**changed)
            response = client.post("/predict", data=json.dumps({"instances": [row, GOOD]}), content_type=JSON)
            assert response.status_code == 200, response.text
            assert response.content_type == JSON
            expected = predictor.predict_rows([row, GOOD])
            assert response.json == {"predictions": expected, "model": "flights", "version": line.version}


@pytest.mark.parametrize("charset", ["utf-8", "ensure_ascii"])
def test_text_means_the_same_escaped_and_not(client, predictor, charset):
    row = instance(origin="Zürich 机场 😀")
    data = json.dumps({"instances": [row]}, ensure_ascii=charset == "ensure_ascii").encode()
    assert client.post("/predict", data=data, content_type=JSON).json["predictions"] == predictor.predict_rows([row])


def test_of_equal_keys_the_last_counts(client, predictor):
    data = TEXT.replace('"hour"', '"hour": "first", "hour": 3, "hour"')
    assert client.post("/predict", data=data, content_type=JSON).json["predictions"] == predictor.predict_rows([GOOD])
    twice = f'{{"instances": 7, {TEXT[1:]}'
    assert client.post("/predict", data=twice, content_type=JSON).status_code == 200


def test_as_many_rows_as_are_allowed_are_answered_in_order(client, predictor, flights):
    rows = flights(MAX_ROWS, seed=9)
    response = client.post("/predict", json={"instances": rows})
    assert response.json["predictions"] == predictor.predict_rows(rows)


def test_more_rows_than_are_allowed_are_413(client):
    document = problem(client.post("/predict", data=body(*[GOOD] * (MAX_ROWS + 1)), content_type=JSON), 413)
    assert document["detail"] == f"expected at most {MAX_ROWS} instances, found {MAX_ROWS + 1}"


@pytest.mark.parametrize("row", ["null", "{}", '{"flight":"4711"}', TEXT], ids=["null", "empty", "a string", "nested"])
def test_too_many_rows_are_413_even_if_none_of_them_is_valid(client, row):
    data = f'{{"another": "key", "instances": [{",".join([row] * (MAX_ROWS + 1))}]}}'
    document = problem(client.post("/predict", data=data, content_type=JSON), 413)
    assert document["detail"] == f"expected at most {MAX_ROWS} instances, found {MAX_ROWS + 1}"
    assert "errors" not in document


@pytest.mark.parametrize("n_keys", [101, 100_000])
@pytest.mark.parametrize("instances", [True, False], ids=["with instances", "without"])
def test_a_flood_of_keys_is_422_with_one_problem(client, n_keys, instances):
    flood = {f"key{number}": 0 for number in range(n_keys - instances)}
    data = json.dumps({**({"instances": [GOOD]} if instances else {}), **flood})
    document = problem(client.post("/predict", data=data, content_type=JSON), 422)
    assert document["detail"] == "1 value is not what the model expects"
    (error,) = document["errors"]
    assert error == {"path": "", "expected": "an object with the key instances", "found": f"one with {n_keys} keys"}


def test_a_content_encoding_is_415(client, subtests):
    for encoding in ("gzip", "x-gzip", "deflate", "br", "zstd", "identity"):
        for name, data in {"compressed": gzip.compress(TEXT.encode()), "plain": TEXT}.items():
            with subtests.test(f"{name} {encoding}"):
                response = client.post("/predict", data=data, content_type=JSON, headers={"Content-Encoding": encoding})
                assert problem(response, 415)["detail"] == "expected a body without a content encoding"


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*, text/csv;q=0"])
def test_where_no_answer_is_acceptable_it_is_406(client, accept):
    problem(client.post("/predict", data=TEXT, content_type=JSON, headers={"Accept": accept}), 406)


class Broken(io.BytesIO):
    """A body as a server gives it whose chunks are malformed or never come; the tests say how."""


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, 400), (OSError, 400), (EOFError, 400), (KeyError, 400), (TimeoutError, 408)]
)
def test_a_body_that_can_not_be_read_to_its_end_is_the_clients_fault(client, error, status, monkeypatch):
    def read(*_):
        raise error(SECRET)

    for name in ("read", "readline", "readinto", "read1"):
        monkeypatch.setattr(Broken, name, read, raising=False)
    environ = {**chunked(b""), "wsgi.input": Broken(b"")}
    response = client.post("/predict", content_type=JSON, environ_overrides=environ)
    problem(response, status)


def chunked(data):
    """The environment of a request whose body comes in chunks, without a Content-Length."""
    return {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize("surplus", [1, 1_000, MAX_BODY_BYTES])
@pytest.mark.parametrize("stated", [True, False], ids=["with Content-Length", "chunked"])
def test_a_body_that_is_too_long_is_413(client, stated, surplus):
    data = TEXT.encode().ljust(MAX_BODY_BYTES + surplus)  # up to the bound, it is a whole document
    if stated:
        response = client.post("/predict", data=data, content_type=JSON)
    else:
        response = client.post("/predict", content_type=JSON, environ_overrides=chunked(data))
    problem(response, 413)


@pytest.mark.parametrize("length", [len(TEXT), MAX_BODY_BYTES], ids=["short", "as long as may be"])
@pytest.mark.parametrize("stated", [True, False], ids=["with Content-Length", "chunked"])
def test_a_body_of_an_allowed_length_is_answered(client, predictor, stated, length):
    data = TEXT.encode().ljust(length)
    if stated:
        response = client.post("/predict", data=data, content_type=JSON)
    else:
        response = client.post("/predict", content_type=JSON, environ_overrides=chunked(data))
    assert response.json["predictions"] == predictor.predict_rows([GOOD])


OTHER_TYPES = [
    None,
    "",
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/problem+json",
    "application/jsonl",
    "application/vnd.apache.arrow.file",
    "application/vnd.apache.parquet",
    "text/tab-separated-values",
    "text/csv; charset=latin-1",
    "application/json; charset=latin-1",
    "application/json; charset=utf-16",
    "application/octet-stream",
    "*/*",
    "json",
]


def test_another_content_type_than_the_four_in_utf8_is_415(client, subtests):
    for content_type in OTHER_TYPES:
        with subtests.test(content_type=content_type):
            problem(client.post("/predict", data=TEXT, content_type=content_type), 415)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict", {"POST", "OPTIONS"}),
        ("PUT", "/predict", {"POST", "OPTIONS"}),
        ("PATCH", "/predict", {"POST", "OPTIONS"}),
        ("DELETE", "/predict", {"POST", "OPTIONS"}),
        ("TRACE", "/predict", {"POST", "OPTIONS"}),
        ("BREW", "/predict", {"POST", "OPTIONS"}),
        ("POST", "/", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/health/live", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/health/ready", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_405_with_the_ones_that_are_allowed(client, method, path, allowed):
    response = client.open(path, method=method, data=TEXT, content_type=JSON)
    problem(response, 405)
    assert set(response.headers["Allow"].split(", ")) == allowed


OTHER_PATHS = ["/nowhere", "/predict/", "/Predict", "/predict/flights", "/health/", "/static/x", "/%ff", "/%00"]
OTHER_PATHS += ["/../store", "/v3/models", "/favicon.ico", "/" + "x" * 3_000]


def test_another_path_is_404(client, subtests):
    for method, path in product(("GET", "POST"), OTHER_PATHS):
        with subtests.test(f"{method} {path[:40]}"):
            problem(client.open(path, method=method, data=TEXT, content_type=JSON), 404)


@pytest.mark.parametrize("path", ["/", "/health", "/health/live", "/health/ready"])
def test_head_is_get_without_the_body(client, path):
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content_type, head.data) == (get.status_code, get.content_type, b"")
    assert head.content_length == get.content_length


def test_head_of_a_path_that_wants_post_is_405(client):
    response = client.head("/predict")
    assert (response.status_code, response.data) == (405, b"")


@pytest.mark.parametrize(
    ("path", "allowed"), [("/predict", {"POST", "OPTIONS"}), ("/health", {"GET", "HEAD", "OPTIONS"})]
)
def test_options_lists_the_methods(client, path, allowed):
    response = client.options(path)
    assert (response.status_code, set(response.headers["Allow"].split(", "))) == (200, allowed)


@pytest.mark.parametrize(
    "headers",
    [{"Accept": "text/html, */*;q=0.8"}, {"Accept-Encoding": "gzip"}, {"Expect": "100-continue"}]
    + [{"Cookie": "a=b; ;;="}]
    + [{"X-Forwarded-For": "'; --"}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}, {"Content-Length": "-1"}],
    ids=str,
)
def test_other_headers_change_nothing(client, predictor, headers):
    response = client.post("/predict?a=b&a=%ff", data=TEXT, content_type=JSON, headers=headers)
    assert response.json["predictions"] == predictor.predict_rows([GOOD])
