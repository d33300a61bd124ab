"""``POST /predict``: parse, ask the predictor, render."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from service.live import ModelSource


def create_blueprint(model: ModelSource, *, max_rows: int) -> Blueprint:
    """The blueprint that answers with what ``model`` gives, at most ``max_rows`` instances a request."""
    blueprint = Blueprint("prediction", __name__)

    @blueprint.post("/predict")
    def predict() -> Response:
        predictor = model.predictor()
        body = _json_body()
        instances = predictor.request_document.check(body)
        if len(instances) > max_rows:
            raise RequestEntityTooLarge(f"expected at most {max_rows} instances, found {len(instances)}")
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
    data = request.get_data(cache=False)
    if len(data) == request.max_content_length and request.environ["wsgi.input"].read(1):
        raise RequestEntityTooLarge  # of a chunked body, Werkzeug silently gives no more than the bound
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
