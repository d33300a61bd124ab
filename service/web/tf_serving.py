"""``/v1``: the REST API of TensorFlow Serving, which is KServe's protocol v1.

Where the two differ, an answer holds what either client looks for. What a request may hold, and what of TensorFlow's
has no meaning here, is in ``docs/protocols.md``.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from service.core.documents import Strict, fault
from service.core.features import FieldType
from service.core.predictor import Predictor
from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.envelope import Envelope, Rows
from service.web.errors import Failure
from service.web.exchange import Reply, receive, reply
from service.web.formats import json
from service.web.frames import predict_columns, predict_records

PREFIX = "/v1"
MODEL = f"{PREFIX}/models/<name>"
VERSION = f"{MODEL}/versions/<version>"
VERB = ":predict"

SIGNATURE = "serving_default"
"""TensorFlow's name for the signature that is meant where a request names none."""

DTYPES: dict[FieldType, str] = {
    "string": "DT_STRING",
    "integer": "DT_INT64",
    "boolean": "DT_BOOL",
    "number": "DT_DOUBLE",
}


class _Signature(Strict):
    def __init__(self) -> None:
        super().__init__(str, f"{SIGNATURE}, the only signature there is", allow_none=True)

    def check(self, value: str) -> str:
        if value not in ("", SIGNATURE):
            raise fault(self.expected, "another name")
        return value


class PredictDocument(Envelope):
    """The body of ``:predict``: ``instances`` are rows, ``inputs`` are columns, or rows in KServe's way."""

    ROWS = ("instances", "inputs")

    signature_name = _Signature()
    instances = Rows()
    inputs = Rows()


def create_blueprint(plane: DataPlane) -> Blueprint:
    """The blueprint of ``/v1``, over what the data plane gives."""
    blueprint = Blueprint("tf_serving", __name__)
    envelope = PredictDocument()

    @blueprint.get(f"{PREFIX}/models")
    def models() -> Response:
        predictor = plane.status().predictor
        return _document({"models": [predictor.name] if predictor else []})

    @blueprint.get(MODEL)
    @blueprint.get(VERSION)
    def model(name: str, version: str | None = None) -> Response:
        if (version or name).endswith(VERB):
            raise MethodNotAllowed(valid_methods=["POST"])
        predictor = plane.named(call_of(request.environ), name, version)
        status = {"error_code": "OK", "error_message": ""}
        versions = [{"version": predictor.version, "state": "AVAILABLE", "status": status}]
        return _document({"name": predictor.name, "ready": True, "model_version_status": versions})

    @blueprint.get(f"{MODEL}/metadata")
    @blueprint.get(f"{VERSION}/metadata")
    def metadata(name: str, version: str | None = None) -> Response:
        return _document(_metadata(plane.named(call_of(request.environ), name, version)))

    @blueprint.post(MODEL + VERB)
    @blueprint.post(VERSION + VERB)
    def predict(name: str, version: str | None = None) -> Response:
        call = call_of(request.environ)
        predictor = plane.named(call, name, version)
        body = receive(plane, request.environ)
        answer = plane.predict_json(call, predictor, body)
        if answer is not None:
            return reply(answer, json.FORMAT, predictor)
        key, rows = envelope.open(body)
        if key == "instances" or isinstance(rows, list):
            return reply(predict_records(plane, call, predictor, key, rows), json.FORMAT, predictor)
        answer = predict_columns(plane, call, predictor, key, rows)
        return _document({"outputs": answer, "model": predictor.name, "version": predictor.version})

    return blueprint


@lru_cache(maxsize=8)
def predict_routes(model: str, version: str) -> dict[str, str]:
    """For each path at which this version predicts, as WSGI has it, the rule that matches it.

    A name with a slash is within no path: none of the rules would match it.
    """
    if "/" in model or "/" in version:
        return {}
    paths = {MODEL: f"{PREFIX}/models/{model}", VERSION: f"{PREFIX}/models/{model}/versions/{version}"}
    return {(path + VERB).encode().decode("latin-1"): rule + VERB for rule, path in paths.items()}


def render_failure(failure: Failure) -> Response:
    """``{"error": text}``; both answer 400 to whatever is wrong with a request's values."""
    status = HTTPStatus.BAD_REQUEST if failure.status == HTTPStatus.UNPROCESSABLE_ENTITY else failure.status
    text = "; ".join([failure.detail, *map(str, failure.problems)])
    return Response(orjson.dumps({"error": text}), status=status.value, mimetype="application/json")


def _metadata(predictor: Predictor) -> dict[str, Any]:
    """TensorFlow's ``GetModelMetadataResponse``: a field is an input of one dimension, the rows."""
    inputs = {field.name: _tensor(field.name, DTYPES[field.type]) for field in predictor.schema.fields}
    outputs = {"probability": _tensor("probability", DTYPES["number"])}
    signature = {"inputs": inputs, "outputs": outputs, "method_name": "tensorflow/serving/predict"}
    return {
        "model_spec": {"name": predictor.name, "signature_name": "", "version": predictor.version},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},
    }


def _tensor(name: str, dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}, "name": name}


def _document(document: dict[str, Any]) -> Reply:
    return Reply(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), "application/json")
