"""All sheets summed up, as Prometheus' own client writes them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.registry import Collector

from service import __version__
from service.revision import revision
from service.web.metrics import table
from service.web.metrics.sheet import Key, Sheet
from service.web.metrics.table import Family

logger = logging.getLogger(__name__)


class Exposition(Collector):
    """What all workers have counted, and what state they are in.

    What of a sheet can't be read is left out, and logged once.
    """

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self._sheets = sheets
        self._build = (__version__, revision() or "unknown")
        self._damaged: set[int] = set()

    def text(self, accept: str | None) -> tuple[bytes, str]:
        """The metrics in the format that ``Accept`` prefers, and their content type."""
        try:
            encode, content_type = choose_encoder(accept or "")
        except (TypeError, ValueError):  # it compares the version that is asked for, be it a number or not
            encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        return encode(self), content_type

    def collect(self) -> Iterator[Metric]:
        """Every family, also one that has no metric yet."""
        totals = self._totals()
        for family in table.COUNTED:
            yield _counted(family, totals[family.name])
        yield from self._states()

    def _totals(self) -> dict[str, dict[Key, list[float]]]:
        known = {family.name: family for family in table.COUNTED}
        totals: dict[str, dict[Key, list[float]]] = {name: {} for name in known}
        for place, sheet in enumerate(self._sheets):
            try:
                for (name, *labels), first, count in sheet.entries():
                    family = known.get(name)
                    if family is None or (len(family.labels), family.size) != (len(labels), count):
                        continue  # of another version of this code, before a reload
                    numbers = list(sheet.numbers[first : first + count])
                    before = totals[name].get(tuple(labels))
                    summed = numbers if before is None else [a + b for a, b in zip(before, numbers, strict=True)]
                    totals[name][tuple(labels)] = summed
            except ValueError as error:
                if place not in self._damaged:
                    self._damaged.add(place)
                    logger.warning("what a worker counted is damaged, and in part left out: %s", error)
        return totals

    def _states(self) -> Iterator[Metric]:
        states = [state for sheet in self._sheets if (state := sheet.read_state()) is not None]
        since: dict[Key, float] = {}
        for state in states:
            if "version" in state:
                version = state["model"], state["version"]
                since[version] = min(state["since"], since.get(version, math.inf))
        now = time.time()
        yield _states(table.WORKERS, {(): len(states)})
        yield _states(table.READY, {(): sum("version" in state for state in states)})
        yield _states(table.REFUSING, {(): sum(state["refusing"] for state in states)})
        yield _states(table.MODEL, dict.fromkeys(since, 1))
        yield _states(table.AGE, {version: max(0.0, now - began) for version, began in since.items()})
        yield _states(table.BUILD, {self._build: 1})


def _counted(family: Family, totals: dict[Key, list[float]]) -> Metric:
    if not family.buckets:
        counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
        for labels, (number,) in totals.items():
            counter.add_metric(labels, number)
        return counter
    histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*map(str, family.buckets), "+Inf"]
    for labels, (*counts, total) in totals.items():
        histogram.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
    return histogram


def _states(family: Family, values: dict[Key, float]) -> Metric:
    gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        gauge.add_metric(labels, value)
    return gauge
