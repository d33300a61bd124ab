"""A sample of the predictions, looked at: what came out, what was missing, and what training never saw.

To look at a row costs several times what its prediction did, so the number of rows is bounded for each second, and no
request is looked at in more than ``MOST_AT_ONCE`` of its rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from service.core.bucketer import field_seed
from service.core.predictor import Predictor
from service.core.seen import Seen
from service.live import Status
from service.web.calls import Call
from service.web.dataplane import Rows
from service.web.formats.format import Answer
from service.web.metrics import table
from service.web.metrics.counters import Counters

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 100
"""Of a request with more rows, so many are looked at, in even steps."""

PASSED_OVER = 0.05
"""What a row of such a request costs that is only read, of what one costs that is looked at."""

MOST_FIELDS = 100
"""The fields of the schema behind these are not counted."""


class Budget:
    """Rows that may be looked at: so many a second, and as many at most in advance.

    A request is looked at if anything is left, and what it takes beyond that is a debt, which time pays off.
    """

    def __init__(self, rows_per_second: int) -> None:
        self._rate = rows_per_second
        self._left = float(rows_per_second)
        self._then = 0.0

    def is_left(self, now: float) -> bool:
        """Whether there is anything left, at a time in seconds, by a clock that only goes forward."""
        self._left = min(self._rate, self._left + self._rate * max(0.0, now - self._then))
        self._then = now
        return self._left > 0.0

    def spend(self, rows: float) -> None:
        """Take so much, whether there is as much or not."""
        self._left -= rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One field: the hash of its missing value, and where what is missing and what is unseen is counted."""

    name: str
    seed: int
    missing: int
    unseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """The predictor that answers, and what its training saw."""

    predictor: Predictor
    seen: Seen | None
    fields: tuple[_Field, ...]


class Monitor:
    """A listener of the data plane, which follows the model.

    Args:
        rows_per_second: how many rows are looked at, at least 1.
    """

    def __init__(self, counters: Counters, *, rows_per_second: int) -> None:
        self._counters = counters
        self._budget = Budget(rows_per_second)
        self._watched: _Watched | None = None
        self._rows = counters.place(table.SAMPLED_ROWS)
        self._predictions = counters.place(table.SAMPLED_PREDICTIONS)

    def told(self, status: Status) -> None:
        """What answers now; its fields begin at 0."""
        predictor, watched = status.predictor, self._watched
        if predictor is None:
            self._watched = None
        elif watched is None or watched.predictor is not predictor:
            names = [field.name for field in predictor.schema.fields[:MOST_FIELDS]]
            fields = tuple(self._field(name, compared=status.seen is not None) for name in names)
            self._watched = _Watched(predictor=predictor, seen=status.seen, fields=fields)

    def predicted(self, call: Call, predictor: Predictor, answer: Answer, rows: Rows) -> None:
        """Look at a request, if it is one of the sample."""
        if not len(answer) or not self._budget.is_left(call.started):
            return
        watched = self._watched
        if watched is None or watched.predictor is not predictor:
            return  # another version has just taken its place
        try:
            self._look(watched, answer, rows)
        except Exception:
            logger.exception("a request was answered, but not looked at")

    def _look(self, watched: _Watched, answer: Answer, rows: Rows) -> None:
        step = -(-len(answer) // MOST_AT_ONCE)
        counters, seen = self._counters, watched.seen
        looked_at = rows()[::step]
        self._budget.spend(len(looked_at) + PASSED_OVER * (len(answer) - len(looked_at)))
        for row, probability in zip(looked_at, answer[::step], strict=True):
            hashes = watched.predictor.hash_row(row)
            for field, hashed in zip(watched.fields, hashes, strict=False):
                if hashed == field.seed:
                    counters.add(field.missing)
                elif seen is not None and not seen.holds(field.name, hashed):
                    counters.add(field.unseen)
            counters.observe(self._predictions, table.SAMPLED_PREDICTIONS, float(probability))
            counters.add(self._rows)

    def _field(self, name: str, *, compared: bool) -> _Field:
        missing = self._counters.place(table.SAMPLED_MISSING, name)
        unseen = self._counters.place(table.SAMPLED_UNSEEN, name) if compared else missing
        return _Field(name=name, seed=field_seed(name), missing=missing, unseen=unseen)
