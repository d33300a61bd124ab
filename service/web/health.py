"""``/health``: whether the process answers (live) and whether it has a verified model to answer with (ready)."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response

from service import __version__
from service.errors import NoModel
from service.live import ModelSource
from service.revision import revision


def create_blueprint(model: ModelSource) -> Blueprint:
    """The blueprint that reports on what ``model`` gives. Readiness is fail-closed: no verified model is a 503."""
    blueprint = Blueprint("health", __name__, url_prefix="/health")
    andon = {"version": __version__, "revision": revision()}

    @blueprint.get("", endpoint="health")
    @blueprint.get("/ready", endpoint="ready")
    def ready() -> Response:
        status = model.status()
        if status.predictor is None:
            raise NoModel(status.reason)
        predictor = status.predictor
        answer: dict[str, object] = {"status": "ok", "model": predictor.name, "version": predictor.version}
        if status.refused is not None:
            answer["refused"] = status.refused
        if status.refusals:
            answer["refusals"] = status.refusals
        if status.override is not None:
            answer["override"] = status.override
        answer["andon"] = andon
        return _answer(answer)

    @blueprint.get("/live", endpoint="live")
    def live() -> Response:
        return _answer({"status": "ok"})

    return blueprint


def _answer(document: dict[str, object]) -> Response:
    response = Response(orjson.dumps(document), mimetype="application/json")
    response.cache_control.no_store = True
    return response
