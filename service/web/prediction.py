"""``POST /predict``: parse, ask the predictor, render."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import UnsupportedMediaType

from service.web.body import read_body
from service.web.calls import call_of
from service.web.dataplane import DataPlane
from service.web.formats import acceptable, format_of


class _Answer(Response):
    """A response whose headers are complete: Werkzeug need not look for what a redirect or an error lacks."""

    def __init__(self, body: bytes, content_type: str, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(body, content_type=content_type)
        for name, value in headers:
            self.headers.add(name, value)

    def get_wsgi_headers(self, environ: object) -> Headers:
        return self.headers


def create_blueprint(plane: DataPlane) -> Blueprint:
    """The blueprint that answers with what the data plane gives."""
    blueprint = Blueprint("prediction", __name__)

    @blueprint.post("/predict")
    def predict() -> Response:
        environ = request.environ
        call = call_of(environ)
        predictor = plane.predictor(call)
        given = format_of(environ.get("CONTENT_TYPE"))
        wanted = acceptable(environ.get("HTTP_ACCEPT"), given)
        if environ.get("HTTP_CONTENT_ENCODING"):
            raise UnsupportedMediaType("expected a body without a content encoding")
        answer = plane.predict(call, predictor, given, read_body(environ, most=plane.bounds.max_body_bytes))
        headers = () if wanted.names_version else _version_headers(predictor.name, predictor.version)
        return _Answer(wanted.render(answer, predictor), wanted.media_type, headers)

    return blueprint


@lru_cache(maxsize=8)
def _version_headers(model: str, version: str) -> tuple[tuple[str, str], ...]:
    """Which model answered; what a header can't hold is percent-encoded UTF-8."""
    return ("Andon-Model", quote(model, safe=" !#$&'()*+,/:;=?@[]")), ("Andon-Version", quote(version))
