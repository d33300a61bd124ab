"""``GET /openapi.json``: the service as an OpenAPI 3.1 document, for the model that answers now.

It is made when somebody asks for it, of ``descriptions``, and kept until another model answers: no prediction pays for
it (``docs/decisions/0010-openapi.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, request
from werkzeug.routing import Map

from service.core.predictor import Predictor
from service.live import ModelSource
from service.web.descriptions.document import describe
from service.web.formats.format import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The service with one model.

    Attributes:
        predictor: what answers in it; ``None``: nothing does.
        document: as plain data.
        body: the same as JSON.
        etag: another one for another body.
    """

    predictor: Predictor | None
    document: dict[str, Any]
    body: bytes
    etag: str


class Describer:
    """Describes the service with the model that answers, and keeps the latest description.

    Args:
        tokens: which security schemes are in force; without any, everything is open.
    """

    def __init__(self, model: ModelSource, bounds: Bounds, *, tokens: frozenset[str] = frozenset()) -> None:
        self._model = model
        self._bounds = bounds
        self._tokens = tokens
        self._latest: Description | None = None

    def describe(self, routes: Map) -> Description:
        """The description of an application with these routes, which never change once it answers."""
        predictor = self._model.status().predictor
        latest = self._latest
        if latest is None or latest.predictor is not predictor:
            document = describe(predictor, routes, max_rows=self._bounds.max_rows, tokens=self._tokens)
            body = orjson.dumps(document)
            etag = sha256(body).hexdigest()
            self._latest = latest = Description(predictor=predictor, document=document, body=body, etag=etag)
        return latest


def create_blueprint(describer: Describer) -> Blueprint:
    """The blueprint of the description."""
    blueprint = Blueprint("openapi", __name__)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        description = describer.describe(current_app.url_map)
        response = Response(description.body, mimetype="application/json")
        response.set_etag(description.etag)
        response.cache_control.no_cache = True  # who keeps it asks whether it is still the one
        if request.if_none_match.contains_weak(description.etag):
            response.status_code, response.data = HTTPStatus.NOT_MODIFIED, b""
        return response

    return blueprint
