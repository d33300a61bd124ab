"""Requests as spans. These tests need the extra ``traces``, and are left out where it is not installed."""

import builtins
import sys
import time

import pytest

from service.config import Settings
from service.errors import ConfigError
from service.web import close, create_app
from service.web.audience import load_tracing

GOOD = {"user": "s3cret-user", "hour": 7}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_where_the_extra_is_not_installed_the_setting_is_an_error(predictor, monkeypatch):
    real = builtins.__import__

    def without(name, *given, **more):
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *given, **more)

    for name in [name for name in sys.modules if name == "service.web.tracing" or name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"^ANDON_TRACES: expected false .*pip install 'andon\[traces\]'"):
        create_app(Settings(traces=True), predictor=predictor)


def test_without_traces_nothing_of_opentelemetry_is_imported(predictor, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("opentelemetry") or name == "service.web.tracing"]:
        monkeypatch.delitem(sys.modules, name)
    create_app(Settings(), predictor=predictor)
    assert not any(name.startswith("opentelemetry") for name in sys.modules)


@pytest.fixture
def memory():
    """The SDK's exporter that keeps spans."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


@pytest.fixture
def tracing(memory):
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    made = load_tracing().Tracing(SimpleSpanProcessor(memory))
    yield made
    made.close()


@pytest.fixture
def spans(app, tracing, memory, monkeypatch):
    """``spans()``: those of an application's requests."""
    monkeypatch.setattr(app.wsgi_app, "_observers", (tracing,))
    return memory.get_finished_spans


def test_a_request_is_a_span_of_a_server(client, spans):
    before = time.time_ns()
    client.post("/predict?key=s3cret", json={"instances": [GOOD] * 3}, headers={"X-Request-ID": "abc"})
    (span,) = spans()
    assert (span.name, span.kind.name, span.status.status_code.name, span.parent) == (
        "POST /predict",
        "SERVER",
        "UNSET",
        None,
    )
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/predict",
        "url.scheme": "http",
        "url.path": "/predict",
        "andon.request.id": "abc",
        "andon.rows": 3,
        "andon.model.name": "clicks",
        "andon.model.version": "by-hand",
    }
    assert before - 10**9 < span.start_time < span.end_time <= time.time_ns()
    assert "s3cret" not in span.to_json()


def test_its_parent_is_the_one_that_the_client_names(client, spans):
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
    client.get("/health", headers=headers)
    (span,) = spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == SPAN
    assert span.parent.is_remote
    assert span.context.trace_state["vendor"] == "1"


@pytest.mark.parametrize("parent", [f"00-{TRACE}-{SPAN}-00", "00-nonsense", f"00-{'0' * 32}-{SPAN}-01"])
def test_a_parent_that_was_not_sampled_or_is_none_decides_nothing_else(client, spans, parent):
    assert client.get("/health", headers={"traceparent": parent}).status_code == 200
    assert len(spans()) == (0 if parent.endswith("-00") else 1)


@pytest.mark.parametrize(
    ("method", "path", "name", "status", "code"),
    [
        ("GET", "/nowhere?key=s3cret", "GET", 404, "UNSET"),
        ("GET", "/health", "GET /health", 500, "ERROR"),
        ("BREW", "/health", "_OTHER", 405, "UNSET"),
    ],
)
def test_what_went_wrong_is_seen(app, client, spans, method, path, name, status, code, monkeypatch):
    if status == 500:
        monkeypatch.setitem(app.view_functions, "health.health", lambda: 1 / 0)
    assert client.open(path, method=method).status_code == status
    (span,) = spans()
    assert (span.name, span.attributes["http.response.status_code"]) == (name, status)
    assert span.status.status_code.name == code
    assert span.attributes.get("error.type") == ("500" if status == 500 else None)
    assert "s3cret" not in span.to_json()


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "andon"),
        ({"OTEL_SERVICE_NAME": "scores"}, "scores"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=other,team=ads"}, "other"),
    ],
)
def test_the_standard_variables_name_the_service(memory, monkeypatch, environ, name):
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    for variable in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    tracing = load_tracing().Tracing(SimpleSpanProcessor(memory))
    attributes = tracing._provider.resource.attributes
    assert attributes["service.name"] == name
    assert attributes.get("team") == ("ads" if "team" in str(environ) else None)
    tracing.close()


def test_spans_are_sent_where_the_standard_variable_says_at_the_end(memory, monkeypatch, receiver, predictor):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
    app = create_app(Settings(traces=True), predictor=predictor)
    for _ in range(3):
        app.test_client().post("/predict", json={"instances": [GOOD]}, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    close(app)
    sent = []
    for path, body in receiver.bodies:
        assert path == "/v1/traces"
        assert b"s3cret" not in body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            sent += [span for scope in resource.scope_spans for span in scope.spans]
    assert [span.name for span in sent] == ["POST /predict"] * 3
    assert {span.trace_id.hex() for span in sent} == {TRACE}


def test_a_collector_that_is_not_there_delays_no_end(memory, monkeypatch, predictor):
    tracing = load_tracing()
    monkeypatch.setattr(tracing, "CLOSE_SECONDS", 0.05)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    app = create_app(Settings(traces=True), predictor=predictor)
    assert app.test_client().get("/health").status_code == 200
    close(app)
