"""The application factory."""

import subprocess
import sys
import threading
import time

import pytest

from service.config import Settings
from service.errors import ConfigError
from service.store import Store
from service.web import create_app


def test_the_routes_are_these_and_no_others(app):
    versions = ("", "/versions/<version>")
    routes = {(rule.rule, method) for rule in app.url_map.iter_rules() for method in rule.methods}
    assert routes - {(path, method) for path, method in routes if method in ("HEAD", "OPTIONS")} == {
        ("/", "GET"),
        ("/docs", "GET"),
        ("/openapi.json", "GET"),
        ("/health", "GET"),
        ("/health/ready", "GET"),
        ("/health/live", "GET"),
        ("/metrics", "GET"),
        ("/docs", "GET"),
        ("/openapi.json", "GET"),
        ("/predict", "POST"),
        ("/v2", "GET"),
        ("/v2/health/live", "GET"),
        ("/v2/health/ready", "GET"),
        *((f"/v2/models/<model>{version}", "GET") for version in versions),
        *((f"/v2/models/<model>{version}/ready", "GET") for version in versions),
        *((f"/v2/models/<model>{version}/infer", "POST") for version in versions),
        ("/v1/models", "GET"),
        ("/v1/models/<name>", "GET"),
        ("/v1/models/<name>/metadata", "GET"),
        ("/v1/models/<name>/versions/<version>", "GET"),
        ("/v1/models/<name>/versions/<version>/metadata", "GET"),
        ("/v1/models/<name>:predict", "POST"),
        ("/v1/models/<name>/versions/<version>:predict", "POST"),
        ("/ping", "GET"),
        ("/version", "GET"),
        ("/execution-parameters", "GET"),
        ("/invocations", "POST"),
    }


def test_the_settings_bound_the_body(app):
    assert app.config["MAX_CONTENT_LENGTH"] == 20_000


def test_two_applications_share_nothing(app, predictor):
    other = create_app(Settings(max_rows=1), predictor=predictor)
    body = {"instances": [{"user": "a", "hour": 1}] * 2}
    assert app.test_client().post("/predict", json=body).status_code == 200
    assert other.test_client().post("/predict", json=body).status_code == 413


def test_without_settings_the_environment_is_read(monkeypatch, tmp_path, live_app):
    monkeypatch.setenv("ANDON_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ANDON_MAX_BODY_BYTES", "2048")
    app = live_app()
    assert app.config["MAX_CONTENT_LENGTH"] == 2_048
    assert app.test_client().get("/health").status_code == 503


def test_a_setting_out_of_bounds_stops_the_start(monkeypatch):
    monkeypatch.setenv("ANDON_MAX_ROWS", "0")
    with pytest.raises(ConfigError, match="ANDON_MAX_ROWS"):
        create_app()


@pytest.mark.parametrize("store", ["missing", "a file", "garbage pointer", "pointer elsewhere"])
def test_a_store_that_is_no_use_makes_an_application_that_is_not_ready(tmp_path, live_app, store):
    root = tmp_path / "store"
    if store == "a file":
        root.write_bytes(b"")
    elif store != "missing":
        root.mkdir()
        (root / "current.json").write_text("garbage" if store == "garbage pointer" else '{"current":"../../etc"}')
    client = live_app(Settings(store=root)).test_client()
    assert client.get("/health").status_code == 503
    assert client.post("/predict", json={"instances": [{}]}).status_code == 503
    assert client.get("/health/live").status_code == 200
    assert client.get("/").status_code == 200


def test_an_application_begins_with_its_model(store, release, blessed, live_app):
    version = blessed(0)
    release(version)
    client = live_app(Settings(store=store.root)).test_client()
    health = client.get("/health").json
    assert (health["status"], health["model"], health["version"]) == ("ok", "flights", version)


def test_a_model_that_takes_too_long_does_not_hold_up_the_start(store, release, blessed, live_app, monkeypatch):
    go_on, load = threading.Event(), Store.load
    version = blessed(0)
    release(version)
    monkeypatch.setattr("service.web.START_SECONDS", 0.05)
    monkeypatch.setattr(Store, "load", lambda self, version: go_on.wait(30) and load(self, version))
    client = live_app(Settings(store=store.root)).test_client()
    for response in (client.get("/health"), client.post("/predict", json={"instances": [{}]})):
        assert response.status_code == 503
        assert response.json["detail"] == f"version {version} is being loaded"
        assert "Retry-After" in response.headers
    go_on.set()
    deadline = time.monotonic() + 30
    while client.get("/health").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_serving_loads_neither_arrow_nor_the_learner():
    unwanted = "{'pyarrow', 'service.training', 'service.kernels.learning'}"
    code = f"import sys, service.web; print({unwanted} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
