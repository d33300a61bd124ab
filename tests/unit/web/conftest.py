"""The real application over a small model made by hand."""

import numpy as np
import pytest
from werkzeug.routing import Rule

from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app

SCHEMA = Schema(
    name="clicks",
    label="clicked",
    timestamp=None,
    n_buckets=256,
    fields=(
        Field(name="user", type="string"),
        Field(name="hour", type="integer"),
        Field(name="price", type="number", bins=(1.0, 10.0), required=False),
    ),
    crosses=(("user", "hour"),),
)


@pytest.fixture(scope="session", autouse=True)
def _url_builders_are_compiled_once():
    """Werkzeug compiles for each rule how its URL is built, which takes most of the making of an application.

    Hundreds of tests make one of the same rules, and none builds a URL.
    """
    compile_builder, compiled = Rule._compile_builder, {}

    def compile_once(rule, append_unknown=True):
        key = rule.rule, append_unknown
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = compile_once
    yield
    Rule._compile_builder = compile_builder


@pytest.fixture(scope="session")
def predictor():
    weights = np.random.default_rng(7).normal(size=257).astype(np.float32)
    return Predictor(schema=SCHEMA, model=LinearModel(weights), version="by-hand")


@pytest.fixture(scope="session")
def app(predictor):
    """One for all tests that only ask it. Who alters it for good has a fixture ``app`` of its own."""
    return create_app(Settings(max_rows=150, max_body_bytes=20_000), predictor=predictor)


@pytest.fixture
def live_app():
    """``live_app(settings)``: an application that follows a store, until the end of the test."""
    apps = []

    def make(settings=None):
        apps.append(create_app(settings))
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["andon"].close()
