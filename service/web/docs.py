"""``GET /docs``: the description as a page, to read and to try. It needs no network and, to be read, no script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request

from service.web.openapi import Describer
from service.web.pages import page

Document = Mapping[str, Any]


def create_blueprint(describer: Describer) -> Blueprint:
    """The blueprint of the page."""
    blueprint = Blueprint("docs", __name__)

    @blueprint.get("/docs")
    def docs() -> Response:
        document = describer.describe(current_app.url_map).document
        return page("docs.html", script="docs.js", root=request.script_root, **view(document))

    return blueprint


def view(document: Document) -> dict[str, Any]:
    """What the page shows of an OpenAPI document."""
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    instance = schemas["Instance"]
    return {
        "about": document["info"]["description"],
        "version": document["info"]["version"],
        "groups": [
            {"name": tag["name"], "about": tag["description"], "operations": list(_operations(document, tag["name"]))}
            for tag in document["tags"]
        ],
        "fields": [
            {
                "name": name,
                "about": schema["description"],
                "required": name in instance.get("required", ()),
                "example": _text(schema["examples"][0]),
            }
            for name, schema in instance["properties"].items()
        ],
        "schemas": {name: _text(schema) for name, schema in schemas.items()},
    }


def _operations(document: Document, tag: str) -> list[dict[str, Any]]:
    return [
        _operation(document, path, method, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if tag in operation["tags"]
    ]


def _operation(document: Document, path: str, method: str, operation: Document) -> dict[str, Any]:
    bodies = _bodies(document, operation.get("requestBody", {}))
    answers = [
        {"status": status, "about": response["description"], "bodies": _bodies(document, response)}
        for status, response in operation["responses"].items()
    ]
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "about": operation.get("description"),
        "token": "security" in operation,
        "parameters": [_parameter(_resolved(document, each)) for each in operation["parameters"]],
        "bodies": bodies,
        "written": [body for body in bodies if body["example"] is not None],
        "answers": answers,
        "accepts": [body["type"] for answer in answers if answer["status"] == "200" for body in answer["bodies"]],
    }


def _parameter(parameter: Document) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "about": parameter["description"],
        "example": next(iter(parameter["schema"].get("enum", ())), ""),
    }


def _bodies(document: Document, holder: Document) -> list[dict[str, Any]]:
    """The formats of a request or a response, each with its schema's name or what is said of it."""
    bodies = []
    for media_type, content in holder.get("content", {}).items():
        schema = content.get("schema", {})
        examples = [_resolved(document, each)["value"] for each in content.get("examples", {}).values()]
        bodies.append(
            {
                "type": media_type,
                "schema": schema.get("$ref", "").rpartition("/")[2],
                "about": schema.get("description", ""),
                "example": _text(examples[0]) if examples else None,
            }
        )
    return bodies


def _resolved(document: Document, part: Document) -> Document:
    """The component that a reference means; what is no reference is itself."""
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    component: Document = document["components"][kind][name]
    return component


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
