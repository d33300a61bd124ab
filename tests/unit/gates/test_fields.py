"""The kinds of values in contracts and reports, at the ends of what JSON's integers of 64 bits can hold."""

import math

import marshmallow as ma
import pytest

from service.errors import Problem
from service.gates import Bound
from service.gates.fields import AnyText, Count, Items, NamedTables, Number, OneOf, Table, checker

LOWEST, HIGHEST = -(2**63), 2**63 - 1


KINDS = [(value, int) for value in (LOWEST, HIGHEST, 0)]
KINDS += [(value, float) for value in (0.5, LOWEST - 1, HIGHEST + 1, 2**70)]


def test_an_integer_that_no_report_can_hold_becomes_a_double(subtests):
    for value, kind in KINDS:
        with subtests.test(value=value):
            number = Number().deserialize(value)
            assert (number, type(number)) == (kind(value), kind)


REFUSED = [
    (Number("a share", bound=Bound(low=0, high=1)), 1.5, "a share", "1.5"),
    (Number("a share", bound=Bound(low=0, high=1)), -1, "a share", "-1"),
    (Number(), math.nan, "a finite number", "NaN, an infinity or an integer too large"),
    (Number("a share"), -math.inf, "a share", "NaN, an infinity or an integer too large"),
    (Number("a share"), 10**400, "a share", "NaN, an infinity or an integer too large"),
    (Number("a share"), "half", "a share", "a string"),
    (Count("a few", low=1), 1.0, "a few", "a number"),
    (OneOf("cold", "head"), "hot", "one of cold, head", "'hot'"),
    (AnyText("a note"), 1, "a note", "an integer"),
    (AnyText("a note"), "\ud800", "a note", "a lone surrogate"),
    (Table("a cut", {"share": Number()}), {}, "a cut", "an empty table"),
    (Items("some shares", Number()), [], "some shares", "an empty array"),
    (Items("some shares", Number()), 0.5, "some shares", "a number"),
    (NamedTables("cuts by name", Table("a cut", {"share": Number()})), {}, "cuts by name", "an empty table"),
]


def test_a_value_that_is_refused_is_shown_beside_what_was_expected(subtests):
    for kind, value, expected, found in REFUSED:
        with subtests.test(kind=type(kind).__name__, value=value):
            with pytest.raises(ma.ValidationError) as caught:
                kind.deserialize(value)
            assert caught.value.messages == [Problem(expected=expected, found=found)]


COUNTS = [
    (LOWEST, str(LOWEST)),
    (HIGHEST, str(HIGHEST)),
    (LOWEST - 1, "an integer out of range"),
    (HIGHEST + 1, "an integer out of range"),
]


def test_a_count_that_no_report_can_hold_is_not_written_out(subtests):
    for value, found in COUNTS:
        with subtests.test(value=value, found=found):
            with pytest.raises(ma.ValidationError) as caught:
                Count("a few", low=1, high=3).deserialize(value)
            assert caught.value.messages == [Problem(expected="a few", found=found)]


OPTIONAL = [
    lambda **options: Number(**options),
    lambda **options: Count("a few", low=1, **options),
    lambda **options: OneOf("cold", "head", **options),
    lambda **options: AnyText("a note", **options),
    lambda **options: Table("a cut", {"share": Number()}, **options),
    lambda **options: Items("some shares", Number(), **options),
]


def test_a_key_may_be_left_out_or_null_where_its_kind_says_so():
    for make in OPTIONAL:
        keys = checker({"key": make(required=False, load_default=None, allow_none=True)})
        assert keys.load({}) == keys.load({"key": None}) == {"key": None}


def test_a_text_may_be_empty_where_nothing_is_a_value():
    assert AnyText("a note").deserialize("") == ""
    assert AnyText("a note").deserialize("the night's batch") == "the night's batch"


def test_every_item_and_table_at_fault_is_named_by_its_place():
    shares = Items("some shares", Number("a share", bound=Bound(low=0, high=1)))
    with pytest.raises(ma.ValidationError) as caught:
        shares.deserialize([0.5, 2, "half"])
    assert caught.value.messages == {
        1: [Problem(expected="a share", found="2")],
        2: [Problem(expected="a share", found="a string")],
    }

    cuts = NamedTables("cuts by name", Table("a cut", {"share": Number("a share")}))
    with pytest.raises(ma.ValidationError) as caught:
        cuts.deserialize({"new": {"share": 1}, "old": {"share": "half"}, "": {"share": 1}})
    assert caught.value.messages["old"] == {"share": [Problem(expected="a share", found="a string")]}
    assert set(caught.value.messages) == {"old", ""}
