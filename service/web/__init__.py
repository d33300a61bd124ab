"""The service over HTTP: the application factory and its blueprints."""

from __future__ import annotations

from contextlib import suppress

from flask import Flask

from service.config import Settings
from service.core.predictor import Predictor
from service.errors import NoModel
from service.live import LiveModel, ModelSource, PinnedModel
from service.store import Store
from service.web import errors, health, index, prediction


def create_app(settings: Settings | None = None, *, predictor: Predictor | None = None) -> Flask:
    """Put the application together.

    Args:
        settings: read from the environment, if not given.
        predictor: answer with this one for ever, instead of with the current version of the settings' store.
    """
    settings = settings or Settings.from_environ()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    model: ModelSource = PinnedModel(predictor) if predictor else LiveModel(Store(settings.store))
    with suppress(NoModel):
        model.predictor()  # the first request should not wait for the model; without one, /health says why
    errors.init_app(app)
    app.register_blueprint(prediction.create_blueprint(model, max_rows=settings.max_rows))
    app.register_blueprint(health.create_blueprint(model))
    app.register_blueprint(index.create_blueprint(model))
    return app
