"""Fields refuse what is not theirs, bins follow their definition, and a schema does not care for order."""

import math
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.documents import load_schema
from service.core.features import EXPECTED, Field, Schema, bin_index, describe
from service.errors import FeatureError

FIELDS = {
    "string": Field(name="tailnum", type="string"),
    "integer": Field(name="hour", type="integer"),
    "boolean": Field(name="holiday", type="boolean"),
    "number": Field(name="temp", type="number", bins=(0.0, 10.0)),
}

REFUSED = [
    ("string", 7, "an integer"),
    ("string", 7.0, "a number"),
    ("string", True, "a boolean"),
    ("string", "a\ud800", "a lone surrogate"),
    ("string", "\udfff", "a lone surrogate"),
    ("string", ["a"], "an array"),
    ("string", {"a": "b"}, "an object"),
    ("string", b"a", "a bytes"),
    ("integer", "7", "a string"),
    ("integer", "", "a string"),
    ("integer", 7.0, "a number"),
    ("integer", True, "a boolean"),
    ("integer", False, "a boolean"),
    ("integer", 2**63, "an integer out of range"),
    ("integer", -(2**63) - 1, "an integer out of range"),
    ("integer", math.nan, "NaN or an infinity"),
    ("integer", [7], "an array"),
    ("boolean", 0, "an integer"),
    ("boolean", 1, "an integer"),
    ("boolean", 1.0, "a number"),
    ("boolean", "true", "a string"),
    ("boolean", [], "an array"),
    ("number", "1.5", "a string"),
    ("number", True, "a boolean"),
    ("number", math.nan, "NaN or an infinity"),
    ("number", math.inf, "NaN or an infinity"),
    ("number", -math.inf, "NaN or an infinity"),
    ("number", 10**309, "an integer out of range"),
    ("number", -(10**400), "an integer out of range"),
    ("number", {}, "an object"),
]


def test_a_value_of_another_type_is_refused_with_the_field_and_both_types_named(subtests):
    for kind, value, found in REFUSED:
        field = FIELDS[kind]
        with subtests.test(kind=kind, value=value):
            with pytest.raises(FeatureError) as caught:
                field.canonical(value)
            error = caught.value
            assert (error.field, error.expected, error.found) == (field.name, EXPECTED[kind], found)
            assert str(error) == f"{field.name}: expected {EXPECTED[kind]}, found {found}"


@given(data=st.data(), kind=st.sampled_from(sorted(FIELDS)))
def test_any_json_value_gives_bytes_or_none_or_a_feature_error_and_nothing_else(any_json, data, kind):
    value = data.draw(any_json)
    try:
        canonical = FIELDS[kind].canonical(value)
    except FeatureError:
        return
    assert (canonical is None) == (value is None)
    assert canonical is None or isinstance(canonical, bytes)


def test_null_is_missing_for_every_type():
    for field in FIELDS.values():
        assert field.canonical(None) is None, field


def test_typed_values_have_their_golden_canonical_text(golden_buckets):
    for vector in golden_buckets:
        bins = vector.get("bins")
        bins = tuple(map(float, bins)) if isinstance(bins, list) else bins
        field = Field(name=vector["field"], type=vector["type"], bins=bins)
        expected = None if vector["canonical"] is None else vector["canonical"].encode()
        assert field.canonical(vector["value"]) == expected, vector


def test_an_absent_value_names_the_field_and_says_that_it_is_required():
    error = FIELDS["integer"].absent()
    assert str(error) == "hour: expected an integer from -2^63 to 2^63-1 or null, found nothing: the field is required"


def test_every_message_has_the_same_words_for_what_a_type_accepts():
    assert EXPECTED == {
        "string": "a string of valid Unicode or null",
        "integer": "an integer from -2^63 to 2^63-1 or null",
        "boolean": "true, false or null",
        "number": "a finite number or null",
    }


@given(
    edges=st.sets(st.floats(allow_nan=False, allow_infinity=False), min_size=1).map(sorted),
    value=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6),
)
def test_a_bin_is_how_many_edges_are_at_or_below_the_value(edges, value):
    assert bin_index(tuple(edges), float(value)) == sum(edge <= value for edge in edges)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_log2_bins_are_the_bit_length_of_the_magnitude_with_the_sign(log2_bin, value):
    assert bin_index("log2", value) == log2_bin(value)


def test_each_power_of_two_begins_a_log2_bin():
    for exponent in range(1024):
        edge = 2.0**exponent
        assert bin_index("log2", edge) == exponent + 1 == 1 + math.floor(math.log2(edge))
        assert bin_index("log2", math.nextafter(edge, 0.0)) == exponent
        assert bin_index("log2", -edge) == -exponent - 1


def test_a_value_is_described_by_its_kind_and_never_shown():
    for value, words in [
        (None, "null"),
        (True, "a boolean"),
        (2**63 - 1, "an integer"),
        (-(2**63), "an integer"),
        (-(2**63) - 1, "an integer out of range"),
        (2**63, "an integer out of range"),
        (0.5, "a number"),
        (math.nan, "NaN or an infinity"),
        ("secret", "a string"),
        (("a",), "an array"),
        ({"a": 1}, "an object"),
        ({1}, "a set"),
    ]:
        assert describe(value) == words, repr(value)


def test_slots_are_the_fields_by_name_and_then_the_crosses(schema):
    names = ("holiday", "hour", "origin", "seats", "tailnum", "temp")
    assert schema.slots == (*names, "origin x hour", "tailnum x origin x hour")


@given(data=st.data())
def test_a_schema_survives_its_document_and_every_order_of_its_fields_and_crosses(any_schema, data):
    schema = data.draw(any_schema)
    fields = data.draw(st.permutations(schema.fields))
    crosses = data.draw(st.permutations(schema.crosses))
    shuffled = Schema(
        name=schema.name,
        label=schema.label,
        timestamp=schema.timestamp,
        n_buckets=schema.n_buckets,
        fields=tuple(fields),
        crosses=tuple(crosses),
    )
    again = load_schema(schema.to_document(), source="its own document")
    for other in (shuffled, again):
        assert other == schema
        assert other.fingerprint == schema.fingerprint


FIRST = {
    "name": "m",
    "label": "y",
    "timestamp": "t",
    "n_buckets": 16,
    "crosses": [["a", "b"]],
    "fields": {"a": {"type": "integer"}, "b": {"type": "number", "bins": [1]}},
}


def test_whatever_means_something_is_in_the_fingerprint():
    first = load_schema(FIRST, source="first")
    for change in [
        {"name": "n"},
        {"label": "z"},
        {"timestamp": "u"},
        {"timestamp": None},
        {"n_buckets": 32},
        {"crosses": []},
        {"crosses": [["b", "a"]]},
        {"fields": {"a": {"type": "string"}, "b": {"type": "number", "bins": [1]}}},
        {"fields": {"a": {"type": "integer", "required": False}, "b": {"type": "number", "bins": [1]}}},
        {"fields": {"a": {"type": "integer"}, "b": {"type": "number", "bins": [2]}}},
        {"fields": {"a": {"type": "integer"}, "b": {"type": "number", "bins": "log2"}}},
        {"fields": {"a": {"type": "integer"}, "b": {"type": "number", "bins": [1]}, "c": {"type": "string"}}},
    ]:
        document = {key: value for key, value in {**FIRST, **change}.items() if value is not None}
        assert load_schema(document, source="changed").fingerprint != first.fingerprint, change


def test_a_fingerprint_is_the_sha256_of_the_canonical_document_written_by_hand():
    canonical = (
        '{"crosses":[["a","b"]],"fields":{"a":{"required":true,"type":"integer"},'
        '"b":{"bins":[1.0],"required":true,"type":"number"}},'
        '"label":"y","n_buckets":16,"name":"m","timestamp":"t"}'
    )
    assert load_schema(FIRST, source="first").fingerprint == sha256(canonical.encode()).hexdigest()
