"""What an inference request looks like, whatever the model: the JSON of it, or what comes before its binary data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from service.core.documents import Document, Strict, Text, fault, problems
from service.core.features import describe
from service.errors import InvalidRequest, Problem
from service.web.v2.metadata import OUTPUT

MAX_INPUTS = 10_000
MAX_SIZE = 2**63 - 1

_NONE: dict[str, Any] = {}
_SCALARS = frozenset({str, int, float, bool})


class _Parameters(Strict):
    """An object of scalars. Of names and values that a client chose, no message says any."""

    def __init__(self) -> None:
        expected = "an object of strings, numbers and booleans"
        super().__init__(dict, expected, load_default=dict, allow_none=True)

    def deserialize(self, value: Any, *given: Any, **options: Any) -> dict[str, Any]:
        """None of them, where they are null."""
        parameters: dict[str, Any] | None = super().deserialize(value, *given, **options)
        return parameters or {}

    def check(self, value: dict[str, Any]) -> dict[str, Any]:
        for item in value.values():
            if isinstance(item, (dict, list)):
                raise fault(self.expected, f"{describe(item)} in it")
        return {name: item for name, item in value.items() if item is not None}


class _OutputParameters(_Parameters):
    def check(self, value: dict[str, Any]) -> dict[str, Any]:
        parameters = super().check(value)
        for unsupported in ("classification", "shared_memory_region"):
            if unsupported in parameters:
                raise fault("parameters that this service knows", unsupported)
        return _with_flag(parameters, "binary_data")


class _RequestParameters(_Parameters):
    def check(self, value: dict[str, Any]) -> dict[str, Any]:
        return _with_flag(super().check(value), "binary_data_output")


def _with_flag(parameters: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(parameters.get(name, False), bool):
        raise fault(f"{name}: true or false", describe(parameters[name]))
    return parameters


class _Shape(Strict):
    def __init__(self) -> None:
        super().__init__(list, "an array of integers from 0 on", required=True)

    def check(self, value: list[Any]) -> list[int]:
        if not all(type(size) is int and 0 <= size <= MAX_SIZE for size in value):
            raise fault(self.expected, "an array with something else in it")
        return value


class _OutputName(Strict):
    def __init__(self) -> None:
        super().__init__(str, f"the model's output, {OUTPUT}", required=True)

    def check(self, value: str) -> str:
        if value != OUTPUT:
            raise fault(self.expected, "another name")
        return value


class _Lenient(Document):
    """Clients send keys of their own."""

    class Meta:
        unknown = ma.EXCLUDE


class InputDocument(_Lenient):
    """One input tensor."""

    name = Text(required=True)
    shape = _Shape()
    datatype = Text("the name of a datatype", required=True)
    parameters = _Parameters()
    data = Strict(list, "an array, or binary data behind the JSON", load_default=None)


class OutputDocument(_Lenient):
    """One output that is asked for."""

    name = _OutputName()
    parameters = _OutputParameters()


class _Items(Strict):
    """An array of objects."""

    def __init__(self, item: type[_Lenient], expected: str, *, most: int, **options: Any) -> None:
        super().__init__(list, expected, **options)
        self.item = item(many=True)
        self.most = most

    def check(self, value: list[Any]) -> list[dict[str, Any]]:
        if len(value) > self.most:
            raise fault(self.expected, f"{len(value)} of them")
        loaded: list[dict[str, Any]] = self.item.load(value)
        return loaded


class _Inputs(_Items):
    """Those that are surely inputs are not looked at by marshmallow, which takes longer for each than all the rest."""

    def check(self, value: list[Any]) -> list[dict[str, Any]]:
        if len(value) <= self.most and all(map(surely_input, value)):
            return [{"parameters": {}, "data": None, **each} for each in value]
        return super().check(value)


def surely_input(item: object) -> bool:
    """Whether ``InputDocument`` would take an item, and its keys as they are."""
    if type(item) is not dict:
        return False
    name, datatype, shape = item.get("name"), item.get("datatype"), item.get("shape")
    parameters, data = item.get("parameters", _NONE), item.get("data")
    return (
        (type(name) is str and name != "" and type(datatype) is str and datatype != "")
        and (type(shape) is list and all(type(size) is int and 0 <= size <= MAX_SIZE for size in shape))
        and (type(parameters) is dict and all(type(each) in _SCALARS for each in parameters.values()))
        and (data is None or type(data) is list)
    )


class InferenceDocument(_Lenient):
    """An inference request."""

    id = Strict(str, "a string", load_default=None)
    parameters = _RequestParameters()
    inputs = _Inputs(InputDocument, "an array of the model's inputs", most=MAX_INPUTS, required=True)
    outputs = _Items(OutputDocument, f"an array of the model's output, {OUTPUT}", most=1, load_default=None)


_DOCUMENT = InferenceDocument()


def check(document: object) -> Mapping[str, Any]:
    """The request's keys, defaults for those that are not there.

    Raises:
        InvalidRequest: it lists every place that is wrong.
    """
    if not isinstance(document, dict):
        raise InvalidRequest([Problem(expected="an object with the key inputs", found=describe(document))])
    try:
        values: Mapping[str, Any] = _DOCUMENT.load(document)
    except ma.ValidationError as error:
        raise InvalidRequest(problems(error.messages)) from None
    return values
