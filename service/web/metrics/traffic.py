"""Requests, counted as they are answered. Every one comes by here, so little is done: one look-up and five sums."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from service.web.calls import Call
from service.web.metrics import table
from service.web.metrics.counters import Counters

OTHER = "other"

_METHODS = {name: name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_BUCKETS = table.SECONDS.buckets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where the requests of one route, method and status are counted."""

    requests: int
    seconds: int
    seconds_sum: int
    rows: int
    body_bytes: int


class Traffic:
    """An observer of the front.

    Args:
        max_body_bytes: what is stated to be longer is not read, and not counted either.
    """

    def __init__(self, counters: Counters, *, max_body_bytes: int) -> None:
        self._counters = counters
        self._max_body_bytes = max_body_bytes
        self._places: dict[tuple[str, str, int], _Places] = {}

    def answered(self, call: Call) -> None:
        """Count one request."""
        environ, seconds = call.environ, call.seconds
        key = call.route, _METHODS.get(environ["REQUEST_METHOD"], OTHER), call.status
        places = self._places.get(key) or self._find(*key)
        stated = environ.get("CONTENT_LENGTH")
        counters = self._counters
        numbers = counters.numbers
        with counters.lock:
            numbers[places.requests] += 1.0
            numbers[places.seconds + bisect_left(_BUCKETS, seconds)] += 1.0
            numbers[places.seconds_sum] += seconds
            if call.rows:
                numbers[places.rows] += call.rows
            if stated and stated.isdecimal() and len(stated) < 16 and int(stated) <= self._max_body_bytes:
                numbers[places.body_bytes] += int(stated)

    def _find(self, route: str, method: str, status: int) -> _Places:
        place = self._counters.place
        code = str(status)
        seconds = place(table.SECONDS, route, code)
        places = _Places(
            requests=place(table.REQUESTS, route, method, code),
            seconds=seconds,
            seconds_sum=seconds + table.SECONDS.size - 1,
            rows=place(table.ROWS, route, code),
            body_bytes=place(table.BODY_BYTES, route),
        )
        self._places[route, method, status] = places
        return places
