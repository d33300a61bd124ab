"""The short way of the most common requests: JSON in and out, surely valid, and at ``/predict`` Arrow that is valid.

Flask, Werkzeug's request and its response take longer for one row than all of the prediction, several times over
(``docs/decisions/0004-worker.md``). What is answered here, the blueprint of its path would answer with the same bytes
and headers; all else goes there untouched, its body read but not used up. What is wrong with Arrow is known when it has
been read, and then it is read once more there.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from werkzeug.exceptions import HTTPException

from service.core.predictor import Predictor
from service.errors import AndonError, NoModel
from service.web.calls import Call, call_of
from service.web.dataplane import DataPlane
from service.web.exchange import version_headers
from service.web.formats import acceptable, arrow, format_of, json
from service.web.formats.format import Answer, Format
from service.web.front import Application, StartResponse
from service.web.tf_serving import VERB, predict_routes

SHORT = (json.FORMAT, arrow.FORMAT)
"""The formats that have a short way."""


class Shortcut:
    """A WSGI application in front of another, which it asks for whatever it does not answer itself.

    Args:
        paths: where ``{"instances": [...]}`` is answered as ``/predict`` answers it, beside a model's own path in
            ``/v1``.
    """

    def __init__(self, application: Application, plane: DataPlane, *, paths: Iterable[str] = ("/predict",)) -> None:
        self._application = application
        self._plane = plane
        self._paths = frozenset(paths)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if (
            (path in self._paths or path.endswith(VERB))
            and environ["REQUEST_METHOD"] == "POST"
            and (given := _format_of(environ.get("CONTENT_TYPE"), environ.get("HTTP_ACCEPT"))) is not None
            and (given is json.FORMAT or path == "/predict")
            and "HTTP_CONTENT_ENCODING" not in environ
        ):
            call = call_of(environ)
            try:
                predictor = self._plane.predictor(call)
            except NoModel:
                return self._application(environ, start_response)
            route = path if path in self._paths else predict_routes(predictor.name, predictor.version).get(path)
            answer = None if route is None else self._answer(environ, call, predictor, given)
            if route is not None and answer is not None:
                headers = [("Content-Type", given.media_type), ("Content-Length", str(len(answer)))]
                if not given.names_version:
                    headers += version_headers(predictor.name, predictor.version)
                call.route = route
                start_response("200 OK", headers)
                return [answer]
        return self._application(environ, start_response)

    def _answer(self, environ: dict[str, Any], call: Call, predictor: Predictor, given: Format) -> bytes | None:
        stated = environ.get("CONTENT_LENGTH", "")
        if not (stated.isascii() and stated.isdigit() and int(stated) <= self._plane.bounds.max_body_bytes):
            return None
        try:
            body = environ["wsgi.input"].read(int(stated))
        except TimeoutError:
            return None  # read again, it is late again
        except Exception:
            body = b""  # less than was stated: the other way says so
        if len(body) == int(stated):
            probabilities = self._predict(call, predictor, given, body)
            if probabilities is not None:
                return given.render(probabilities, predictor)
        environ["wsgi.input"] = io.BytesIO(body)
        return None

    def _predict(self, call: Call, predictor: Predictor, given: Format, body: bytes) -> Answer | None:
        if given is json.FORMAT:
            return self._plane.predict_json(call, predictor, body)
        try:
            return self._plane.predict(call, predictor, given, body)
        except AndonError:
            return None


@lru_cache(maxsize=256)
def _format_of(content_type: str | None, accept: str | None) -> Format | None:
    """What a request with these headers comes in and is answered in, where that is the same and one of the two."""
    try:
        given = format_of(content_type)
        return given if given in SHORT and acceptable(accept, given) is given else None
    except HTTPException:
        return None
