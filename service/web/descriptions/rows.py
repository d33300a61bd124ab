"""The schemas of a row and of a request, which apispec makes of the marshmallow classes that check them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marshmallow as ma
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from service.core.documents import FeatureValue, Instances, RequestDocument
from service.core.features import EXPECTED, INT64_MAX, INT64_MIN, FieldType, Schema
from service.core.predictor import Predictor
from service.web.descriptions.examples import example_of
from service.web.descriptions.family import Fragment

LARGEST = 1.7976931348623157e308
"""A number beyond the largest double is none for the service, though JSON knows no such bound."""

TYPES: dict[FieldType, Fragment] = {
    "string": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"], "format": "int64", "minimum": INT64_MIN, "maximum": INT64_MAX},
    "boolean": {"type": ["boolean", "null"]},
    "number": {"type": ["number", "null"], "format": "double", "minimum": -LARGEST, "maximum": LARGEST},
}
"""What a field takes, by its type: ``features.EXPECTED`` in JSON Schema."""

_NO_FIELDS = Schema(name="", label="", timestamp=None, n_buckets=0, fields=())


def describe_rows(spec: APISpec, plugin: MarshmallowPlugin, predictor: Predictor | None, *, max_rows: int) -> None:
    """Add the components ``Instance`` and ``Request``; without a model, a row is any object.

    Args:
        plugin: that of the ``spec``.
        max_rows: how many a request may hold.
    """
    converter: Any = plugin.converter
    converter.add_attribute_function(_value)
    converter.add_attribute_function(_rows(max_rows))
    checks = RequestDocument(_NO_FIELDS) if predictor is None else predictor.request_document
    spec.components.schema("Instance", schema=checks.instance)
    spec.components.schema("Request", schema=checks.body)


def _value(converter: object, field: ma.fields.Field[Any], **_: object) -> Fragment:
    if not isinstance(field, FeatureValue):
        return {}
    feature = field.feature
    return {**TYPES[feature.type], "description": EXPECTED[feature.type], "examples": [example_of(feature)]}


def _rows(max_rows: int) -> Callable[..., Fragment]:
    def rows(converter: Any, field: ma.fields.Field[Any], **_: object) -> Fragment:
        if not isinstance(field, Instances):
            return {}
        items = converter.resolve_nested_schema(field.instance)
        return {"type": "array", "minItems": 1, "maxItems": max_rows, "items": items}

    return rows
