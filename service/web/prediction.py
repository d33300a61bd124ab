"""``POST /predict``: parse, ask the predictor, render."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.exchange import receive, reply
from service.web.formats import acceptable, format_of


def create_blueprint(plane: DataPlane) -> Blueprint:
    """The blueprint that answers with what the data plane gives."""
    blueprint = Blueprint("prediction", __name__)

    @blueprint.post("/predict")
    def predict() -> Response:
        environ = request.environ
        call = call_of(environ)
        predictor = plane.predictor(call)
        given = format_of(environ.get("CONTENT_TYPE"))
        wanted = acceptable(environ.get("HTTP_ACCEPT"), given)
        answer = plane.predict(call, predictor, given, receive(plane, environ))
        return reply(answer, wanted, predictor)

    return blueprint
