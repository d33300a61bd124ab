"""``GET /``: what this is and where the endpoints are, as a page or as JSON, whichever is asked for."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request

from service import __version__
from service.live import ModelSource
from service.web.formats import MEDIA_TYPES
from service.web.pages import page

ENDPOINTS = {
    "POST /predict": "probabilities for the instances in the body, in any of the formats",
    "GET /v1/models": "the model's name (TensorFlow Serving, KServe v1)",
    "GET /v1/models/{model}": "whether it is ready, and the status of its version",
    "GET /v1/models/{model}/metadata": "its fields, as TensorFlow's signature",
    "POST /v1/models/{model}:predict": "probabilities for instances or inputs",
    "POST /v1/models/{model}/versions/{version}:predict": "the same, if this version answers",
    "POST /invocations": "probabilities for MLflow's JSON, or any of the formats (SageMaker, MLflow)",
    "GET /ping": "200 when a verified model answers, 503 when not (SageMaker, MLflow)",
    "GET /version": "the version of the service (MLflow)",
    "GET /execution-parameters": "what SageMaker's batch transform may send",
    "GET /v2": "the Open Inference Protocol; its models, their health and inference are below",
    "GET /health": "200 when a verified model answers, 503 with the reason when not",
    "GET /health/live": "200 as long as the process answers",
    "GET /health/ready": "the same as /health",
    "GET /metrics": "metrics for Prometheus, of all workers",
    "GET /docs": "every operation, to read and to try",
    "GET /openapi.json": "the same for programs, as OpenAPI 3.1",
}


def create_blueprint(model: ModelSource) -> Blueprint:
    """The blueprint of the front page."""
    blueprint = Blueprint("index", __name__)

    @blueprint.get("/")
    def index() -> Response:
        status = model.status()
        predictor = status.predictor
        fields = predictor.schema.fields if predictor else ()
        example = {"instances": [{field.name: None for field in fields if field.required}]}
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            return page(
                "index.html",
                endpoints=ENDPOINTS,
                formats=MEDIA_TYPES,
                status=status,
                predictor=predictor,
                fields=fields,
                url=request.url_root,
                example=orjson.dumps(example).decode(),
            )
        document = {
            "service": "andon",
            "status": "alive",  # by which KServe's client of protocol v1 knows a server
            "code_version": __version__,
            "endpoints": ENDPOINTS,
            "formats": MEDIA_TYPES,
            "model": predictor.name if predictor else None,
            "version": predictor.version if predictor else None,
            "fields": {field.name: {"type": field.type, "required": field.required} for field in fields},
        }
        return Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), mimetype="application/json")

    return blueprint
