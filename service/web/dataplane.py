"""The one path from a request's rows to their probabilities, which every protocol takes.

A protocol parses what is its own, calls this, and renders. Here a request gets its predictor, once; the bounds hold;
and whoever watches the predictions (metrics, the request log) sees them all, whatever they came as.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import orjson
from werkzeug.exceptions import NotFound

from service.core.columns import Column
from service.core.predictor import Predictor
from service.errors import TooManyRows
from service.live import ModelSource, Status
from service.web.calls import Call
from service.web.formats import json
from service.web.formats.format import Answer, Bounds, Format
from service.web.formats.instances import instances_of
from service.web.formats.limits import check_columns, check_rows, surely_kept

Rows: TypeAlias = Callable[[], Sequence[Mapping[str, object]]]
"""Gives the rows of a request as JSON knows them, made when it is called, which takes as long as the request did."""


class Listener(Protocol):
    """Sees what was predicted."""

    def predicted(self, call: Call, predictor: Predictor, answer: Answer, rows: Rows) -> None:
        """One request, answered with one probability for each of its rows. It must be quick, and raise nothing."""


class DataPlane:
    """Predictions for every protocol.

    Args:
        bounds: how large a request may be.
        listeners: see every prediction.
    """

    def __init__(self, model: ModelSource, bounds: Bounds, *, listeners: Sequence[Listener] = ()) -> None:
        self.model = model
        self.bounds = bounds
        self._listeners = tuple(listeners)

    def predictor(self, call: Call) -> Predictor:
        """The predictor for this request, from now until its end.

        Raises:
            NoModel: there is no verified model.
        """
        predictor = self.model.predictor()
        call.model, call.version = predictor.name, predictor.version
        return predictor

    def named(self, call: Call, name: str, version: str | None) -> Predictor:
        """The predictor for a request that says which model it asks, and perhaps which version of it.

        Raises:
            NoModel: there is no verified model.
            NotFound: another one answers.
        """
        predictor = self.predictor(call)
        if name != predictor.name:
            raise NotFound(f"no model of this name answers here; {predictor.name} does")
        if version is not None and version != predictor.version:
            raise NotFound(f"this version does not answer; {predictor.version} does")
        return predictor

    def status(self) -> Status:
        """What answers now, if anything does."""
        return self.model.status()

    def predict(self, call: Call, predictor: Predictor, given: Format, body: bytes) -> Answer:
        """The probability of each row of a body of one of the formats; it raises what the format's ``predict`` does."""
        answer = given.predict(body, predictor, self.bounds)
        self._answered(call, predictor, answer, lambda: given.instances(body, predictor, self.bounds))
        return answer

    def predict_json(self, call: Call, predictor: Predictor, body: bytes) -> Answer | None:
        """The same of JSON, where it is surely valid; ``None``: it must go the long way."""
        answer = predictor.predict_json(body, max_rows=self.bounds.max_rows)
        if answer is not None:
            if not surely_kept(body, len(answer) + 1, self.bounds):
                return None
            self._answered(call, predictor, answer, lambda: json.FORMAT.instances(body, predictor, self.bounds))
        return answer

    def predict_rows(self, call: Call, predictor: Predictor, rows: object) -> Answer:
        """The probability of each of ``rows``, which a protocol found where it has its instances, in JSON's types.

        Written as ``/predict`` would have had them they take the same short way, in a fraction of the time.

        Raises:
            TooManyRows: there are more than the bounds allow.
            InvalidRequest: they are not what the model expects; paths begin with ``instances``.
        """
        document = {"instances": rows}
        try:
            short = self.predict_json(call, predictor, orjson.dumps(document))
        except orjson.JSONEncodeError:
            short = None  # what is no JSON is checked by the long way, which says so
        if short is not None:
            return short
        checked = predictor.request_document.check(document, max_rows=self.bounds.max_rows)
        check_rows(checked, predictor.schema, self.bounds)
        answer = predictor.predict_rows(checked)
        self._answered(call, predictor, answer, lambda: checked)
        return answer

    def predict_columns(
        self, call: Call, predictor: Predictor, columns: Mapping[str, Column], *, place: Callable[[str, int], str]
    ) -> Answer:
        """The probability of each row that comes as columns, one of equal length for each field.

        Args:
            place: the path of a field's value in a row, counted from 0, for errors.

        Raises:
            TooManyRows: there are more than the bounds allow.
            InvalidRequest: a text is longer than they allow.
        """
        n_rows = len(next(iter(columns.values())))
        if n_rows > self.bounds.max_rows:
            raise TooManyRows(rows=n_rows, most=self.bounds.max_rows)
        check_columns(columns, self.bounds, place)
        answer = predictor.predict_columns(columns)
        self._answered(call, predictor, answer, lambda: instances_of(columns))
        return answer

    def _answered(self, call: Call, predictor: Predictor, answer: Answer, rows: Rows) -> None:
        call.rows += len(answer)
        for listener in self._listeners:
            listener.predicted(call, predictor, answer, rows)
