"""The service over HTTP: the application factory and its blueprints."""

from __future__ import annotations

from flask import Flask, request

from service.config import Settings
from service.core.predictor import Predictor
from service.live import LiveModel, ModelSource, PinnedModel
from service.store import Store
from service.web import errors, health, index, invocations, prediction, tf_serving, v2, vertex
from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.formats.format import Bounds
from service.web.front import Front
from service.web.shortcut import Shortcut

START_SECONDS = 10.0
"""A start waits no longer for its model, and no longer than a third of gunicorn's timeout; then it is not ready yet."""


def create_app(settings: Settings | None = None, *, predictor: Predictor | None = None) -> Flask:
    """Put the application together; ``app.extensions["andon"]`` is its source of models.

    Args:
        settings: read from the environment, if not given.
        predictor: answer with this one for ever, instead of with the current version of the settings' store.
    """
    settings = settings or Settings.from_environ()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    model: ModelSource = PinnedModel(predictor) if predictor else _live(settings)
    app.extensions["andon"] = model
    errors.init_app(app, {tf_serving.PREFIX: tf_serving.render_failure, v2.PREFIX: v2.render_failure})
    plane = DataPlane(model, Bounds(max_rows=settings.max_rows, max_body_bytes=settings.max_body_bytes))
    app.before_request(_note_route)
    app.register_blueprint(vertex.create_blueprint(plane, settings))
    app.register_blueprint(prediction.create_blueprint(plane))
    app.register_blueprint(v2.create_blueprint(plane))
    app.register_blueprint(tf_serving.create_blueprint(plane))
    app.register_blueprint(invocations.create_blueprint(plane, settings))
    app.register_blueprint(health.create_blueprint(model))
    app.register_blueprint(index.create_blueprint(model))
    shortcut = Shortcut(app.wsgi_app, plane, paths=_predict_paths(settings))
    app.wsgi_app = Front(shortcut)  # type: ignore[method-assign]
    return app


def _predict_paths(settings: Settings) -> list[str]:
    """Where the one shape of request is answered that is the same in every protocol."""
    return [path for path in ("/predict", "/invocations", settings.predict_route) if path]


def _note_route() -> None:
    if request.url_rule is not None:
        call_of(request.environ).route = request.url_rule.rule


def _live(settings: Settings) -> LiveModel:
    model = LiveModel(Store(settings.store))
    model.start(wait=min(START_SECONDS, settings.timeout / 3))  # without a model by then, /health says why
    return model
