"""The whole description: the families' operations that the application has routes for, and their components."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from werkzeug.routing import Map

from service import __version__
from service.core.predictor import Predictor
from service.web.descriptions import FAMILIES
from service.web.descriptions.components import (
    ANSWERED_ID,
    REFUSALS,
    REQUEST_ID,
    SCHEMAS,
    SECURITY,
    TENSORS_BEHIND,
    path_parameters,
)
from service.web.descriptions.examples import Examples
from service.web.descriptions.family import SECURED_BY, Family, Fragment, reference
from service.web.descriptions.rows import describe_rows

OPENAPI = "3.1.0"

_PARAMETER = re.compile(r"<[^<>]*>|\{[^{}]*\}")


def describe(
    predictor: Predictor | None, routes: Map, *, max_rows: int, tokens: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The OpenAPI document, as plain data.

    Args:
        predictor: what answers; without it, a row may have any keys.
        routes: of the application.
        max_rows: how many a request may hold.
        tokens: which security schemes of ``components.SECURITY`` are in force.
    """
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Andon",
        version=__version__,
        openapi_version=OPENAPI,
        plugins=[plugin],
        info={"description": _about(predictor)},
    )
    describe_rows(spec, plugin, predictor, max_rows=max_rows)
    components = spec.components
    for name, schema in SCHEMAS.items():
        components.schema(name, schema)
    for name, value in Examples.of(predictor).bodies().items():
        components.example(name, {"value": value}, lazy=True)
    components.header("RequestId", ANSWERED_ID)
    components.parameter("RequestId", "header", REQUEST_ID)
    components.parameter("TensorsBehind", "header", TENSORS_BEHIND, lazy=True)
    for name, parameter in path_parameters(predictor).items():
        components.parameter(name, "path", parameter, lazy=True)
    for name in sorted(tokens):
        components.security_scheme(name, SECURITY[name])
    for family in FAMILIES:
        _describe_family(spec, family, routes, tokens)
    return spec.to_dict()


def shape_of(path: str) -> str:
    """A path, of Flask's or of OpenAPI's, without the names of its parameters."""
    return _PARAMETER.sub("{}", path)


def _about(predictor: Predictor | None) -> str:
    if predictor is None:
        return "No verified model answers at this moment. With one, the fields of its rows are described here."
    return f"The model that answers is {predictor.name}, version {predictor.version}."


def _describe_family(spec: APISpec, family: Family, routes: Map, tokens: frozenset[str]) -> None:
    had = {(shape_of(rule.rule), method) for rule in routes.iter_rules() for method in rule.methods or ()}
    paths = {**family.paths, **_by_endpoint(family, routes)}
    present = {
        path: {
            method: _operation(family, path, fragment, tokens)
            for method, fragment in operations.items()
            if (shape_of(path), method.upper()) in had
        }
        for path, operations in paths.items()
    }
    if not any(present.values()):
        return
    for path, operations in present.items():
        if operations:
            spec.path(path, operations=operations)
    spec.tag({"name": family.name, "description": family.about})
    for name, schema in family.schemas.items():
        if name not in spec.components.schemas:
            spec.components.schema(name, schema)


def _by_endpoint(family: Family, routes: Map) -> dict[str, Mapping[str, Fragment]]:
    """The operations whose paths are settings."""
    endpoints = family.endpoints
    return {rule.rule: endpoints[rule.endpoint] for rule in routes.iter_rules() if rule.endpoint in endpoints}


def _operation(family: Family, path: str, fragment: Fragment, tokens: frozenset[str]) -> Fragment:
    """The fragment with what every operation has: tag, parameters of the path, the request's id, what guards answer."""
    in_path = [parameter[1:-1] for parameter in _PARAMETER.findall(path)]
    parameters = [*in_path, *fragment.get("parameters", ()), "RequestId"]
    operation = {**fragment, "tags": [family.name], "parameters": parameters}
    responses = fragment["responses"]
    schemes = [name for one in operation.pop("security", [{SECURED_BY: []}]) for name in one if name in tokens]
    if schemes:
        operation["security"] = [{schemes[0]: []}]
        responses = {**responses, **family.failures(REFUSALS)}
    operation["responses"] = {status: _with_id(response) for status, response in responses.items()}
    return operation


def _with_id(response: Fragment) -> Fragment:
    return {**response, "headers": {**response.get("headers", {}), "X-Request-ID": reference("RequestId", "headers")}}
