"""``POST /predict``: parse, ask the predictor, render."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from service.live import ModelSource


def create_blueprint(model: ModelSource, *, max_rows: int) -> Blueprint:
    """The blueprint that answers with what ``model`` gives, at most ``max_rows`` instances a request."""
    blueprint = Blueprint("prediction", __name__)

    @blueprint.post("/predict")
    def predict() -> Response:
        predictor = model.predictor()
        instances = predictor.request_document.check(_json_body(), max_rows=max_rows)
        answer = {
            "predictions": predictor.predict_rows(instances),
            "model": predictor.name,
            "version": predictor.version,
        }
        return Response(orjson.dumps(answer), mimetype="application/json")

    return blueprint


def _json_body() -> object:
    """The request's JSON document by RFC 8259: UTF-8, no NaN, no lone surrogates; of equal keys the last counts."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("expected the content type application/json (in UTF-8)")
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body without a content encoding")
    try:
        return orjson.loads(_body())
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None


def _body() -> bytes:
    try:
        data = request.get_data(cache=False)
        if len(data) == request.max_content_length and request.environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge  # of a chunked body, Werkzeug silently gives no more than the bound
    except HTTPException:
        raise
    except Exception as error:  # of a chunk that is malformed or never comes, each server has its own error
        raise BadRequest("the body can't be read to its end") from error
    return data
