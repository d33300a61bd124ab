"""The kinds of values in the gate's documents: contracts and stored reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import marshmallow as ma

from service.core.documents import Document, Strict, Text, fault
from service.core.features import INT64_MAX, INT64_MIN, describe, is_finite
from service.gates.checks import Bound

Keys: TypeAlias = Mapping[str, ma.fields.Field[Any]]


def checker(keys: Keys) -> Document:
    """The check of a document with these keys and no others."""
    return cast("type[Document]", Document.from_dict(dict(keys)))()


class Number(Strict):
    """A finite number that keeps a bound, if there is one."""

    def __init__(self, expected: str = "a finite number", *, bound: Bound | None = None, **options: Any) -> None:
        super().__init__((int, float), expected, **options)
        self.bound = bound

    def check(self, value: float) -> float:
        if not is_finite(value):
            raise fault(self.expected, "NaN, an infinity or an integer too large")
        if self.bound is not None and not self.bound.holds(value):
            raise fault(self.expected, f"{value:g}")
        return value if INT64_MIN <= value <= INT64_MAX else float(value)  # orjson writes no larger integer


class Count(Strict):
    """An integer from ``low`` to ``high``."""

    def __init__(self, expected: str, *, low: int, high: int = INT64_MAX, **options: Any) -> None:
        super().__init__(int, expected, **options)
        self.bound = Bound(low=low, high=high)

    def check(self, value: int) -> int:
        if not self.bound.holds(value):
            raise fault(self.expected, str(value) if INT64_MIN <= value <= INT64_MAX else describe(value))
        return value


class OneOf(Text):
    """One of some words."""

    def __init__(self, *words: str, **options: Any) -> None:
        super().__init__(f"one of {', '.join(words)}", **options)
        self.words = words

    def check(self, value: str) -> str:
        if value not in self.words:
            raise fault(self.expected, repr(value))
        return value


class AnyText(Text):
    """A string that has a UTF-8 form; it may be empty."""

    def __init__(self, expected: str, **options: Any) -> None:
        super().__init__(expected, **options)

    def check(self, value: str) -> str:
        return super().check(value) if value else value


class Table(Strict):
    """A table with keys of its own.

    Args:
        make: gets the checked values by their keys, and gives what the table means or raises what is wrong with it.
    """

    def __init__(
        self, expected: str, keys: Keys, make: Callable[[dict[str, Any]], Any] = dict, **options: Any
    ) -> None:
        super().__init__(dict, expected, **options)
        self.document = checker(keys)
        self.make = make

    def check(self, value: dict[str, Any]) -> Any:
        if not value:
            raise fault(self.expected, "an empty table")
        return self.make(self.document.load(value))


class Items(Strict):
    """An array of items of one kind."""

    def __init__(self, expected: str, item: Strict, **options: Any) -> None:
        super().__init__(list, expected, **options)
        self.item = item

    def check(self, value: list[Any]) -> tuple[Any, ...]:
        if not value:
            raise fault(self.expected, "an empty array")
        return tuple(_each(enumerate(value), self.item.deserialize).values())


class NamedTables(Strict):
    """A table of tables; their names are the user's."""

    def __init__(self, expected: str, table: Table) -> None:
        super().__init__(dict, expected)
        self.table = table

    def check(self, value: dict[str, Any]) -> dict[str, Any]:
        if not value:
            raise fault(self.expected, "an empty table")
        return _each(((name, (name, table)) for name, table in value.items()), self._load)

    def _load(self, named: tuple[Any, Any]) -> Any:
        Text().deserialize(named[0])
        return self.table.deserialize(named[1])


def _each(items: Iterable[tuple[Any, Any]], load: Callable[[Any], Any]) -> dict[Any, Any]:
    """Every item loaded, by its index or name; or the faults of all that can't be."""
    loaded, faults = {}, {}
    for key, item in items:
        try:
            loaded[key] = load(item)
        except ma.ValidationError as error:
            faults[key] = error.messages
    if faults:
        raise ma.ValidationError(faults)
    return loaded
