"""``/v2``: the Open Inference Protocol over REST, as KServe, Triton and MLServer speak it.

A request is tensors, one a field. They become columns of the core and take the one path that every protocol takes.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.exchange import receive
from service.web.v2 import inference, metadata, tensors
from service.web.v2.answers import answer, failure

PREFIX = "/v2"

render_failure = failure
"""How the protocol has its errors: what ``errors.init_app`` takes for the paths below ``PREFIX``."""


def create_blueprint(plane: DataPlane) -> Blueprint:
    """The blueprint that answers with what the data plane gives."""
    blueprint = Blueprint("v2", __name__, url_prefix=PREFIX)

    @blueprint.get("")
    def server() -> Response:
        return answer(metadata.server())

    @blueprint.get("/health/live")
    def live() -> Response:
        return answer({"live": True})

    @blueprint.get("/health/ready")
    def ready() -> Response:
        plane.predictor(call_of(request.environ))
        return answer({"ready": True})

    @blueprint.get("/models/<model>")
    @blueprint.get("/models/<model>/versions/<version>")
    def model_metadata(model: str, version: str | None = None) -> Response:
        return answer(metadata.model(plane.named(call_of(request.environ), model, version)))

    @blueprint.get("/models/<model>/ready")
    @blueprint.get("/models/<model>/versions/<version>/ready")
    def model_ready(model: str, version: str | None = None) -> Response:
        return answer({"name": plane.named(call_of(request.environ), model, version).name, "ready": True})

    @blueprint.post("/models/<model>/infer")
    @blueprint.post("/models/<model>/versions/<version>/infer")
    def infer(model: str, version: str | None = None) -> Response:
        environ = request.environ
        call = call_of(environ)
        predictor = plane.named(call, model, version)
        given = inference.read(receive(plane, environ), environ.get(inference.HEADER_LENGTH))
        columns = tensors.columns(given, predictor.schema, plane.bounds)
        answer = plane.predict_columns(call, predictor, columns, place=tensors.place_of)
        return inference.render(answer, predictor, given)

    return blueprint
