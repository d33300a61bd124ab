"""The routes that Vertex AI asks a container for, by the names that it gives them.

They come before our own of the same path: what a platform asks for is what it gets there.
"""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request

from service.config import Settings
from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.envelope import Envelope, NoParameters, Rows
from service.web.exchange import Reply, receive, reply
from service.web.formats import acceptable, format_of, json
from service.web.frames import predict_records


class PredictDocument(Envelope):
    """The body of a prediction request: that of ``/predict``, and parameters, which a model of ours has none of."""

    ROWS = ("instances",)

    instances = Rows()
    parameters = NoParameters()


def create_blueprint(plane: DataPlane, settings: Settings) -> Blueprint:
    """The blueprint of the routes in the settings, with no route where they name none."""
    blueprint = Blueprint("vertex", __name__)
    envelope = PredictDocument()

    def health() -> Response:
        predictor = plane.predictor(call_of(request.environ))
        return Reply(orjson.dumps({"status": "ok", "model": predictor.name}), "application/json")

    def predict() -> Response:
        environ = request.environ
        call = call_of(environ)
        predictor = plane.predictor(call)
        given = format_of(environ.get("CONTENT_TYPE"))
        wanted = acceptable(environ.get("HTTP_ACCEPT"), given)
        body = receive(plane, environ)
        if given is not json.FORMAT:
            return reply(plane.predict(call, predictor, given, body), wanted, predictor)
        answer = plane.predict_json(call, predictor, body)
        if answer is None:
            answer = predict_records(plane, call, predictor, *envelope.open(body))
        return reply(answer, wanted, predictor)

    if settings.health_route:
        blueprint.add_url_rule(settings.health_route, view_func=health, methods=["GET"])
    if settings.predict_route:
        blueprint.add_url_rule(settings.predict_route, view_func=predict, methods=["POST"])
    return blueprint
