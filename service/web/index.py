"""``GET /``: what this is and where the endpoints are, as a page or as JSON, whichever is asked for."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, render_template, request

from service import __version__
from service.live import ModelSource
from service.web.formats import MEDIA_TYPES

ENDPOINTS = {
    "POST /predict": "probabilities for the instances in the body, in any of the formats",
    "GET /health": "200 when a verified model answers, 503 with the reason when not",
    "GET /health/live": "200 as long as the process answers",
    "GET /health/ready": "the same as /health",
}


def create_blueprint(model: ModelSource) -> Blueprint:
    """The blueprint of the front page."""
    blueprint = Blueprint("index", __name__, template_folder="templates")

    @blueprint.get("/")
    def index() -> Response:
        status = model.status()
        predictor = status.predictor
        fields = predictor.schema.fields if predictor else ()
        example = {"instances": [{field.name: None for field in fields if field.required}]}
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            page = render_template(
                "index.html",
                endpoints=ENDPOINTS,
                formats=MEDIA_TYPES,
                status=status,
                predictor=predictor,
                fields=fields,
                url=request.url_root,
                example=orjson.dumps(example).decode(),
            )
            return Response(page, mimetype="text/html")
        document = {
            "service": "andon",
            "code_version": __version__,
            "endpoints": ENDPOINTS,
            "formats": MEDIA_TYPES,
            "model": predictor.name if predictor else None,
            "version": predictor.version if predictor else None,
            "fields": {field.name: {"type": field.type, "required": field.required} for field in fields},
        }
        return Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), mimetype="application/json")

    return blueprint
