"""Traces of the real service: its workers send their spans, the last of them when they end."""

import json
import urllib.request

import pytest
from serving import environment, served

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra traces is not installed")

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ROW = {"flight": 4711, "origin": "s3cret", "hour": 7, "holiday": True, "temp": 21.125, "gate": "007"}


@pytest.mark.parametrize("worker_class", ["gevent", "gthread"])
def test_the_spans_of_a_service_that_was_stopped_have_all_come(tmp_path, line, receiver, worker_class):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    environ = environment(
        ANDON_TRACES="true",
        ANDON_WORKERS="2",
        ANDON_WORKER_CLASS=worker_class,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{receiver.server_port}",
    )
    log = tmp_path / "log"
    with served(store=line.store, cwd=tmp_path, environ=environ, log=log) as server:
        for _ in range(20):
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}/predict",
                data=json.dumps({"instances": [ROW]}).encode(),
                headers={"Content-Type": "application/json", "traceparent": f"00-{TRACE}-{SPAN}-01"},
            )
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert answer.headers["X-Request-ID"] == TRACE
    spans = []
    for _, body in receiver.bodies:
        assert b"s3cret" not in body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    asked = [span for span in spans if span.name == "POST /predict"]
    assert len(asked) == 20
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in asked} == {(TRACE, SPAN)}
    assert "Traceback" not in log.read_text()
