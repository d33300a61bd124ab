"""``application/x-ndjson``: one instance a line, one answer a line; blank lines are passed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import orjson

from service.core.predictor import Predictor
from service.decimals import ndjson_lines
from service.errors import InvalidRequest, MalformedRequest, Problem, TooManyRows
from service.web.formats.format import Answer, Bounds, Format
from service.web.formats.limits import check_rows, surely_kept


def predict(body: bytes, predictor: Predictor, bounds: Bounds) -> Answer:
    """The short way where the request is surely valid, else the long one, which knows what to say."""
    answer = predictor.predict_ndjson(body, max_rows=bounds.max_rows)
    if answer is not None and surely_kept(body, len(answer), bounds):
        return answer
    lines = _lines(body)
    if len(lines) > bounds.max_rows:
        raise TooManyRows(rows=len(lines), most=bounds.max_rows)
    rows = [_parsed(row, line) for row, line in enumerate(lines, start=1)]
    if not rows:
        return []
    try:
        checked = predictor.request_document.check({"instances": rows})
        if not surely_kept(body, len(checked), bounds):
            check_rows(checked, predictor.schema, bounds)
        return predictor.predict_rows(checked) if answer is None else answer
    except InvalidRequest as error:
        raise InvalidRequest((_by_row(problem) for problem in error.problems), more=error.more) from None


def instances(body: bytes, predictor: Predictor, bounds: Bounds) -> Sequence[Mapping[str, object]]:
    """As they came."""
    return [orjson.loads(line) for line in _lines(body)]


def render(answer: Answer, predictor: Predictor) -> bytes:
    """``{"probability": p}`` a line."""
    return ndjson_lines(answer)


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.split(b"\n") if line and not line.isspace()]


def _parsed(row: int, line: bytes) -> object:
    try:
        document: object = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"row {row} of the body is not JSON: {error}") from None
    return document


def _by_row(problem: Problem) -> Problem:
    _, index, *rest = problem.path.split(".", 2)
    return replace(problem, path=".".join([f"row {int(index) + 1}", *rest]))


FORMAT = Format(media_type="application/x-ndjson", predict=predict, render=render, instances=instances)
