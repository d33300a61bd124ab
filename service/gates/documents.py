"""A gate contract's TOML document, checked whole: the error lists every place that is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from operator import itemgetter
from typing import Any

import marshmallow as ma

from service.core.documents import Document, Strict, Text, fault, load_document
from service.core.features import is_finite
from service.errors import DocumentError, Problem
from service.gates.checks import Bound
from service.gates.contract import (
    COLLISIONS,
    COMPARED,
    CONFIDENCE,
    COSTS,
    DATA,
    FIELD_DATA,
    QUALITY,
    REPLICATES,
    ChangeBound,
    Contract,
    DataRules,
    Direction,
    SliceRule,
)
from service.gates.fields import AnyText, Count, Items, Keys, NamedTables, Number, OneOf, Table, checker

MAX_REPLICATES = 100_000


def load_contract(document: object, *, source: str) -> Contract:
    """The contract that a document describes.

    Raises:
        DocumentError: the document breaks a rule; it names ``source`` and lists every place.
    """
    given = load_document(_contract(), document, source=source)
    assert isinstance(document, Mapping)  # or it would not have been accepted
    change = given.get("change", {})
    contract = Contract(
        name=source,
        document=deepcopy(dict(document)),
        quality=_those(given, QUALITY),
        costs=_those(given, COSTS),
        changes=_those(change, COMPARED),
        **_those(change, ("confidence", "replicates")),
        **_those(given, ("slices", "data", "collisions", "directions")),
        reproducibility=given.get("reproducibility", False),
        breaking_schema=given.get("schema", False),
    )
    if not (contract.quality or contract.costs or contract.changes or contract.slices):
        expected = f"a threshold for at least one metric ({', '.join((*QUALITY, *COSTS))}), change or slice"
        raise DocumentError(document=source, problems=[Problem(expected=expected, found="none")])
    return contract


def _those(given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


# The tables, each with what it means


@cache
def _contract() -> Document:
    return checker(
        {
            **_bounds(QUALITY),
            **_bounds(COSTS),
            "change": Table(_with_tables(COMPARED), {**_comparison(), **_changes()}, _compared),
            "slices": Items("one or more tables [[slices]]", _slice_table()),
            "data": _data_table(),
            "collisions": Table(_with_tables(COLLISIONS), _bounds(COLLISIONS)),
            "directions": Items("one or more tables [[directions]]", _direction_table()),
            "reproducibility": _switch("same_digest"),
            "schema": _switch("breaking"),
        }
    )


def _with_tables(names: Iterable[str]) -> str:
    return f"a table with tables {', '.join(names)}"


def _bounds(metrics: Iterable[str]) -> Keys:
    expected = "a table with min, max or both"
    return {metric: Table(expected, {"min": Number(), "max": Number()}, _bound) for metric in metrics}


def _bound(given: Mapping[str, float], least: str = "min", most: str = "max") -> Bound:
    low, high = given.get(least), given.get(most)
    if low is not None and high is not None and low > high:
        raise fault(f"a {least} of at most {most}", f"{low:g} > {high:g}")
    return Bound(low=low, high=high)


def _changes() -> Keys:
    ends = ("min", "max", "min_relative", "max_relative")
    expected = "a table with min, max, min_relative or max_relative"
    return {metric: Table(expected, {end: Number() for end in ends}, _change_bound) for metric in COMPARED}


def _change_bound(given: Mapping[str, float]) -> ChangeBound:
    absolute, relative = _bound(given), _bound(given, "min_relative", "max_relative")
    return ChangeBound(
        absolute=None if absolute == Bound() else absolute, relative=None if relative == Bound() else relative
    )


def _comparison() -> Keys:
    return {
        "confidence": Number("a number from 0.5 to 0.999", bound=Bound(low=0.5, high=0.999)),
        "replicates": Count(f"a count from 100 to {MAX_REPLICATES}", low=100, high=MAX_REPLICATES),
    }


def _compared(given: dict[str, Any]) -> dict[str, Any]:
    confidence, replicates = given.get("confidence", CONFIDENCE), given.get("replicates", REPLICATES)
    needed = math.ceil(round(2.0 / (1.0 - confidence), 6))  # one resample beyond each end of the interval
    if replicates < needed:
        expected = f"at least {needed:,} for a confidence of {confidence:g}"
        raise ma.ValidationError({"replicates": [Problem(expected=expected, found=f"{replicates:,}")]})
    return given


def _slice_table() -> Table:
    keys = {
        "field": Text("the name of a field", required=True),
        "values": _Values(),
        "seen": OneOf("cold", "tail", "head"),
        "training_rows": Count("a number of rows, at least 1", low=1),
        "min_rows": Count("a number of rows, at least 1", low=1),
        "allow_few_rows": Strict(bool, "true or false"),
        **_bounds(QUALITY),
        "change": Table(_with_tables(COMPARED), _changes()),
    }
    return Table("a table with a field and thresholds", keys, _slice)


def _slice(given: Mapping[str, Any]) -> SliceRule:
    quality, changes = _those(given, QUALITY), given.get("change", {})
    wrong = []
    if not quality and not changes:
        expected = f"a threshold ({', '.join(QUALITY)} or change)"
        wrong.append(Problem(expected=expected, found="none"))
    if "seen" in given and "values" in given:
        wrong.append(Problem(expected="either values or seen", found="both"))
    if "training_rows" in given and "seen" not in given:
        wrong.append(Problem(expected="training_rows only with seen", found="training_rows without it"))
    if wrong:
        raise ma.ValidationError(wrong)
    others = _those(given, ("field", "values", "seen", "training_rows", "min_rows", "allow_few_rows"))
    return SliceRule(quality=quality, changes=changes, **others)


class _Values(Items):
    def __init__(self) -> None:
        super().__init__("a list of the field's values as text, each once", AnyText("a value as text"))

    def check(self, value: list[Any]) -> tuple[str, ...]:
        values: tuple[str, ...] = super().check(value)
        if len(set(values)) < len(values):
            raise fault(self.expected, "a value that comes twice")
        return values


def _data_table() -> Table:
    of_field = _with_tables(FIELD_DATA)
    keys = {
        **_bounds(DATA),
        "every_field": Table(of_field, _bounds(FIELD_DATA)),
        "fields": NamedTables("a table [data.fields.NAME] for each field", Table(of_field, _bounds(FIELD_DATA))),
    }
    return Table(_with_tables(keys), keys, _data)


def _data(given: Mapping[str, Any]) -> DataRules:
    every_field, fields = given.get("every_field", {}), given.get("fields", {})
    return DataRules(whole=_those(given, DATA), every_field=every_field, fields=fields)


def _direction_table() -> Table:
    keys = {
        "field": Text("the name of a field", required=True),
        "from": _Side(),
        "to": _Side(),
        "expect": OneOf("increase", "decrease", required=True),
        # A share of 0 would ask for nothing.
        "min_share": Number("a share above 0, at most 1", bound=Bound(low=math.ulp(0.0), high=1.0)),
    }
    return Table(f"a table with {', '.join(keys)}", keys, _direction)


def _direction(given: Mapping[str, Any]) -> Direction:
    others = _those(given, ("field", "expect", "min_share"))
    return Direction(before=given["from"], after=given["to"], **others)


class _Side(Strict):
    """A value as a client would send it; whether the field takes it, only its schema knows."""

    def __init__(self) -> None:
        super().__init__((str, int, float, bool), "a string, a finite number, true or false", required=True)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return value if isinstance(value, bool) else super()._deserialize(value, attr, data, **kwargs)

    def check(self, value: str | int | float) -> str | int | float:
        if isinstance(value, str):
            return AnyText(self.expected).check(value)
        if not is_finite(value):
            raise fault(self.expected, "NaN, an infinity or an integer too large")
        return value


def _switch(key: str) -> Table:
    keys = {key: Strict(bool, "true or false")}
    return Table(f"a table with {key} = true or false", keys, itemgetter(key))
