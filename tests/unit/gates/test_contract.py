"""A contract: its digest, and whether it suits a schema."""

import copy
import json
import math
from dataclasses import asdict
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DocumentError
from service.gates import (
    COMPARED,
    COSTS,
    DATA,
    FIELD_DATA,
    NEED_BASELINE,
    QUALITY,
    Bound,
    ChangeBound,
    Contract,
    DataRules,
    Direction,
    SliceRule,
    load_contract,
)

DOCUMENT = {
    "auc": {"min": 0.6, "max": 0.9},
    "log_loss": {"max": 0.5},
    "slices": [
        {"field": "origin", "values": ["EWR", "Zürich"], "auc": {"min": 0.5}},
        {"field": "tailnum", "seen": "cold", "auc": {"min": 0.5}},
    ],
    "data": {"fields": {"origin": {"missing": {"max": 0.1}}}},
}
CANONICAL = (
    r'{"auc":{"max":0.9,"min":0.6},"data":{"fields":{"origin":{"missing":{"max":0.1}}}},"log_loss":{"max":0.5},'
    r'"slices":[{"auc":{"min":0.5},"field":"origin","values":["EWR","Z\u00fcrich"]},'
    r'{"auc":{"min":0.5},"field":"tailnum","seen":"cold"}]}'
)
DIGEST = "ab96c27455d8a10eaa05169cb23b874338820a40aa1ba52c1afc5c66255cb6b0"


def loaded(document, source="gate.toml"):
    return load_contract(document, source=source)


# The digest


def test_the_digest_is_that_of_the_canonical_text():
    """Pinned by `printf %s '{"auc":{"max":0.9,...}' | sha256sum`."""
    assert json.loads(CANONICAL) == DOCUMENT
    assert sha256(CANONICAL.encode()).hexdigest() == DIGEST
    assert loaded(DOCUMENT).sha256 == DIGEST


def backwards(value):
    """The same document with the keys of every table in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def test_the_digest_depends_on_the_document_only():
    assert list(backwards(DOCUMENT)) == ["data", "slices", "log_loss", "auc"]
    assert loaded(backwards(DOCUMENT)).sha256 == DIGEST
    assert loaded(DOCUMENT, source="another name.toml").sha256 == DIGEST
    assert loaded(json.loads(json.dumps(DOCUMENT))).sha256 == DIGEST


OTHERS = [
    (("auc", "min"), 0.61),
    (("log_loss", "min"), 0.0),
    (("log_loss",), {"max_": 0.5}),
    (("slices", 0, "values"), ["EWR"]),
    (("slices", 0, "values"), ["Zürich", "EWR"]),
    (("slices", 1, "seen"), "tail"),
    (("slices", 1, "min_rows"), 100),
    (("change",), {"confidence": 0.9}),
    (("schema",), {"breaking": False}),
    (("data", "fields", "hour"), {"missing": {"max": 0.1}}),
]


def test_another_document_has_another_digest(put, subtests):
    for path, value in OTHERS:
        with subtests.test(path=path, value=value):
            changed = Contract(name="gate.toml", document=put(DOCUMENT, path, value))
            assert changed.sha256 != DIGEST


def test_what_becomes_of_the_document_afterwards_changes_no_contract():
    document = copy.deepcopy(DOCUMENT)
    contract = loaded(document)
    document["auc"]["min"] = 0.0
    document["slices"].clear()
    assert contract.sha256 == DIGEST
    assert contract.quality["auc"] == Bound(low=0.6, high=0.9)
    assert len(contract.slices) == 2


# The schema's fields: tailnum and origin are strings, hour an integer, holiday a boolean, temp and seats numbers.


def problems_of(contract, schema):
    with pytest.raises(DocumentError) as caught:
        contract.check_fields(schema)
    assert caught.value.document == "gate.toml"
    return [(problem.path, problem.expected, problem.found) for problem in caught.value.problems]


def with_slices(*rules):
    return Contract(name="gate.toml", document={}, slices=rules)


def with_directions(*rules):
    return Contract(name="gate.toml", document={}, directions=rules)


def direction(field, before, after):
    return Direction(field=field, before=before, after=after, expect="increase")


def test_a_contract_that_names_no_field_suits_every_schema(schema):
    loaded({"auc": {"min": 0.6}}).check_fields(schema)


def test_a_contract_may_name_every_field(schema):
    names = [field.name for field in schema.fields]
    rules = {name: {"missing": Bound(high=0.1)} for name in names}
    slices = tuple(SliceRule(field=name) for name in names)
    Contract(name="gate.toml", document={}, slices=slices, data=DataRules(fields=rules)).check_fields(schema)


def test_unknown_fields_are_all_listed_with_those_there_are(schema):
    contract = Contract(
        name="gate.toml",
        document={},
        slices=(SliceRule(field="carrier"), SliceRule(field="origin"), SliceRule(field="Origin", values=("x",))),
        directions=(direction("hour", 1, 2), direction("late", 1, 2)),
        data=DataRules(fields={"temp": {}, "time_hour": {}}),
    )
    expected = "one of the fields holiday, hour, origin, seats, tailnum, temp"
    assert problems_of(contract, schema) == [
        ("slices.0.field", expected, "the unknown field 'carrier'"),
        ("slices.2.field", expected, "the unknown field 'Origin'"),
        ("directions.1.field", expected, "the unknown field 'late'"),
        ("data.fields.time_hour", expected, "the unknown field 'time_hour'"),
    ]


STRING = "a string of valid Unicode or null"
INTEGER = "an integer from -2^63 to 2^63-1 or null"
BOOLEAN = "true, false or null"
NUMBER = "a finite number or null"


DIRECTIONS = [
    ("origin", "EWR", "LGA"),
    ("origin", "", "EWR"),
    ("hour", -(2**63), 2**63 - 1),
    ("holiday", False, True),
    ("temp", -5, 31.5),
    ("temp", 10.5, math.nextafter(10.5, 0)),
    ("seats", 1, 10**30),
]


def test_a_direction_leads_from_a_value_of_its_field_to_another(schema, subtests):
    for field, before, after in DIRECTIONS:
        with subtests.test(field=field, before=before, after=after):
            with_directions(direction(field, before, after), direction(field, after, before)).check_fields(schema)


NOT_TAKEN = [
    ("origin", "EWR", 7, STRING, "an integer"),
    ("origin", "EWR", True, STRING, "a boolean"),
    ("origin", "EWR", "\ud800", STRING, "a lone surrogate"),
    ("hour", 6, "7", INTEGER, "a string"),
    ("hour", 6, 7.0, INTEGER, "a number"),
    ("hour", 6, 2**63, INTEGER, "an integer out of range"),
    ("hour", 6, True, INTEGER, "a boolean"),
    ("holiday", True, 0, BOOLEAN, "an integer"),
    ("holiday", True, "false", BOOLEAN, "a string"),
    ("temp", 0.1, "0.5", NUMBER, "a string"),
    ("temp", 0.1, False, NUMBER, "a boolean"),
    ("temp", 0.1, math.nan, NUMBER, "NaN or an infinity"),
    ("temp", 0.1, -math.inf, NUMBER, "NaN or an infinity"),
    ("temp", 0.1, 10**400, NUMBER, "an integer out of range"),
]


def test_a_direction_with_a_value_that_its_field_does_not_take_is_refused(schema, subtests):
    for field, good, bad, expected, found in NOT_TAKEN:
        with subtests.test(field=field, bad=bad):
            rules = [direction(field, bad, good), direction(field, good, bad), direction(field, bad, bad)]
            assert problems_of(with_directions(*rules), schema) == [
                ("directions.0.from", expected, found),
                ("directions.1.to", expected, found),
                ("directions.2.from", expected, found),
                ("directions.2.to", expected, found),
            ]


NOWHERE = [
    ("origin", "EWR", "EWR", "another value than from"),
    ("hour", 7, 7, "another value than from"),
    ("holiday", True, True, "another value than from"),
    ("temp", 0.0, 0, "another value or bin than from"),
    ("temp", 0.0, 10.4, "another value or bin than from"),
    ("temp", 30, 100, "another value or bin than from"),
    ("seats", 128, 255.9, "another value or bin than from"),
]


def test_a_direction_that_leads_nowhere_would_hold_of_any_model(schema, subtests):
    for field, before, after, expected in NOWHERE:
        with subtests.test(field=field, before=before, after=after):
            assert problems_of(with_directions(direction(field, before, after)), schema) == [
                ("directions.0.to", expected, "the same")
            ]


CANONICAL_VALUES = [
    ("origin", ("", "EWR", "Zürich 机场", "07", "true")),
    ("hour", ("0", "23", "-1", str(-(2**63)), str(2**63 - 1))),
    ("holiday", ("true", "false")),
    ("temp", ("0", "1", "2", "3")),
    ("seats", ("0", "8", "-3")),
]


def test_the_values_of_slices_are_canonical_texts(schema, subtests):
    for field, values in CANONICAL_VALUES:
        with subtests.test(field=field, values=values):
            with_slices(SliceRule(field=field, values=values)).check_fields(schema)


NO_VALUES = [
    ("hour", ("07", "7.0", "+7", "", " 7", "٧", "1_0", str(2**63)), "integers as text, in their shortest form"),
    ("holiday", ("True", "1", "", "yes"), '"true" or "false"'),
    ("temp", ("4", "-1", "30.0", "00", ""), "the indices of bins as text"),
    ("seats", ("log2", "8.0", "-0"), "the indices of bins as text"),
]


def test_values_that_no_row_can_have_are_refused(schema, subtests):
    """A slice of them would be empty for ever, and pass for ever where few rows are allowed."""
    for field, values, expected in NO_VALUES:
        with subtests.test(field=field):
            good = SliceRule(field="origin", values=("EWR",))
            contract = with_slices(good, SliceRule(field=field, values=values, allow_few_rows=True))
            assert problems_of(contract, schema) == [
                (f"slices.1.values.{index}", expected, "another text") for index in range(len(values))
            ]


@given(data=st.data())
def test_whatever_value_a_row_has_a_slice_may_be_of_it(schema, data):
    field = data.draw(st.sampled_from(schema.fields))
    kinds = {
        "string": st.text(),
        "integer": st.integers(-(2**63), 2**63 - 1),
        "boolean": st.booleans(),
        "number": st.floats(allow_nan=False, allow_infinity=False),
    }
    text = field.canonical(data.draw(kinds[field.type])).decode()
    with_slices(SliceRule(field=field.name, values=(text,))).check_fields(schema)


# The vocabulary


def test_metrics_have_one_meaning_each():
    assert len({*QUALITY, *COSTS}) == len(QUALITY) + len(COSTS)
    assert set(COMPARED) < set(QUALITY)
    assert set(NEED_BASELINE) == {
        metric for metric in (*DATA, *FIELD_DATA, *COSTS) if metric.endswith(("_ratio", "_change"))
    }


def test_a_contract_asks_for_nothing_that_it_does_not_say():
    assert asdict(Contract(name="gate.toml", document={})) == {
        "name": "gate.toml",
        "document": {},
        "quality": {},
        "costs": {},
        "changes": {},
        "confidence": 0.95,
        "replicates": 2000,
        "slices": (),
        "data": {"whole": {}, "every_field": {}, "fields": {}},
        "collisions": {},
        "directions": (),
        "reproducibility": False,
        "breaking_schema": False,
    }
    assert asdict(ChangeBound()) == {"absolute": None, "relative": None}


def test_a_slice_has_a_hundred_rows_and_a_direction_holds_of_every_row_unless_it_is_said():
    assert asdict(SliceRule(field="ad")) == {
        "field": "ad",
        "values": None,
        "seen": None,
        "training_rows": 100,
        "min_rows": 100,
        "allow_few_rows": False,
        "quality": {},
        "changes": {},
    }
    assert direction("ad", 1, 2).min_share == 1.0


def test_data_rules_are_true_when_they_ask_for_something():
    assert not DataRules()
    for rules in ({"whole": {"rows": Bound(low=1)}}, {"every_field": {"auc": Bound(high=0.9)}}):
        assert DataRules(**rules), rules
    assert DataRules(fields={"hour": {"auc": Bound(high=0.9)}})
