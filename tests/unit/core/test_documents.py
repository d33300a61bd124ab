"""What is no schema and no request: each place is named, with what would have been accepted there."""

import copy
import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.documents import MAX_KEYS, RequestDocument, load_schema, problems
from service.core.encoder import Encoder
from service.errors import DocumentError, FeatureError, InvalidRequest, Problem, TooManyRows

GOOD = {
    "name": "flights",
    "label": "late",
    "timestamp": "time_hour",
    "n_buckets": 1024,
    "crosses": [["origin", "hour"]],
    "fields": {
        "origin": {"type": "string"},
        "hour": {"type": "integer"},
        "temp": {"type": "number", "bins": [0, 10], "required": False},
    },
}
ABSENT = object()


def changed(path, value):
    document = copy.deepcopy(GOOD)
    *parents, last = path
    place = document
    for key in parents:
        place = place[key]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return document


def problems_of(document):
    with pytest.raises(DocumentError) as caught:
        load_schema(document, source="schema.toml")
    assert caught.value.document == "schema.toml"
    assert str(caught.value).startswith("schema.toml: ")
    return caught.value.problems


NAME = "a string that is not empty"
COUNT = "a power of two from 2 to 1073741824"
BINS = 'a list of increasing, finite edges or "log2"'
ANY_BINS = 'bins: a list of edges or "log2"'
TYPES = "one of string, integer, boolean, number"
CROSS = "a list of two or more different field names, written once"
REQUIRED = "nothing: it is required"
KNOWN = "one of the keys name, label, timestamp, n_buckets, crosses, fields"

BAD_SCHEMAS = [
    (("name",), ABSENT, "name", NAME, REQUIRED),
    (("name",), "", "name", NAME, "an empty string"),
    (("name",), 7, "name", NAME, "an integer"),
    (("name",), None, "name", NAME, "null"),
    (("name",), "a\ud800", "name", NAME, "a lone surrogate"),
    (("name",), "a\udfff", "name", NAME, "a lone surrogate"),
    (("label",), ABSENT, "label", "the name of the column that holds 0 or 1", REQUIRED),
    (("label",), "hour", "label", "no field of the label's name", "the field 'hour'"),
    (("label",), ["late"], "label", "the name of the column that holds 0 or 1", "an array"),
    (("timestamp",), "hour", "timestamp", "no field of the timestamp's name", "the field 'hour'"),
    (("timestamp",), "late", "timestamp", "another column than the label", "'late' again"),
    (("timestamp",), "", "timestamp", "the name of a column", "an empty string"),
    (("timestamp",), 1.5, "timestamp", "the name of a column", "a number"),
    (("n_buckets",), ABSENT, "n_buckets", COUNT, REQUIRED),
    (("n_buckets",), 1000, "n_buckets", COUNT, "1000"),
    (("n_buckets",), 1, "n_buckets", COUNT, "1"),
    (("n_buckets",), 0, "n_buckets", COUNT, "0"),
    (("n_buckets",), -1024, "n_buckets", COUNT, "-1024"),
    (("n_buckets",), 2**31, "n_buckets", COUNT, "2147483648"),
    (("n_buckets",), 1024.0, "n_buckets", COUNT, "a number"),
    (("n_buckets",), True, "n_buckets", COUNT, "a boolean"),
    (("n_buckets",), "1024", "n_buckets", COUNT, "a string"),
    (("n_buckets",), 2**64, "n_buckets", COUNT, "an integer out of range"),
    (("bucket",), 1024, "bucket", KNOWN, "an unknown key"),
    (("field_table",), {}, "field_table", KNOWN, "an unknown key"),
    (("crosses",), "origin", "crosses", "a list of lists of two or more field names", "a string"),
    (("crosses",), None, "crosses", "a list of lists of two or more field names", "null"),
    (("crosses",), [[]], "crosses.0", CROSS, "0 of them"),
    (("crosses",), [["origin"]], "crosses.0", CROSS, "1 of them"),
    (("crosses",), [["origin", "origin"]], "crosses.0", CROSS, "a name that comes twice"),
    (("crosses",), [["origin", 7]], "crosses.0", CROSS, "a name that is no string"),
    (("crosses",), [["origin", ["hour"]]], "crosses.0", CROSS, "a name that is no string"),
    (("crosses",), ["origin"], "crosses.0", CROSS, "a string"),
    (("crosses", 0, 1), "tower", "crosses.0", "names of fields (origin, hour, temp)", "the unknown field 'tower'"),
    (("crosses",), [["origin", "hour"], ["origin", "hour"]], "crosses.1", CROSS, "the same cross again"),
    (("fields",), ABSENT, "fields", "a table [fields.NAME] for each field", REQUIRED),
    (("fields",), {}, "fields", "at least one table [fields.NAME]", "none"),
    (("fields",), ["origin"], "fields", "a table [fields.NAME] for each field", "an array"),
    (("fields", "hour"), "integer", "fields.hour", "an object", "something else"),
    (("fields", ""), {"type": "string"}, "fields.", NAME, "an empty string"),
    (("fields", "a.b"), {"type": "text"}, "fields.a.b.type", TYPES, "'text'"),
    (("fields", "hour", "type"), ABSENT, "fields.hour.type", TYPES, REQUIRED),
    (("fields", "hour", "type"), "float", "fields.hour.type", TYPES, "'float'"),
    (("fields", "hour", "type"), "", "fields.hour.type", TYPES, "''"),
    (("fields", "hour", "type"), 1, "fields.hour.type", TYPES, "an integer"),
    (("fields", "hour", "typ"), "x", "fields.hour.typ", "one of the keys type, required, bins", "an unknown key"),
    (("fields", "hour", "name"), "x", "fields.hour.name", "one of the keys type, required, bins", "an unknown key"),
    (("fields", "hour", "required"), 1, "fields.hour.required", "true or false", "an integer"),
    (("fields", "hour", "required"), "yes", "fields.hour.required", "true or false", "a string"),
    (("fields", "hour", "bins"), [1], "fields.hour.bins", "bins for a number only", "bins for type integer"),
    (("fields", "origin", "bins"), "log2", "fields.origin.bins", "bins for a number only", "bins for type string"),
    (("fields", "temp", "bins"), ABSENT, "fields.temp.bins", ANY_BINS, "a number without bins"),
    (("fields", "temp", "bins"), [], "fields.temp.bins", BINS, "an empty list"),
    (("fields", "temp", "bins"), "log10", "fields.temp.bins", BINS, "'log10'"),
    (("fields", "temp", "bins"), 7, "fields.temp.bins", BINS, "an integer"),
    (("fields", "temp", "bins"), [10, 0], "fields.temp.bins", BINS, "edges that do not increase"),
    (("fields", "temp", "bins"), [0, 0], "fields.temp.bins", BINS, "edges that do not increase"),
    (("fields", "temp", "bins"), [-0.0, 0.0], "fields.temp.bins", BINS, "edges that do not increase"),
    (("fields", "temp", "bins"), [2**53, 2**53 + 1], "fields.temp.bins", BINS, "edges that do not increase"),
    (("fields", "temp", "bins"), [0, math.nan], "fields.temp.bins", BINS, "an edge that is no finite number"),
    (("fields", "temp", "bins"), [0, math.inf], "fields.temp.bins", BINS, "an edge that is no finite number"),
    (("fields", "temp", "bins"), [0, 10**400], "fields.temp.bins", BINS, "an edge that is no finite number"),
    (("fields", "temp", "bins"), [False, True], "fields.temp.bins", BINS, "an edge that is no finite number"),
    (("fields", "temp", "bins"), ["0"], "fields.temp.bins", BINS, "an edge that is no finite number"),
    (("fields", "temp", "bins"), [[0]], "fields.temp.bins", BINS, "an edge that is no finite number"),
]


def test_a_bad_schema_is_refused_with_the_place_and_what_is_allowed(subtests):
    for place, value, path, expected, found in BAD_SCHEMAS:
        with subtests.test(place=place, value=value):
            problems = problems_of(changed(place, value))
            told = [(problem.path, problem.expected, problem.found) for problem in problems]
            assert told == [(path, expected, found)]


@pytest.mark.parametrize(
    ("count", "found"),
    [(2**63 - 1, str(2**63 - 1)), (1 - 2**63, str(1 - 2**63)), (2**63, "an integer out of range")],
)
def test_a_count_that_is_no_64_bit_integer_is_not_written_out(count, found):
    (problem,) = problems_of(changed(("n_buckets",), count))
    assert problem.found == found


def test_a_message_of_marshmallow_s_own_is_a_problem_too():
    messages = {"a": {0: ["Not a valid thing."]}, "_schema": "Not a thing."}
    assert list(problems(messages)) == [
        Problem(path="a.0", expected="Not a valid thing.", found="another"),
        Problem(path="", expected="Not a thing.", found="another"),
    ]


def test_a_count_of_more_digits_than_python_will_write_is_refused_like_another():
    (problem,) = problems_of(changed(("n_buckets",), 16**4000))
    assert problem.found == "an integer out of range"


@pytest.mark.parametrize("document", [None, 7, "name", [], [GOOD], True])
def test_what_is_no_object_is_no_schema(document):
    (problem,) = problems_of(document)
    assert (problem.path, problem.expected) == ("", "an object")


def test_all_problems_are_listed_at_once():
    document = {
        "label": "",
        "n_buckets": 1000,
        "colour": "red",
        "crosses": [["a"], ["a", "b"], 7],
        "fields": {"a": {"type": "text"}, "b": {"type": "number", "bins": []}, "c": {"type": "string", "x": 1}},
    }
    assert sorted(problem.path for problem in problems_of(document)) == [
        "colour",
        "crosses.0",
        "crosses.2",
        "fields.a.type",
        "fields.b.bins",
        "fields.c.x",
        "label",
        "n_buckets",
        "name",
    ]


def test_problems_between_the_parts_are_listed_at_once():
    document = changed(("crosses",), [["origin", "x"], ["y", "z"]])
    document["label"] = document["timestamp"] = "hour"
    assert [problem.path for problem in problems_of(document)] == [
        "crosses.0",
        "crosses.1",
        "crosses.1",
        "label",
        "timestamp",
    ]


def test_a_good_schema_is_loaded_with_its_defaults():
    fields = {"b": {"type": "boolean"}, "a.b": {"type": "string"}}
    document = {"name": "m", "label": "y", "n_buckets": 2, "fields": fields}
    schema = load_schema(document, source="schema.toml")
    assert (schema.name, schema.label, schema.timestamp, schema.n_buckets) == ("m", "y", None, 2)
    assert schema.crosses == ()
    assert [(field.name, field.type, field.required, field.bins) for field in schema.fields] == [
        ("a.b", "string", True, None),
        ("b", "boolean", True, None),
    ]


def test_edges_become_doubles():
    (field,) = (field for field in load_schema(GOOD, source="s").fields if field.name == "temp")
    assert field.bins == (0.0, 10.0)
    assert {type(edge) for edge in field.bins} == {float}


@given(data=st.data())
def test_no_document_at_all_gives_another_error_than_its_own(any_json, data):
    document = copy.deepcopy(GOOD)
    place = data.draw(st.sampled_from(["name", "label", "timestamp", "n_buckets", "crosses", "fields", "hour", "bins"]))
    target = {"hour": document["fields"], "bins": document["fields"]["temp"]}.get(place, document)
    target[place] = data.draw(any_json)
    try:
        load_schema(document, source="schema.toml")
    except DocumentError as error:
        assert error.problems


# Requests

INTEGER = "an integer from -2^63 to 2^63-1 or null"
STRING = "a string of valid Unicode or null"

REQUESTS = [
    (None, "", "an object", "something else"),
    ([], "", "an object", "something else"),
    ("instances", "", "an object", "something else"),
    ({}, "instances", "an array of one or more objects", REQUIRED),
    ({"instances": None}, "instances", "an array of one or more objects", "null"),
    ({"instances": {}}, "instances", "an array of one or more objects", "an object"),
    ({"instances": []}, "instances", "an array of one or more objects", "an empty array"),
    ({"instances": [{"origin": "a", "hour": 1}, 7]}, "instances.1", "an object", "something else"),
    ({"instances": [None]}, "instances.0", "an object", "something else"),
    ({"instances": [["origin", "hour"]]}, "instances.0", "an object", "something else"),
    ({"instances": [{"origin": "a"}]}, "instances.0.hour", INTEGER, "nothing: the field is required"),
    ({"instances": [{"origin": "a", "hour": 7.0}]}, "instances.0.hour", INTEGER, "a number"),
    ({"instances": [{"origin": "a", "hour": True}]}, "instances.0.hour", INTEGER, "a boolean"),
    ({"instances": [{"origin": {"a": 1}, "hour": 1}]}, "instances.0.origin", STRING, "an object"),
    ({"instances": [{"origin": "\ud800", "hour": 1}]}, "instances.0.origin", STRING, "a lone surrogate"),
    (
        {"instances": [{"origin": "a", "hour": 1, "temp": math.nan}]},
        "instances.0.temp",
        "a finite number or null",
        "NaN or an infinity",
    ),
    (
        {"instances": [{"origin": "a", "hour": 1}], "parameters": {}},
        "parameters",
        "one of the keys instances",
        "an unknown key",
    ),
]


@pytest.fixture(scope="module")
def document():
    return RequestDocument(load_schema(GOOD, source="s"))


def test_a_bad_request_is_refused_with_the_place_and_what_is_allowed(document, subtests):
    for body, path, expected, found in REQUESTS:
        with subtests.test(body=body):
            with pytest.raises(InvalidRequest) as caught:
                document.check(body)
            assert [(p.path, p.expected, p.found) for p in caught.value.problems] == [(path, expected, found)]


def test_every_place_of_a_request_is_listed_with_its_row(document):
    good = {"origin": "EWR", "hour": 5}
    body = {"instances": [good, {**good, "hour": "5"}, good, {"origin": 7, "temp": "hot"}]}
    with pytest.raises(InvalidRequest) as caught:
        document.check(body)
    places = ["instances.1.hour", "instances.3.hour", "instances.3.origin", "instances.3.temp"]
    assert sorted(problem.path for problem in caught.value.problems) == places


def test_more_rows_than_are_allowed_are_refused_before_anything_else_is_looked_at(document, subtests):
    instances = [{"origin": "EWR", "hour": 5}, {}, 7, None]
    others = [{}, {"parameters": {}}, dict.fromkeys(map(str, range(1_000)))]
    for instance, other in product(instances, others):
        with subtests.test(instance=instance, others=len(other)):
            with pytest.raises(TooManyRows) as caught:
                document.check({**other, "instances": [instance] * 4}, max_rows=3)
            assert (caught.value.rows, caught.value.most) == (4, 3)


def test_as_many_rows_as_are_allowed_are_checked(document):
    instances = [{"origin": "EWR", "hour": 5}] * 3
    assert document.check({"instances": instances}, max_rows=3) is instances
    with pytest.raises(InvalidRequest) as caught:
        document.check({"instances": [*instances[:2], {"origin": "EWR"}]}, max_rows=3)
    assert [problem.path for problem in caught.value.problems] == ["instances.2.hour"]


GOOD_ROW, BAD_ROW = {"origin": "EWR", "hour": 5}, {"origin": "EWR", "hour": "5"}


@pytest.mark.parametrize(
    ("rows", "wrong", "more"),
    [
        ([BAD_ROW] * 99 + [GOOD_ROW] * 500, range(99), False),
        ([BAD_ROW] * 100, range(100), False),
        ([BAD_ROW] * 101, range(100), True),
        ([BAD_ROW] * 100 + [GOOD_ROW], range(100), True),
        ([GOOD_ROW] * 450 + [BAD_ROW] * 50, range(450, 500), False),
        ([GOOD_ROW] * 450 + [BAD_ROW] * 350, range(450, 600), True),
        ([GOOD_ROW] * 450 + [BAD_ROW] * 150, range(450, 600), False),
        ([*[GOOD_ROW, BAD_ROW] * 150, GOOD_ROW], range(1, 200, 2), True),
    ],
)
def test_after_a_hundred_wrong_rows_the_parts_behind_them_are_not_looked_at(document, rows, wrong, more):
    with pytest.raises(InvalidRequest) as caught:
        document.check({"instances": rows})
    assert [problem.path for problem in caught.value.problems] == [f"instances.{row}.hour" for row in wrong]
    assert caught.value.more is more


def test_a_request_may_have_a_hundred_keys():
    assert MAX_KEYS == 100


@pytest.mark.parametrize("with_instances", [True, False])
def test_a_flood_of_keys_is_one_problem(document, with_instances):
    body = {"instances": [{"origin": "EWR", "hour": "5"}]} if with_instances else {}
    for n_keys in (MAX_KEYS, MAX_KEYS + 1, 50_000):
        flood = {**body, **{f"key {number}": None for number in range(n_keys - len(body))}}
        with pytest.raises(InvalidRequest) as caught:
            document.check(flood)
        found = [(problem.path, problem.expected, problem.found) for problem in caught.value.problems]
        if n_keys > MAX_KEYS:
            assert found == [("", "an object with the key instances", f"one with {n_keys} keys")]
        else:
            assert len(found) == (MAX_KEYS if with_instances else MAX_KEYS + 1)


def test_a_problem_never_holds_the_value(document):
    body = {"instances": [{"origin": ["secret"], "hour": "secret", "temp": {"secret": "secret"}}]}
    with pytest.raises(InvalidRequest) as caught:
        document.check(body)
    assert "secret" not in str(caught.value)


def test_a_good_request_gives_its_instances_as_they_came(document):
    instances = [{"origin": "EWR", "hour": 5, "label": 1, "more": {"nested": []}}, {"origin": None, "hour": None}]
    assert document.check({"instances": instances}) is instances


ODD_NAMES = [
    "a.b",
    "..",
    "day of week",
    " ",
    "instances",
    "fields",
    "value",
    "validate",
    "context",
    "opts",
    "Meta",
    "class",
    "field_0",
    "__init__",
    "0",
    "città",
    "机场",
    "<b>",
    "a\nb",
    "\0",
]


def test_a_field_may_have_any_name_in_which_the_path_of_a_problem_ends(subtests):
    for name in [*ODD_NAMES, "_schema"]:
        with subtests.test(name=name):
            fields = {name: {"type": "integer"}}
            schema = load_schema({"name": "m", "label": "some label", "n_buckets": 2, "fields": fields}, source="s")
            request = RequestDocument(schema)
            assert request.check({"instances": [{name: 1}]}) == [{name: 1}]
            assert Encoder(schema).encode_row({name: 1}) != [None]
            with pytest.raises(InvalidRequest):
                request.check({"instances": [{}]})
            with pytest.raises(InvalidRequest) as caught:
                request.check({"instances": [{name: 1}, {name: "1"}]})
            (problem,) = caught.value.problems
            # To marshmallow, this one name is no name but the row as a whole.
            assert problem.path == ("instances.1" if name == "_schema" else f"instances.1.{name}")


def test_a_field_whose_name_is_another_s_path_is_not_read_through_it():
    fields = {"a": {"type": "string"}, "a.b": {"type": "integer", "required": False}}
    document = {"name": "m", "label": "y", "n_buckets": 2, "fields": fields}
    request = RequestDocument(load_schema(document, source="s"))
    assert request.check({"instances": [{"a": "x"}, {"a": "x", "a.b": 7}]})
    with pytest.raises(InvalidRequest):
        request.check({"instances": [{"a": {"b": 7}}]})


@given(data=st.data())
def test_a_request_is_valid_exactly_when_every_row_can_be_encoded(any_schema, any_rows, any_json, data):
    schema = data.draw(any_schema)
    names = [field.name for field in schema.fields]
    rows = data.draw(any_rows(schema, least=1))
    for row in rows:
        if data.draw(st.booleans()):
            row[data.draw(st.sampled_from(names))] = data.draw(any_json)
        if data.draw(st.integers(0, 9)) == 0:
            row.pop(data.draw(st.sampled_from(names)), None)
    encoder = Encoder(schema)
    refused = set()
    for index, row in enumerate(rows):
        try:
            encoder.encode_row(row)
        except FeatureError as error:
            refused.add(f"instances.{index}.{error.field}")
    try:
        accepted = RequestDocument(schema).check({"instances": rows})
    except InvalidRequest as error:
        assert refused <= {problem.path for problem in error.problems}
        assert refused
    else:
        assert not refused
        assert accepted is rows
