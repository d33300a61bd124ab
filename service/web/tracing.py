"""Each request as a span of OpenTelemetry, by its semantic conventions of HTTP servers, and never what was sent in it.

This is imported where traces are asked for alone, for the extra ``traces`` brings what it needs. Where spans go, how
many are taken and how many wait is for OpenTelemetry's own variables (``OTEL_*``) to say, which its SDK reads.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service import __version__
from service.web.calls import UNMATCHED, Call

CLOSE_SECONDS = 5.0
"""A process that ends waits no longer for whoever takes its last spans."""

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""Any other is named ``_OTHER``."""


class Tracing:
    """An observer of ``Front`` that makes a span of each request, when it is answered.

    It is made in the process that answers: what sends the spans is a thread, which no fork takes along.

    Args:
        processor: gets the spans; by default they are sent in batches by OTLP over HTTP.
    """

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        named = Resource({"service.name": "andon", "service.version": __version__})
        self._provider = TracerProvider(resource=named.merge(_of_environment()), shutdown_on_exit=False)
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("andon", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def answered(self, call: Call) -> None:
        """See ``front.Observer``."""
        end = time.time_ns()
        method = call.environ.get("REQUEST_METHOD", "")
        method = method if method in METHODS else "_OTHER"
        parent = None
        if call.trace is not None:
            sent = {"traceparent": call.environ["HTTP_TRACEPARENT"], "tracestate": call.environ.get("HTTP_TRACESTATE")}
            parent = self._propagator.extract({name: value for name, value in sent.items() if value})
        span = self._tracer.start_span(
            method if call.route == UNMATCHED else f"{method} {call.route}",
            context=parent,
            kind=SpanKind.SERVER,
            attributes=_attributes(call, method),
            start_time=end - int(call.seconds * 1e9),
        )
        if call.status >= 500:
            span.set_attribute("error.type", str(call.status))
            span.set_status(StatusCode.ERROR)
        span.end(end)

    def close(self) -> None:
        """Send what is left."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def _of_environment() -> Resource:
    """What ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` say, which comes before what we would say."""
    resource = Resource.create()
    kept = {
        name: value
        for name, value in resource.attributes.items()
        if name != "service.name" or not str(value).startswith("unknown_service")
    }
    return Resource(kept)


def _attributes(call: Call, method: str) -> dict[str, Any]:
    environ = call.environ
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "http.response.status_code": call.status,
        "url.scheme": environ.get("wsgi.url_scheme", "http"),
        "url.path": environ.get("PATH_INFO", ""),
        "andon.request.id": call.id,
        "andon.rows": call.rows,
    }
    if call.route != UNMATCHED:
        attributes["http.route"] = call.route
    if call.model is not None and call.version is not None:
        attributes.update({"andon.model.name": call.model, "andon.model.version": call.version})
    return attributes
