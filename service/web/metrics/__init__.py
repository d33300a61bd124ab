"""``GET /metrics`` for Prometheus: what all workers count, whichever of them is asked, those that have ended too.

    table        every metric                         sheet       one worker's figures, in shared memory
    traffic      requests, as they are answered       sheets      those of all workers, handed out by the master
    standing     the version that answers             counters    what a worker adds to in its own
    monitor      a sample of the predictions          exposition  all of them, as text

prometheus_client writes the text, but does not count: why is in ``docs/decisions/0011-metrics.md``.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from service.live import ModelSource
from service.web.dataplane import Listener
from service.web.front import Observer
from service.web.metrics.counters import Counters
from service.web.metrics.exposition import Exposition
from service.web.metrics.monitor import Monitor
from service.web.metrics.sheets import Seat
from service.web.metrics.standing import Standing
from service.web.metrics.table import DROPPED
from service.web.metrics.traffic import Traffic


class Metrics:
    """What measures one worker, put together.

    Args:
        monitor_rows: how many rows a second are looked at; 0: none.

    Attributes:
        observers: for the front.
        listeners: for the data plane.
    """

    def __init__(self, seat: Seat, model: ModelSource, *, monitor_rows: int, max_body_bytes: int) -> None:
        counters = Counters(seat.sheet)
        model.follow(Standing(seat.sheet, counters).told)
        self.observers: tuple[Observer, ...] = (Traffic(counters, max_body_bytes=max_body_bytes),)
        self.listeners: tuple[Listener, ...] = ()
        if monitor_rows:
            monitor = Monitor(counters, rows_per_second=monitor_rows)
            model.follow(monitor.told)
            self.listeners = (monitor,)
        self._counters = counters
        self._exposition = Exposition(seat.sheets.all)

    def dropped(self, log: str) -> Callable[[int], None]:
        """What a log tells how many requests it has dropped, all in all."""
        place, known = self._counters.place(DROPPED, log), 0

        def told(count: int) -> None:
            nonlocal known
            self._counters.add(place, count - known)
            known = count

        return told

    def blueprint(self) -> Blueprint:
        """The blueprint that shows them."""
        blueprint = Blueprint("metrics", __name__)

        @blueprint.get("/metrics")
        def metrics() -> Response:
            text, content_type = self._exposition.text(request.headers.get("Accept"))
            response = Response(text, content_type=content_type)
            response.cache_control.no_store = True
            return response

        return blueprint
