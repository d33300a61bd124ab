"""How ``/v2`` answers: one JSON object, and of an error its text."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from flask import Response

from service.web.errors import Failure


def answer(document: Mapping[str, object]) -> Response:
    """A document that may be another one at the next moment."""
    response = Response(orjson.dumps(document), mimetype="application/json")
    response.cache_control.no_store = True
    return response


def failure(given: Failure) -> Response:
    """``{"error": text}``, in which an invalid request has each place that is wrong."""
    text = given.detail
    if given.problems:
        text += f": {'; '.join(str(problem) for problem in given.problems)}"
    return Response(orjson.dumps({"error": text}), status=given.status.value, mimetype="application/json")
