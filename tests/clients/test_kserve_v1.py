"""KServe's own client of protocol v1, against the application at a real socket."""

import asyncio
from threading import Thread

import numpy as np
import pytest
from werkzeug.serving import make_server

from service.config import Settings
from service.core.features import Field, Schema
from service.core.model import LinearModel
from service.core.predictor import Predictor
from service.web import create_app

client = pytest.importorskip("kserve.inference_client", reason="KServe's client is not installed")

FIELDS = (Field(name="user", type="string"), Field(name="hour", type="integer"))
SCHEMA = Schema(name="clicks", label="clicked", timestamp=None, n_buckets=256, fields=FIELDS)
ROWS = [{"user": "007", "hour": 7}, {"user": None, "hour": None}]


@pytest.fixture(scope="module")
def predictor():
    weights = np.random.default_rng(7).normal(size=257).astype(np.float32)
    return Predictor(schema=SCHEMA, model=LinearModel(weights), version="by-hand")


@pytest.fixture(scope="module")
def address(predictor):
    server = make_server("127.0.0.1", 0, create_app(Settings(), predictor=predictor))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(method, *arguments, **named):
    async def once():
        rest = client.InferenceRESTClient(client.RESTConfig(protocol="v1"))
        try:
            return await getattr(rest, method)(*arguments, **named)
        finally:
            await rest.close()

    return asyncio.run(once())


def test_the_server_is_alive_and_the_model_ready(address):
    assert ask("is_server_live", address) is True
    assert ask("is_model_ready", address, "clicks") is True


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_rows_are_predicted(address, predictor, key):
    assert ask("infer", address, {key: ROWS}, model_name="clicks")["predictions"] == predictor.predict_rows(ROWS)


def test_the_client_has_the_reason_for_what_is_refused(address):
    with pytest.raises(Exception, match="instances.0.hour: expected an integer"):
        ask("infer", address, {"instances": [{"user": "a", "hour": "7"}]}, model_name="clicks")
    with pytest.raises(Exception, match="no model of this name answers here"):
        ask("is_model_ready", address, "other")
