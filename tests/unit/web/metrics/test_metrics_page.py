"""``/metrics``: what Prometheus' own readers find in it, whatever was done before and whatever is asked for."""

import logging
import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from service import __version__
from service.config import Settings
from service.revision import revision
from service.web import AUDIENCE, create_app
from service.web.metrics import sheets, table
from service.web.metrics.sheet import STATE_BYTES
from service.web.metrics.sheets import Sheets

GOOD = {"user": "007", "hour": 7}


@pytest.fixture
def app(predictor):
    """One that has counted nothing yet."""
    return create_app(Settings(max_rows=150, max_body_bytes=20_000), predictor=predictor)


def samples_of(client, **headers):
    response = client.get("/metrics", headers=headers)
    assert response.status_code == 200
    samples = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            samples[(sample.name, *(value for _, value in sorted(sample.labels.items())))] = sample.value
    return samples


@pytest.fixture
def given(monkeypatch):
    """``given(seat)``: the place of this process, as gunicorn's master gives it."""
    monkeypatch.setattr(sheets, "_given", [])
    return sheets.give


def test_every_family_is_there_from_the_start_with_its_type_and_help(client):
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    for family in (*table.COUNTED, *table.STATES):
        name = family.name.removesuffix("_total")
        expected = "histogram" if family.buckets else "counter" if family in table.COUNTED else "gauge"
        assert (families[name].type, families[name].documentation) == (expected, family.help)
    assert len(families) == len(table.COUNTED) + len(table.STATES)


def test_the_documentation_has_every_metric_with_its_labels():
    text = (Path(__file__).parents[4] / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(andon_\w+)` \|(.*?)\|", text, re.MULTILINE))
    found = {name: tuple(re.findall(r"\w+", labels)) for name, labels in rows.items()}
    assert found == {family.name: family.labels for family in (*table.COUNTED, *table.STATES)}


def test_requests_that_a_log_dropped_are_counted(tmp_path, predictor):
    folder = tmp_path / "log"
    folder.write_bytes(b"")  # where a folder should be: nothing can be written
    app = create_app(Settings(request_log=folder, access_log=True), predictor=predictor)
    client = app.test_client()
    expected = 0
    for requests in (0, 2, 1):
        for _ in range(requests):
            assert client.post("/predict", json={"instances": [GOOD]}).status_code == 200
        app.extensions[AUDIENCE].close()  # what waits is written
        expected += requests
        counts = {key[1]: count for key, count in samples_of(client).items() if key[0] == "andon_log_dropped_total"}
        assert counts == {"access": 0, "request": expected}


def test_requests_are_counted_by_rule_method_and_status(client):
    long = "/" + "x" * 300
    for method, path, body in [
        ("POST", "/predict", {"instances": [GOOD] * 3}),
        ("POST", "/predict", {"instances": [GOOD]}),
        ("POST", "/predict", {"instances": [{"user": "7", "hour": "7"}]}),
        ("GET", "/health/live", None),
        ("BREW", "/predict", None),
        ("PROPFIND", long, None),
        ("GET", long, None),
    ]:
        client.open(path, method=method, json=body)
    samples = samples_of(client)
    name = "andon_http_requests_total"
    assert {key[1:]: value for key, value in samples.items() if key[0] == name} == {
        ("POST", "/predict", "200"): 2,
        ("POST", "/predict", "422"): 1,
        ("GET", "/health/live", "200"): 1,
        ("other", "unmatched", "405"): 1,
        ("other", "unmatched", "404"): 1,
        ("GET", "unmatched", "404"): 1,
    }
    assert samples["andon_predicted_rows_total", "/predict", "200"] == 4
    name = "andon_http_request_duration_seconds"
    for status, count in (("200", 2), ("422", 1)):
        assert samples[f"{name}_count", "/predict", status] == count
        assert samples[f"{name}_bucket", "+Inf", "/predict", status] == count
        assert 0 < samples[f"{name}_sum", "/predict", status] < 60


def test_a_length_that_is_no_bodys_is_not_counted(client):
    for requests, stated in enumerate(["20001", "9" * 30, "-1", "x", "²", "1e3"], start=1):
        client.post("/predict", environ_overrides={"CONTENT_LENGTH": stated})
        samples = samples_of(client)
        name = "andon_http_request_duration_seconds_count"
        assert sum(value for key, value in samples.items() if key[:2] == (name, "/predict")) == requests, stated
        assert samples["andon_http_request_body_bytes_total", "/predict"] == 0, stated


def test_the_model_and_the_program_are_named(client, predictor):
    samples = samples_of(client)
    assert samples["andon_model_info", predictor.name, predictor.version] == 1
    assert 0 <= samples["andon_model_age_seconds", predictor.name, predictor.version] < 60
    assert samples["andon_build_info", revision() or "unknown", __version__] == 1
    assert (samples["andon_workers",], samples["andon_workers_ready",], samples["andon_workers_refusing",]) == (1, 1, 0)


def test_without_a_model_there_are_metrics_that_say_so(tmp_path, live_app):
    client = live_app(Settings(store=tmp_path / "store")).test_client()
    samples = samples_of(client)
    assert (samples["andon_workers",], samples["andon_workers_ready",]) == (1, 0)
    assert not any(name == "andon_model_info" for name, *_ in samples)


@pytest.mark.parametrize(
    "accept",
    ["application/openmetrics-text", "application/openmetrics-text; version=1.0.0, text/plain;version=0.0.4;q=0.3"],
)
def test_openmetrics_is_given_to_whom_accepts_it(client, accept):
    client.post("/predict", json={"instances": [GOOD]})
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name for family in openmetrics.text_string_to_metric_families(response.text)}
    assert {family.name.removesuffix("_total") for family in (*table.COUNTED, *table.STATES)} == families


def test_whatever_is_accepted_there_is_an_answer(client):
    for accept in [
        *(None, "", "*/*", "text/html", "image/png", ",;=,", "text/plain; version=x", "text/plain; version="),
        "application/openmetrics-text; version=\xff",
        "application/openmetrics-text; version=9" + "9" * 5_000,
    ]:
        response = client.get("/metrics", headers=[] if accept is None else [("Accept", accept)])
        assert response.status_code == 200, accept
        assert "andon_workers" in response.text, accept


def test_workers_are_summed_up_and_the_ended_ones_too(predictor, given):
    shared = Sheets(3)
    clients = []
    for seat in (shared.take(), shared.take()):
        given(seat)
        clients.append(create_app(Settings(), predictor=predictor).test_client())
        clients[-1].post("/predict", json={"instances": [GOOD]})
    for client in clients:
        samples = samples_of(client)
        assert samples["andon_http_requests_total", "POST", "/predict", "200"] == 2
        assert samples["andon_workers",] == 2
    shared.give_back(seat)
    samples = samples_of(clients[0])
    assert samples["andon_http_requests_total", "POST", "/predict", "200"] == 2
    assert (samples["andon_workers",], samples["andon_worker_starts_total",]) == (1, 2)
    given(shared.take())
    successor = create_app(Settings(), predictor=predictor).test_client()
    successor.post("/predict", json={"instances": [GOOD]})
    assert samples_of(successor)["andon_http_requests_total", "POST", "/predict", "200"] == 3
    assert samples_of(successor)["andon_worker_starts_total",] == 3


def test_what_is_damaged_is_left_out_and_logged_once(predictor, given, caplog):
    caplog.set_level(logging.WARNING)
    shared = Sheets(2)
    for seat in (shared.take(), shared.take()):
        given(seat)
        client = create_app(Settings(), predictor=predictor).test_client()
    shared.all[0]._memory[STATE_BYTES + 8 :] = b"\xff" * (len(shared.all[0]._memory) - STATE_BYTES - 8)
    shared.all[0]._memory[:8] = b"\xff" * 8
    for _ in range(3):
        samples = samples_of(client)
        assert (samples["andon_workers",], samples["andon_worker_starts_total",]) == (1, 1)
    assert caplog.text.count("left out") == 1


def test_it_can_be_switched_off(predictor):
    client = create_app(Settings(metrics=False), predictor=predictor).test_client()
    assert client.get("/metrics").status_code == 404
    assert client.post("/predict", json={"instances": [GOOD]}).status_code == 200


def test_no_row_is_looked_at_if_none_is_asked_for(predictor):
    client = create_app(Settings(monitor_rows=0), predictor=predictor).test_client()
    client.post("/predict", json={"instances": [GOOD]})
    assert not any(name.startswith("andon_sampled") for name, *_ in samples_of(client))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"instances": [{"user": "7", "hour": 7}, {"user": null, "hour": 7, "price": 3.5}]}'),
        ("application/x-ndjson", b'{"user": "7", "hour": 7}\n{"user": null, "hour": 7, "price": 3.5}\n'),
        ("text/csv", b"user,hour,price\n7,7,\n,7,3.5\n"),
    ],
)
def test_the_sample_is_the_same_whatever_a_request_came_as(client, content_type, body):
    assert client.post("/predict", data=body, content_type=content_type).status_code == 200
    samples = samples_of(client)
    assert samples["andon_sampled_rows_total",] == samples["andon_sampled_predictions_count",] == 2
    missing = {name: samples["andon_sampled_missing_values_total", name] for name in ("user", "hour", "price")}
    assert missing == {"user": 1, "hour": 0, "price": 1}
