"""A contract's document: every key is read, and every wrong thing is refused with its place, all of them at once."""

import json
import math
import sys
from datetime import date
from random import Random
from types import MappingProxyType

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.comparison import compare
from service.errors import DocumentError
from service.gates import (
    COLLISIONS,
    COMPARED,
    COSTS,
    DATA,
    FIELD_DATA,
    QUALITY,
    Bound,
    ChangeBound,
    Contract,
    DataRules,
    Direction,
    SliceRule,
    load_contract,
)


def bounds(metrics):
    """Documents of a threshold for each metric, every kind of them, and what they mean."""
    kinds = [
        ({"min": 0.25}, Bound(low=0.25)),
        ({"max": 2}, Bound(high=2)),
        ({"min": -1, "max": 1.5}, Bound(low=-1, high=1.5)),
    ]
    pairs = list(zip(metrics, kinds * 2, strict=False))
    return {metric: table for metric, (table, _) in pairs}, {metric: bound for metric, (_, bound) in pairs}


QUALITY_TABLES, QUALITY_BOUNDS = bounds(QUALITY)
COST_TABLES, COST_BOUNDS = bounds(COSTS)
DATA_TABLES, DATA_BOUNDS = bounds(DATA)
FIELD_TABLES, FIELD_BOUNDS = bounds(FIELD_DATA)
COLLISION_TABLES, COLLISION_BOUNDS = bounds(COLLISIONS)

CHANGE_TABLES = {
    "log_loss": {"max_relative": 0.01},
    "normalized_entropy": {"min": -1, "max": 0.5, "min_relative": -0.5, "max_relative": 1},
    "auc": {"min": -0.01},
    "calibration_ratio": {"max": 0.0, "min_relative": -0.1},
}
CHANGE_BOUNDS = {
    "log_loss": ChangeBound(relative=Bound(high=0.01)),
    "normalized_entropy": ChangeBound(absolute=Bound(low=-1, high=0.5), relative=Bound(low=-0.5, high=1)),
    "auc": ChangeBound(absolute=Bound(low=-0.01)),
    "calibration_ratio": ChangeBound(absolute=Bound(high=0.0), relative=Bound(low=-0.1)),
}

WHOLE = {
    **QUALITY_TABLES,
    **COST_TABLES,
    "change": {"confidence": 0.9, "replicates": 500, **CHANGE_TABLES},
    "slices": [
        {"field": "carrier", "values": ["UA", ""], "min_rows": 7, "allow_few_rows": True, **QUALITY_TABLES},
        {"field": "tailnum", "seen": "tail", "training_rows": 3, "change": CHANGE_TABLES},
        {"field": "origin", "auc": {"min": 0.5}, "allow_few_rows": False},
    ],
    "data": {
        **DATA_TABLES,
        "every_field": FIELD_TABLES,
        "fields": {"carrier": FIELD_TABLES, "a.b": {"auc": {"max": 0.5}}},
    },
    "collisions": COLLISION_TABLES,
    "directions": [
        {"field": "rain", "from": 0.0, "to": 5, "expect": "increase", "min_share": 0.5},
        {"field": "weekend", "from": False, "to": True, "expect": "decrease"},
        {"field": "carrier", "from": "", "to": "UA", "expect": "decrease", "min_share": 1},
    ],
    "reproducibility": {"same_digest": True},
    "schema": {"breaking": True},
}


WHOLE = json.loads(json.dumps(WHOLE))  # no table of it stands in two places


def part(key, inner=None):
    """A contract of what the whole one says at a key, or at a key of its table, and of a threshold, which it needs."""
    table = WHOLE[key] if inner is None else {inner: WHOLE[key][inner]}
    return {"auc": WHOLE["auc"], key: table}


def loaded(document):
    return load_contract(document, source="gate.toml")


def problems_of(document):
    with pytest.raises(DocumentError) as caught:
        loaded(document)
    assert caught.value.document == "gate.toml"
    assert str(caught.value).startswith("gate.toml: ")
    return [(problem.path, problem.expected, problem.found) for problem in caught.value.problems]


# What is accepted


def test_every_key_is_read():
    assert loaded(WHOLE) == Contract(
        name="gate.toml",
        document=WHOLE,
        quality=QUALITY_BOUNDS,
        costs=COST_BOUNDS,
        changes=CHANGE_BOUNDS,
        confidence=0.9,
        replicates=500,
        slices=(
            SliceRule(field="carrier", values=("UA", ""), min_rows=7, allow_few_rows=True, quality=QUALITY_BOUNDS),
            SliceRule(field="tailnum", seen="tail", training_rows=3, changes=CHANGE_BOUNDS),
            SliceRule(field="origin", quality={"auc": Bound(low=0.5)}),
        ),
        data=DataRules(
            whole=DATA_BOUNDS,
            every_field=FIELD_BOUNDS,
            fields={"carrier": FIELD_BOUNDS, "a.b": {"auc": Bound(high=0.5)}},
        ),
        collisions=COLLISION_BOUNDS,
        directions=(
            Direction(field="rain", before=0.0, after=5, expect="increase", min_share=0.5),
            Direction(field="weekend", before=False, after=True, expect="decrease"),
            Direction(field="carrier", before="", after="UA", expect="decrease", min_share=1),
        ),
        reproducibility=True,
        breaking_schema=True,
    )


def test_what_a_contract_does_not_say_is_not_asked():
    assert loaded({"auc": {"min": 0.6}}) == Contract(
        name="gate.toml", document={"auc": {"min": 0.6}}, quality={"auc": Bound(low=0.6)}
    )


def test_data_rules_ask_for_what_they_say():
    assert loaded({"auc": {"min": 0}, "data": {"rows": {"min": 1}}}).data == DataRules(whole={"rows": Bound(low=1)})


def test_one_threshold_is_a_contract():
    for metric in (*QUALITY, *COSTS):
        contract = loaded({metric: {"max": 1}})
        assert {**contract.quality, **contract.costs} == {metric: Bound(high=1)}


def test_one_change_threshold_is_a_contract():
    for metric in COMPARED:
        assert loaded({"change": {metric: {"min": 0}}}).changes == {metric: ChangeBound(absolute=Bound(low=0))}


def test_one_slice_is_a_contract():
    for seen in ("cold", "tail", "head"):
        rule = {"field": "ad", "seen": seen, "change": {"auc": {"min": 0}}}
        assert [one.seen for one in loaded({"slices": [rule]}).slices] == [seen]


def test_a_switch_that_is_off_is_as_if_it_were_not_there():
    off = loaded({"auc": {"min": 0}, "reproducibility": {"same_digest": False}, "schema": {"breaking": False}})
    assert (off.reproducibility, off.breaking_schema) == (False, False)


def test_the_least_that_a_rule_may_ask_for_is_taken():
    rule = {"field": "ad", "seen": "tail", "training_rows": 1, "min_rows": 1, "auc": {"min": 0}}
    [rule] = loaded({"slices": [rule]}).slices
    assert (rule.training_rows, rule.min_rows) == (1, 1)
    given = {"auc": {"min": 0}, "directions": [{**DIRECTION, "min_share": math.ulp(0.0)}]}
    assert loaded(given).directions[0].min_share == math.ulp(0.0)


def test_the_ends_of_a_bound_may_be_equal():
    assert loaded({"calibration_ratio": {"min": 1, "max": 1}}).quality["calibration_ratio"] == Bound(low=1, high=1)
    change = loaded({"change": {"auc": {"min": 0, "max": 0, "min_relative": 0, "max_relative": 0.0}}}).changes["auc"]
    assert change == ChangeBound(absolute=Bound(low=0, high=0), relative=Bound(low=0, high=0))


def test_a_document_that_can_only_be_read_is_read():
    contract = loaded(MappingProxyType({"auc": {"min": 0.6}}))
    assert contract.sha256 == loaded({"auc": {"min": 0.6}}).sha256


ENDS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


def some(chance, values):
    return chance.sample(values, chance.randint(1, len(values)))


def thresholds(chance, ends, metrics, kinds=(("min", "max"),)):
    """Tables with thresholds of some metrics, and their ends: ``{metric: {kind: (low, high)}}``."""
    tables, given_ends = {}, {}
    for metric in some(chance, metrics):
        tables[metric], given_ends[metric] = {}, {}
        for kind in some(chance, kinds):
            low, high = sorted(chance.choices(ends, k=2))
            pair = chance.choice([(low, None), (None, high), (low, high)])
            tables[metric] |= {key: end for key, end in zip(kind, pair, strict=True) if end is not None}
            given_ends[metric][kind] = pair
    return tables, given_ends


def ends_of(bounds):
    return {metric: {("min", "max"): (bound.low, bound.high)} for metric, bound in bounds.items()}


def ends_of_changes(changes):
    return {
        metric: {
            kind: (bound.low, bound.high)
            for kind, bound in ((("min", "max"), change.absolute), (("min_relative", "max_relative"), change.relative))
            if bound is not None
        }
        for metric, change in changes.items()
    }


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(["_schema", "a.b", "fields"])
CHANGE_KINDS = (("min", "max"), ("min_relative", "max_relative"))


@given(
    ends=st.lists(ENDS, min_size=2, max_size=8),
    names=st.lists(NAMES, min_size=1, max_size=2, unique=True),
    chance=st.integers(0, 2**32).map(Random),
)
def test_a_contract_means_what_its_document_says(ends, names, chance):
    quality, whole = thresholds(chance, ends, QUALITY), thresholds(chance, ends, DATA)
    changes = thresholds(chance, ends, COMPARED, CHANGE_KINDS)
    sliced = [
        (thresholds(chance, ends, QUALITY), thresholds(chance, ends, COMPARED, CHANGE_KINDS))
        for _ in range(chance.randint(1, 2))
    ]
    fields = {name: thresholds(chance, ends, FIELD_DATA) for name in names}
    document = {
        **quality[0],
        "change": changes[0],
        "slices": [{"field": "ad", **values[0], "change": compared[0]} for values, compared in sliced],
        "data": {**whole[0], "fields": {name: tables for name, (tables, _) in fields.items()}},
    }
    contract = loaded(document)
    assert ends_of(contract.quality) == as_floats(quality[1])
    assert ends_of_changes(contract.changes) == as_floats(changes[1])
    assert [ends_of(rule.quality) for rule in contract.slices] == [as_floats(values[1]) for values, _ in sliced]
    assert [ends_of_changes(rule.changes) for rule in contract.slices] == [as_floats(ends[1]) for _, ends in sliced]
    assert ends_of(contract.data.whole) == as_floats(whole[1])
    assert {name: ends_of(of_field) for name, of_field in contract.data.fields.items()} == {
        name: as_floats(ends) for name, (_, ends) in fields.items()
    }
    assert contract.document == document
    assert loaded(dict(contract.document)) == contract
    orjson.dumps([bound.high for bound in contract.quality.values()])  # a report can be written of it


def as_floats(ends):
    """Ends as a contract holds them: an integer that JSON has no room for is the nearest float."""

    def nearest(end):
        return end if end is None or -(2**63) <= end < 2**63 else float(end)

    return {
        metric: {kind: tuple(nearest(end) for end in pair) for kind, pair in kinds.items()}
        for metric, kinds in ends.items()
    }


# What is refused

TABLE = "a table with min, max or both"
CHANGE_TABLE = "a table with min, max, min_relative or max_relative"
NUMBER = "a finite number"
ROWS = "a number of rows, at least 1"
SWITCH = "true or false"
FIELD = "the name of a field"
SIDE = "a string, a finite number, true or false"
VALUES = "a list of the field's values as text, each once"
NOT_FINITE = "NaN, an infinity or an integer too large"
REQUIRED = "nothing: it is required"
SLICE = {"field": "ad", "auc": {"min": 0.5}}
DIRECTION = {"field": "ad", "from": 1, "to": 2, "expect": "increase"}

WRONG = [
    (("auc",), {}, "auc", TABLE, "an empty table"),
    (("auc",), 0.6, "auc", TABLE, "a number"),
    (("auc", "min"), "0.6", "auc.min", NUMBER, "a string"),
    (("auc", "min"), True, "auc.min", NUMBER, "a boolean"),
    (("auc", "min"), math.nan, "auc.min", NUMBER, NOT_FINITE),
    (("auc", "max"), math.inf, "auc.max", NUMBER, NOT_FINITE),
    (("auc", "max"), 10**400, "auc.max", NUMBER, NOT_FINITE),
    (("auc", "max"), date(2013, 1, 1), "auc.max", NUMBER, "a date"),
    (("auc",), {"min": 0.7, "max": 0.6}, "auc", "a min of at most max", "0.7 > 0.6"),
    (("artefact_bytes",), {"min": 2**70, "max": 2}, "artefact_bytes", "a min of at most max", "1.18059e+21 > 2"),
    (("auc", "low"), 0.5, "auc.low", "one of the keys min, max", "an unknown key"),
    (("auc", "min_relative"), 0.5, "auc.min_relative", "one of the keys min, max", "an unknown key"),
    # changes
    (("change",), {}, "change", f"a table with tables {', '.join(COMPARED)}", "an empty table"),
    (("change", "log_loss"), {}, "change.log_loss", CHANGE_TABLE, "an empty table"),
    (("change", "log_loss"), 0.01, "change.log_loss", CHANGE_TABLE, "a number"),
    (("change", "log_loss", "max_relative"), "1 %", "change.log_loss.max_relative", NUMBER, "a string"),
    (("change", "auc"), {"min": 1, "max": 0}, "change.auc", "a min of at most max", "1 > 0"),
    (
        ("change", "auc"),
        {"min_relative": 1, "max_relative": 0},
        "change.auc",
        "a min_relative of at most max_relative",
        "1 > 0",
    ),
    (("change", "confidence"), 0.49, "change.confidence", "a number from 0.5 to 0.999", "0.49"),
    (("change", "confidence"), 95, "change.confidence", "a number from 0.5 to 0.999", "95"),
    (("change", "confidence"), 1.0, "change.confidence", "a number from 0.5 to 0.999", "1"),
    (("change", "confidence"), math.nan, "change.confidence", "a number from 0.5 to 0.999", NOT_FINITE),
    (("change", "replicates"), 99, "change.replicates", "a count from 100 to 100000", "99"),
    (("change", "replicates"), 100_001, "change.replicates", "a count from 100 to 100000", "100001"),
    (("change", "replicates"), 500.0, "change.replicates", "a count from 100 to 100000", "a number"),
    (("change", "replicates"), 2**64, "change.replicates", "a count from 100 to 100000", "an integer out of range"),
    (("change", "confidence"), 0.999, "change.replicates", "at least 2,000 for a confidence of 0.999", "500"),
    # slices
    (("slices",), [], "slices", "one or more tables [[slices]]", "an empty array"),
    (("slices",), {"field": "ad"}, "slices", "one or more tables [[slices]]", "an object"),
    (("slices", 3), None, "slices.3", "a table with a field and thresholds", "null"),
    (("slices", 3), "ad", "slices.3", "a table with a field and thresholds", "a string"),
    (("slices", 3), {}, "slices.3", "a table with a field and thresholds", "an empty table"),
    (("slices", 3), {"field": "ad"}, "slices.3", f"a threshold ({', '.join(QUALITY)} or change)", "none"),
    (("slices", 3), {"auc": {"min": 0.5}}, "slices.3.field", FIELD, REQUIRED),
    (("slices", 1, "field"), "", "slices.1.field", FIELD, "an empty string"),
    (("slices", 1, "field"), "\udfff", "slices.1.field", FIELD, "a lone surrogate"),
    (("slices", 1, "seen"), "hot", "slices.1.seen", "one of cold, tail, head", "'hot'"),
    (("slices", 1, "seen"), True, "slices.1.seen", "one of cold, tail, head", "a boolean"),
    (("slices", 1, "training_rows"), 0, "slices.1.training_rows", ROWS, "0"),
    (("slices", 1, "min_rows"), 0, "slices.1.min_rows", ROWS, "0"),
    (("slices", 1, "min_rows"), -5, "slices.1.min_rows", ROWS, "-5"),
    (("slices", 1, "min_rows"), 1.0, "slices.1.min_rows", ROWS, "a number"),
    (("slices", 1, "min_rows"), 2**63, "slices.1.min_rows", ROWS, "an integer out of range"),
    (("slices", 1, "min_rows"), -(2**63), "slices.1.min_rows", ROWS, str(-(2**63))),
    (("slices", 1, "min_rows"), -(2**63) - 1, "slices.1.min_rows", ROWS, "an integer out of range"),
    (("change", "replicates"), 2**63 - 1, "change.replicates", "a count from 100 to 100000", str(2**63 - 1)),
    (("slices", 1, "allow_few_rows"), 1, "slices.1.allow_few_rows", SWITCH, "an integer"),
    (("slices", 1, "allow_few_rows"), "yes", "slices.1.allow_few_rows", SWITCH, "a string"),
    (("slices", 0, "values"), [], "slices.0.values", VALUES, "an empty array"),
    (("slices", 0, "values"), "UA", "slices.0.values", VALUES, "a string"),
    (("slices", 0, "values"), ["UA", "UA"], "slices.0.values", VALUES, "a value that comes twice"),
    (("slices", 0, "values"), ["UA", 7], "slices.0.values.1", "a value as text", "an integer"),
    (("slices", 0, "values"), ["\ud800"], "slices.0.values.0", "a value as text", "a lone surrogate"),
    (("slices", 0, "values"), [["UA"]], "slices.0.values.0", "a value as text", "an array"),
    (("slices", 0, "seen"), "cold", "slices.0", "either values or seen", "both"),
    (("slices", 2, "training_rows"), 5, "slices.2", "training_rows only with seen", "training_rows without it"),
    (("slices", 0, "auc"), {}, "slices.0.auc", TABLE, "an empty table"),
    (("slices", 1, "change"), {}, "slices.1.change", f"a table with tables {', '.join(COMPARED)}", "an empty table"),
    (("slices", 1, "change", "auc"), {}, "slices.1.change.auc", CHANGE_TABLE, "an empty table"),
    # data, collisions
    (("data",), {}, "data", f"a table with tables {', '.join((*DATA, 'every_field', 'fields'))}", "an empty table"),
    (("data",), [], "data", f"a table with tables {', '.join((*DATA, 'every_field', 'fields'))}", "an array"),
    (("data", "rows"), 5, "data.rows", TABLE, "an integer"),
    (("data", "every_field"), {}, "data.every_field", f"a table with tables {', '.join(FIELD_DATA)}", "an empty table"),
    (("data", "fields"), {}, "data.fields", "a table [data.fields.NAME] for each field", "an empty table"),
    (("data", "fields"), ["carrier"], "data.fields", "a table [data.fields.NAME] for each field", "an array"),
    (("data", "fields", "ad"), {}, "data.fields.ad", f"a table with tables {', '.join(FIELD_DATA)}", "an empty table"),
    (("data", "fields", "a.b"), 1, "data.fields.a.b", f"a table with tables {', '.join(FIELD_DATA)}", "an integer"),
    (("data", "fields", ""), FIELD_TABLES, "data.fields.", "a string that is not empty", "an empty string"),
    (("data", "fields", 7), FIELD_TABLES, "data.fields.7", "a string that is not empty", "an integer"),
    (("data", "fields", "ad"), {"auc": {}}, "data.fields.ad.auc", TABLE, "an empty table"),
    (("collisions",), {}, "collisions", f"a table with tables {', '.join(COLLISIONS)}", "an empty table"),
    (("collisions", "values"), 0.1, "collisions.values", TABLE, "a number"),
    # directions
    (("directions",), [], "directions", "one or more tables [[directions]]", "an empty array"),
    (("directions", 3), [], "directions.3", "a table with field, from, to, expect, min_share", "an array"),
    (("directions", 0, "field"), 7, "directions.0.field", FIELD, "an integer"),
    (("directions", 0, "from"), None, "directions.0.from", SIDE, "null"),
    (("directions", 0, "from"), [1], "directions.0.from", SIDE, "an array"),
    (("directions", 0, "from"), math.nan, "directions.0.from", SIDE, NOT_FINITE),
    (("directions", 0, "to"), -math.inf, "directions.0.to", SIDE, NOT_FINITE),
    (("directions", 0, "to"), 10**5000, "directions.0.to", SIDE, NOT_FINITE),
    (("directions", 0, "to"), "\ud800", "directions.0.to", SIDE, "a lone surrogate"),
    (("directions", 0, "to"), date(2013, 1, 1), "directions.0.to", SIDE, "a date"),
    (("directions", 0, "expect"), "rise", "directions.0.expect", "one of increase, decrease", "'rise'"),
    (("directions", 0, "min_share"), 0, "directions.0.min_share", "a share above 0, at most 1", "0"),
    (("directions", 0, "min_share"), -0.1, "directions.0.min_share", "a share above 0, at most 1", "-0.1"),
    (("directions", 0, "min_share"), 1.5, "directions.0.min_share", "a share above 0, at most 1", "1.5"),
    (("directions", 0, "min_share"), 95, "directions.0.min_share", "a share above 0, at most 1", "95"),
    # switches
    (("reproducibility",), True, "reproducibility", "a table with same_digest = true or false", "a boolean"),
    (("reproducibility",), {}, "reproducibility", "a table with same_digest = true or false", "an empty table"),
    (("reproducibility", "same_digest"), 1, "reproducibility.same_digest", SWITCH, "an integer"),
    (("schema",), {}, "schema", "a table with breaking = true or false", "an empty table"),
    (("schema", "breaking"), "yes", "schema.breaking", SWITCH, "a string"),
]


def test_a_wrong_value_is_refused_with_its_place_and_what_is_allowed(put, subtests):
    for path, value, place, expected, found in WRONG:
        with subtests.test(path=path, found=found):
            assert problems_of(put(part(path[0]), path, value)) == [(place, expected, found)]


def test_what_is_no_table_is_no_contract(subtests):
    for document in (None, True, 7, "auc", [], [{"auc": {"min": 0.6}}], math.nan):
        with subtests.test(document=document):
            assert problems_of(document) == [("", "an object", "something else")]


def dotted(path):
    return ".".join(str(key) for key in path)


def test_an_unknown_key_is_refused_at_every_level(places, put):
    """Everywhere but where the names are the user's."""
    levels = 0
    for path in places(WHOLE):
        place = WHOLE
        for key in path:
            place = place[key]
        if isinstance(place, dict) and path != ("data", "fields"):
            document = put(part(path[0]) if path else WHOLE, (*path, "oops"), {"min": 0.5})
            [(at, expected, found)] = problems_of(document)
            assert at == dotted((*path, "oops"))
            assert expected.startswith("one of the keys ")
            assert found == "an unknown key"
            levels += 1
    assert levels > 50


OF_ANOTHER_KIND = [None, True, "x", 0.5, [], {}, [None], math.nan, math.inf, 10**400, date(2013, 1, 1)]


def kind(value):
    if isinstance(value, bool) or value is None:
        return type(value)
    if isinstance(value, (int, float)):
        return float if -1e308 < value < 1e308 else "no finite number"
    return type(value)


def test_a_value_of_another_kind_is_refused_at_every_place(places, put):
    """And the problem is of that place alone, or within it."""
    anything = {("directions", index, side) for index in range(3) for side in ("from", "to")}
    for path in list(places(WHOLE))[1:]:
        place = WHOLE
        for key in path:
            place = place[key]
        document = part(*path[:2]) if isinstance(WHOLE[path[0]], dict) else part(path[0])
        for value in OF_ANOTHER_KIND:
            if kind(value) != kind(place) and not (path in anything and kind(value) in (bool, str, float)):
                found = problems_of(put(document, path, value))
                assert [at for at, _, _ in found] == [dotted(path)], (path, value)


def test_what_a_rule_can_not_do_without_is_required(put, subtests):
    for path in (
        ("slices", 0, "field"),
        ("directions", 0, "field"),
        ("directions", 0, "from"),
        ("directions", 0, "to"),
        ("directions", 0, "expect"),
    ):
        with subtests.test(path=path):
            [(place, _, found)] = problems_of(put(part(path[0]), path, put.absent))
            assert (place, found) == (dotted(path), REQUIRED)


def test_everything_that_is_wrong_is_listed_at_once():
    document = {
        "auc": {},
        "log_loss": {"min": "x", "max": math.nan},
        "recall": {"min": 0.5},
        "change": {"confidence": 2, "replicates": 1, "log_loss": {"max": None}},
        "slices": [SLICE, {"seen": "hot", "min_rows": 0}, 7],
        "data": {"rows": {"low": 1}, "every_field": {"auc": 0.9}, "fields": {"ad": {"auc": {"min": True}}, "": {}}},
        "collisions": {"both": {}},
        "directions": [DIRECTION, {"field": 7, "expect": "up"}],
        "schema": {"breaking": 1},
        "reproducibility": False,
    }
    assert sorted(path for path, _, _ in problems_of(document)) == [
        "auc",
        "change.confidence",
        "change.log_loss.max",
        "change.replicates",
        "collisions.both",
        "data.every_field.auc",
        "data.fields.",
        "data.fields.ad.auc.min",
        "data.rows.low",
        "directions.1.expect",
        "directions.1.field",
        "directions.1.from",
        "directions.1.to",
        "log_loss.max",
        "log_loss.min",
        "recall",
        "reproducibility",
        "schema.breaking",
        "slices.1.field",
        "slices.1.min_rows",
        "slices.1.seen",
        "slices.2",
    ]


def test_all_that_is_wrong_with_one_slice_is_listed_at_once():
    rule = {"field": "ad", "seen": "cold", "values": ["x"]}
    assert [found for _, _, found in problems_of({"slices": [rule]})] == ["none", "both"]


def test_more_slices_than_calls_may_nest_are_read_and_the_wrong_ones_named():
    rules = [{"field": f"field {index}", "auc": {"min": 0.5}} for index in range(sys.getrecursionlimit() + 200)]
    assert [rule.field for rule in loaded({"slices": rules}).slices] == [rule["field"] for rule in rules]
    rules[17], rules[1_021] = {"field": "", "auc": {"min": 0.5}}, {"field": "ad", "auc": {"min": 1, "max": 0}}
    assert [path for path, _, _ in problems_of({"slices": rules})] == ["slices.17.field", "slices.1021.auc"]


SOMETHING = f"a threshold for at least one metric ({', '.join((*QUALITY, *COSTS))}), change or slice"


WITHOUT = [
    {},
    {"schema": {"breaking": True}},
    {"reproducibility": {"same_digest": True}},
    {"change": {"confidence": 0.9}},
    {"change": {"confidence": 0.9, "replicates": 1000}, "schema": {"breaking": True}},
    {"change": {"replicates": 1000}, "data": {"rows": {"min": 1}}},
    {"data": {"rows": {"min": 1}}, "collisions": {"values": {"max": 0.1}}},
    {"directions": [DIRECTION]},
    {key: WHOLE[key] for key in ("data", "collisions", "directions", "schema", "reproducibility")},
]


def test_a_contract_without_a_threshold_is_an_error(subtests):
    """Nothing of the model's quality would be asked, whatever else is."""
    for document in WITHOUT:
        with subtests.test(keys=list(document)):
            assert problems_of(document) == [("", SOMETHING, "none")]


NEEDED = {0.5: 100, 0.95: 100, 0.98: 100, 0.99: 200, 0.995: 400, 0.9972: 715, 0.999: 2000}
"""Of each confidence: the fewest replicates that it is taken with."""


def test_replicates_too_few_for_the_confidence_are_refused(subtests):
    for confidence, needed in NEEDED.items():
        with subtests.test(confidence=confidence):
            document = {"auc": {"min": 0.5}, "change": {"confidence": confidence, "replicates": needed}}
            assert loaded(document).replicates == needed
            document["change"]["replicates"] = needed - 1
            [(place, _, found)] = problems_of(document)
            assert (place, found) == ("change.replicates", str(needed - 1) if needed < 1000 else f"{needed - 1:,}")


@given(confidence=st.floats(0.5, 0.999), replicates=st.none() | st.integers(100, 2_500))
def test_what_is_accepted_gives_an_interval(confidence, replicates):
    change = {"confidence": confidence} | ({} if replicates is None else {"replicates": replicates})
    try:
        contract = loaded({"auc": {"min": 0.5}, "change": change})
    except DocumentError as error:
        assert [problem.path for problem in error.problems] == ["change.replicates"]
        return
    labels, ones = np.array([0, 1], np.int8), np.array([0.2, 0.7])
    compare(labels, ones, ones, confidence=contract.confidence, replicates=contract.replicates)


ONE_OF_EACH = {
    "auc": {"min": 0.5, "max": 1},
    "artefact_bytes": {"max": 1000},
    "change": {"confidence": 0.9, "replicates": 500, "normalized_entropy": CHANGE_TABLES["normalized_entropy"]},
    "slices": [
        {"field": "carrier", "values": ["UA", ""], "min_rows": 7, "allow_few_rows": True, "auc": {"min": 0.5}},
        {"field": "tailnum", "seen": "tail", "training_rows": 3, "change": {"auc": {"min": -0.01}}},
    ],
    "data": {"rows": {"min": 1}, "every_field": {"auc": {"max": 1}}, "fields": {"a.b": {"missing": {"max": 0.5}}}},
    "collisions": {"values": {"max": 0.1}},
    "directions": [{"field": "rain", "from": 0.0, "to": 5, "expect": "increase", "min_share": 0.5}],
    "reproducibility": {"same_digest": True},
    "schema": {"breaking": True},
}


@settings(max_examples=2 * settings.default.max_examples)
@given(data=st.data())
def test_no_document_raises_anything_but_a_document_error(data, anything, damaged):
    for document in (data.draw(anything), *damaged(data, ONE_OF_EACH)):
        try:
            contract = loaded(document)
        except DocumentError as error:
            assert error.document == "gate.toml"
            assert error.problems
            assert all(isinstance(text, str) for one in error.problems for text in (one.path, one.expected, one.found))
            continue
        assert contract.quality or contract.costs or contract.changes or contract.slices
        assert len(contract.sha256) == 64
        assert loaded(contract.document) == contract


def test_one_of_each_is_a_contract_before_it_is_damaged():
    assert loaded(ONE_OF_EACH).document == ONE_OF_EACH
