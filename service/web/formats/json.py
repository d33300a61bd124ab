"""``application/json``: ``{"instances": [{field: value, ...}, ...]}``, by the letter of RFC 8259."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from service.core.predictor import Predictor
from service.errors import MalformedRequest
from service.web.formats.format import Answer, Bounds, Format
from service.web.formats.limits import check_rows, surely_kept


def predict(body: bytes, predictor: Predictor, bounds: Bounds) -> Answer:
    """The short way where the request is surely valid, else the long one, which knows what to say."""
    answer = predictor.predict_json(body, max_rows=bounds.max_rows)
    if answer is not None and surely_kept(body, len(answer) + 1, bounds):
        return answer
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from None
    rows = predictor.request_document.check(document, max_rows=bounds.max_rows)
    if not surely_kept(body, len(rows) + 1, bounds):
        check_rows(rows, predictor.schema, bounds)
    return predictor.predict_rows(rows) if answer is None else answer


def instances(body: bytes, predictor: Predictor, bounds: Bounds) -> Sequence[Mapping[str, object]]:
    """As they came."""
    rows: list[dict[str, object]] = orjson.loads(body)["instances"]
    return rows


def render(answer: Answer, predictor: Predictor) -> bytes:
    """``{"predictions": [...], "model": ..., "version": ...}``."""
    document = {"predictions": answer, "model": predictor.name, "version": predictor.version}
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


FORMAT = Format(
    media_type="application/json", predict=predict, render=render, instances=instances, names_version=True
)
