"""What the service says of itself, described: the front page, this description, and the page to try it."""

from __future__ import annotations

from service.web.descriptions.family import PROBLEM, TEXT, Family, Fragment, record, reference

_HTML: Fragment = {"text/html": {"schema": TEXT}}

_INDEX: Fragment = {
    "operationId": "index",
    "summary": "What this is and where the endpoints are",
    "description": "JSON, or a page for a browser: whichever `Accept` prefers.",
    "responses": {
        "200": {
            "description": "The endpoints, the model and its fields.",
            "content": {"application/json": {"schema": reference("Index")}, **_HTML},
        }
    },
}

_DESCRIPTION: Fragment = {
    "operationId": "openapi",
    "summary": "This description, for the model that is loaded",
    "parameters": [
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of a description that is known already.",
            "schema": TEXT,
        }
    ],
    "responses": {
        "200": {
            "description": "An OpenAPI 3.1 document.",
            "headers": {
                "ETag": {"description": "Another one for another description.", "required": True, "schema": TEXT}
            },
            "content": {
                "application/json": {
                    "schema": {"type": "object", "required": ["openapi", "info", "paths"]},
                }
            },
        },
        "304": {"description": "It is the one that is known already."},
    },
}

_DOCS: Fragment = {
    "operationId": "docs",
    "summary": "This description as a page, to read and to try",
    "responses": {"200": {"description": "The page.", "content": _HTML}},
}

PAGES = Family(
    name="Pages",
    about="What the service says of itself.",
    failures=PROBLEM,
    paths={"/": {"get": _INDEX}, "/openapi.json": {"get": _DESCRIPTION}, "/docs": {"get": _DOCS}},
    schemas={
        "Index": record(
            {
                "service": {"const": "andon"},
                "code_version": TEXT,
                "endpoints": {"type": "object", "additionalProperties": TEXT},
                "formats": {"type": "array", "items": TEXT},
                "model": {"type": ["string", "null"]},
                "version": {"type": ["string", "null"]},
                "fields": {
                    "type": "object",
                    "additionalProperties": record({"type": TEXT, "required": {"type": "boolean"}}),
                },
            },
            {"status": {"const": "alive"}},
        ),
    },
)
