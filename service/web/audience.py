"""Who hears of requests beside those who sent them: metrics, the logs, traces. The settings say which of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from service.config import Settings
from service.errors import ConfigError
from service.live import ModelSource
from service.web.access_log import AccessLog
from service.web.backlog import ignore
from service.web.dataplane import Listener
from service.web.front import Observer
from service.web.logs import is_json
from service.web.metrics import Metrics, sheets
from service.web.request_log import RequestLog

STDERR = 2
"""The descriptor of standard error."""


class Audience:
    """All of them, put together.

    Attributes:
        listeners: for the data plane.
        observers: for the front.
        metrics: what ``/metrics`` shows; ``None``: there is none.
    """

    def __init__(self, settings: Settings, model: ModelSource) -> None:
        self.listeners: list[Listener] = []
        self.observers: list[Observer] = []
        self.metrics: Metrics | None = None
        self._closing: list[Callable[[], None]] = []
        if settings.metrics:
            self.metrics = Metrics(
                sheets.seat(), model, monitor_rows=settings.monitor_rows, max_body_bytes=settings.max_body_bytes
            )
            self.listeners += self.metrics.listeners
            self.observers += self.metrics.observers
        if settings.request_log is not None:
            request_log = RequestLog(
                settings.request_log,
                on_dropped=self._dropped("request"),
                share=settings.request_log_share,
                most_bytes=settings.request_log_bytes,
                most_files=settings.request_log_files,
                most_body_bytes=settings.max_body_bytes,
            )
            request_log.start()
            self.listeners.append(request_log)
            self._closing.append(request_log.close)
        if settings.access_log:
            access_log = AccessLog(as_json=is_json(settings), file=STDERR, on_dropped=self._dropped("access"))
            access_log.start()
            self.observers.append(access_log)
            self._closing.append(access_log.close)
        if settings.traces:
            tracing = load_tracing().Tracing()
            self.observers.append(tracing)
            self._closing.append(tracing.close)

    def _dropped(self, log: str) -> Callable[[int], None]:
        return self.metrics.dropped(log) if self.metrics else ignore

    def close(self) -> None:
        """Write what requests left behind; no more of them come."""
        for each in self._closing:
            each()


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
