"""The service over HTTP: the application factory and its blueprints."""

from __future__ import annotations

from flask import Flask, request

from service.config import Settings
from service.core.predictor import Predictor
from service.live import LiveModel, PinnedModel
from service.store import Store
from service.web import docs, errors, health, index, invocations, openapi, prediction, tf_serving, v2, vertex
from service.web.audience import Audience
from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.formats.format import Bounds
from service.web.front import Front, Guard
from service.web.nowhere import Nowhere
from service.web.openapi import Describer
from service.web.shortcut import Shortcut
from service.web.stopping import Stopping
from service.web.tokens import Tokens, files_of

AUDIENCE = "andon.audience"
STOPPING = "andon.stopping"
"""Where an application holds those who hear of its requests, and the guard that says that it stops."""

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
    app.url_map.merge_slashes = False  # no redirect to a path that was not asked for, by a page that is none of ours
    model = PinnedModel(predictor) if predictor else _live(settings)
    render = errors.init_app(app, {tf_serving.PREFIX: tf_serving.render_failure, v2.PREFIX: v2.render_failure})
    audience = Audience(settings, model)
    stopping = Stopping(render, probe=settings.health_route)
    plane = DataPlane(model, _bounds(settings), listeners=audience.listeners)
    app.extensions.update({"andon": model, AUDIENCE: audience, STOPPING: stopping})
    app.before_request(_note_route)
    app.register_blueprint(vertex.create_blueprint(plane, settings))  # first: its routes come before our own
    app.register_blueprint(prediction.create_blueprint(plane))
    app.register_blueprint(v2.create_blueprint(plane))
    app.register_blueprint(tf_serving.create_blueprint(plane))
    app.register_blueprint(invocations.create_blueprint(plane, settings))
    app.register_blueprint(health.create_blueprint(model))
    app.register_blueprint(index.create_blueprint(model))
    tokens, admin_tokens = files_of(settings)
    kinds = {"token": tokens, "adminToken": admin_tokens}
    describer = Describer(model, plane.bounds, tokens=frozenset(kind for kind, file in kinds.items() if file))
    app.register_blueprint(openapi.create_blueprint(describer))
    app.register_blueprint(docs.create_blueprint(describer))
    if audience.metrics:
        app.register_blueprint(audience.metrics.blueprint())
    guards: list[Guard] = [stopping]
    if tokens or admin_tokens:
        guards.append(Tokens(tokens, admin_tokens, render=render, probe=settings.health_route))
    nowhere = Nowhere(app.wsgi_app, app.url_map, render)
    shortcut = Shortcut(nowhere, plane, paths=_predict_paths(settings))
    front = Front(shortcut, app.url_map, guards=guards, observers=audience.observers)
    app.wsgi_app = front  # type: ignore[method-assign]
    if isinstance(model, LiveModel):
        model.start(wait=min(START_SECONDS, settings.timeout / 3))  # without a model by then, /health says why
    return app


def close(app: Flask) -> None:
    """Write what its requests left behind. It answers no more of them."""
    app.extensions[AUDIENCE].close()


def _live(settings: Settings) -> LiveModel:
    return LiveModel(Store(settings.store), keep_seen=settings.metrics and settings.monitor_rows > 0)


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        max_rows=settings.max_rows,
        max_body_bytes=settings.max_body_bytes,
        max_columns=settings.max_columns,
        max_value_bytes=settings.max_value_bytes,
    )


def _predict_paths(settings: Settings) -> list[str]:
    """Where the one shape of request is answered that is the same in every protocol."""
    return [path for path in ("/predict", "/invocations", settings.predict_route) if path]


def _note_route() -> None:
    if request.url_rule is not None:
        call_of(request.environ).route = request.url_rule.rule
