"""The service over HTTP: the application factory and its blueprints."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from flask import Flask, request

from service.config import Settings
from service.core.predictor import Predictor
from service.errors import ConfigError
from service.live import LiveModel, ModelSource, PinnedModel
from service.store import Store
from service.web import errors, health, index, invocations, pages, prediction, tf_serving, v2, vertex
from service.web.access_log import AccessLog
from service.web.calls import call_of
from service.web.dataplane import DataPlane, Listener
from service.web.formats.format import Bounds
from service.web.front import Front, Guard, Observer
from service.web.logs import is_json
from service.web.request_log import RequestLog
from service.web.shortcut import Shortcut
from service.web.stopping import Stopping
from service.web.tokens import Tokens, files_of

CLOSING = "andon.closing"
"""Where an application holds what is to be called at its end."""

STDERR = 2
"""The descriptor of standard error."""

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
    closing: list[Callable[[], None]] = []
    model: ModelSource = PinnedModel(predictor) if predictor else _live(settings)
    app.extensions["andon"] = model
    render = errors.init_app(app, {tf_serving.PREFIX: tf_serving.render_failure, v2.PREFIX: v2.render_failure})
    pages.init_app(app)
    listeners: list[Listener] = []
    if settings.request_log is not None:
        request_log = RequestLog(
            settings.request_log,
            share=settings.request_log_share,
            most_bytes=settings.request_log_bytes,
            most_files=settings.request_log_files,
            most_body_bytes=settings.max_body_bytes,
        )
        request_log.start()
        listeners.append(request_log)
        closing.append(request_log.close)
    bounds = Bounds(
        max_rows=settings.max_rows,
        max_body_bytes=settings.max_body_bytes,
        max_columns=settings.max_columns,
        max_value_bytes=settings.max_value_bytes,
    )
    plane = DataPlane(model, bounds, listeners=listeners)
    app.before_request(_note_route)
    app.register_blueprint(vertex.create_blueprint(plane, settings))
    app.register_blueprint(prediction.create_blueprint(plane))
    app.register_blueprint(v2.create_blueprint(plane))
    app.register_blueprint(tf_serving.create_blueprint(plane))
    app.register_blueprint(invocations.create_blueprint(plane, settings))
    app.register_blueprint(health.create_blueprint(model))
    app.register_blueprint(index.create_blueprint(model))
    observers: list[Observer] = []
    if settings.access_log:
        access_log = AccessLog(as_json=is_json(settings), file=STDERR)
        access_log.start()
        observers.append(access_log)
        closing.append(access_log.close)
    if settings.traces:
        tracing = load_tracing().Tracing()
        observers.append(tracing)
        closing.append(tracing.close)
    app.extensions[CLOSING] = closing
    tokens, admin_tokens = files_of(settings)
    stopping = app.extensions["andon.stopping"] = Stopping(render)
    guards: list[Guard] = [stopping]
    if tokens or admin_tokens:
        guards.append(Tokens(tokens, admin_tokens, render=render))
    shortcut = Shortcut(app.wsgi_app, plane, paths=_predict_paths(settings))
    app.wsgi_app = Front(shortcut, guards=guards, observers=observers)  # type: ignore[method-assign]
    return app


def _predict_paths(settings: Settings) -> list[str]:
    """Where the one shape of request is answered that is the same in every protocol."""
    return [path for path in ("/predict", "/invocations", settings.predict_route) if path]


def load_tracing() -> ModuleType:
    """The module that makes traces.

    Raises:
        ConfigError: what it needs is not installed.
    """
    try:
        return import_module("service.web.tracing")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        expected = "false where the extra traces is not installed (pip install 'andon[traces]')"
        raise ConfigError(variable="ANDON_TRACES", value="true", expected=expected) from None


def close(app: Flask) -> None:
    """Write what its requests left behind. It answers no more of them."""
    for each in app.extensions[CLOSING]:
        each()


def _note_route() -> None:
    if request.url_rule is not None:
        call_of(request.environ).route = request.url_rule.rule


def _live(settings: Settings) -> LiveModel:
    model = LiveModel(Store(settings.store))
    model.start(wait=min(START_SECONDS, settings.timeout / 3))  # without a model by then, /health says why
    return model
