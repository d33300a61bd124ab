"""What the operations of one protocol have in common in the description, and the fragments that they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Fragment: TypeAlias = dict[str, Any]
"""A part of an OpenAPI document, as plain data."""

SECURED_BY = "token"
"""The security scheme of every operation that does not name another, if the service has tokens at all."""

ADMIN_BY = "adminToken"
"""That of the operations for those who run the service."""

OPEN: list[Any] = []
"""The ``security`` of an operation that takes no token: a probe's."""


TEXT: Fragment = {"type": "string"}
COUNT: Fragment = {"type": "integer", "minimum": 0}
NUMBER: Fragment = {"type": "number"}
PROBABILITY: Fragment = {"type": "number", "minimum": 0, "maximum": 1}
PROBABILITIES: Fragment = {"type": "array", "items": PROBABILITY}

HEADERS: dict[int, Fragment] = {
    401: {"headers": {"WWW-Authenticate": {"description": "Which token.", "required": True, "schema": TEXT}}},
    403: {"headers": {"WWW-Authenticate": {"description": "Which token.", "required": True, "schema": TEXT}}},
    503: {"headers": {"Retry-After": {"description": "In how many seconds.", "required": True, "schema": COUNT}}},
}
"""What an answer of a status has beside its body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The form in which a protocol has its errors: a media type, and the name of a schema among the components."""

    media_type: str
    schema: str

    def __call__(self, descriptions: Mapping[int, str]) -> Fragment:
        """The responses of these statuses, each with what it means."""
        content = {self.media_type: {"schema": reference(self.schema)}}
        return {
            str(status): {"description": text, "content": content, **HEADERS.get(status, {})}
            for status, text in descriptions.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The operations of one protocol.

    Attributes:
        name: their tag.
        about: what they are for, in a sentence.
        failures: the form of their errors.
        paths: for each path, with its parameters in braces, its operations by their methods. Parameters of the path
            need not be described where they are among ``components.path_parameters``.
        endpoints: operations by the names of Flask's endpoints, where their paths are settings.
        schemas: the components that belong to these operations alone.
    """

    name: str
    about: str
    failures: Failures
    paths: Mapping[str, Mapping[str, Fragment]] = field(default_factory=dict)
    endpoints: Mapping[str, Mapping[str, Fragment]] = field(default_factory=dict)
    schemas: Mapping[str, Fragment] = field(default_factory=dict)


def reference(name: str, kind: str = "schemas") -> Fragment:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def example(name: str) -> Fragment:
    """The examples of a body: one, of ``examples``, which apispec knows by its name."""
    return {"row": name}


def json_answer(description: str, schema: str | Fragment, **more: Any) -> Fragment:
    """The response of an operation that answers in JSON."""
    fragment = reference(schema) if isinstance(schema, str) else schema
    return {"200": {"description": description, "content": {"application/json": {"schema": fragment, **more}}}}


def record(required: Mapping[str, Fragment], optional: Mapping[str, Fragment] | None = None, **more: Any) -> Fragment:
    """The schema of an object with these keys and no others."""
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": [*required], "properties": properties, "additionalProperties": False, **more}


PROBLEM = Failures(media_type="application/problem+json", schema="Problem")
"""RFC 9457, for all that is no protocol of somebody else's."""

ERROR_TEXT = Failures(media_type="application/json", schema="ErrorText")
"""``{"error": text}``, as the Open Inference Protocol and TensorFlow Serving have it."""
