"""The short way of the most common request: JSON in and out, surely valid. All else takes the way through Flask.

Flask, Werkzeug's request and its response take longer for one row than all of the prediction, several times over
(``docs/decisions/0004-worker.md``). What is answered here, the blueprint of its path would answer with the same bytes
and headers; a request that it is not sure of goes there untouched, its body read but not used up.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from werkzeug.exceptions import HTTPException

from service.core.predictor import Predictor
from service.errors import NoModel
from service.web.calls import Call, call_of
from service.web.dataplane import DataPlane
from service.web.formats import acceptable, format_of
from service.web.formats.json import FORMAT
from service.web.front import Application, StartResponse
from service.web.tf_serving import VERB, predict_routes


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
            and _is_json(environ.get("CONTENT_TYPE"), environ.get("HTTP_ACCEPT"))
            and "HTTP_CONTENT_ENCODING" not in environ
        ):
            call = call_of(environ)
            try:
                predictor = self._plane.predictor(call)
            except NoModel:
                return self._application(environ, start_response)
            route = path if path in self._paths else predict_routes(predictor.name, predictor.version).get(path)
            answer = None if route is None else self._answer(environ, call, predictor)
            if route is not None and answer is not None:
                headers = [("Content-Type", FORMAT.media_type), ("Content-Length", str(len(answer)))]
                call.route = route
                start_response("200 OK", headers)
                return [answer]
        return self._application(environ, start_response)

    def _answer(self, environ: dict[str, Any], call: Call, predictor: Predictor) -> bytes | None:
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
            probabilities = self._plane.predict_json(call, predictor, body)
            if probabilities is not None:
                return FORMAT.render(probabilities, predictor)
        environ["wsgi.input"] = io.BytesIO(body)
        return None


@lru_cache(maxsize=256)
def _is_json(content_type: str | None, accept: str | None) -> bool:
    """Whether a request with these headers is JSON and is answered in JSON."""
    try:
        given = format_of(content_type)
        return given is FORMAT and acceptable(accept, given) is FORMAT
    except HTTPException:
        return False
