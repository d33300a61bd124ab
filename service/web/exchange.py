"""What the endpoints that predict have in common: how a body comes in, and how an answer goes out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from flask import Response
from werkzeug.datastructures import Headers
from werkzeug.exceptions import UnsupportedMediaType

from service.core.predictor import Predictor
from service.web.body import read_body
from service.web.dataplane import DataPlane
from service.web.formats.format import Answer, Format


class Reply(Response):
    """A response whose headers are complete: Werkzeug need not look for what a redirect or an error lacks."""

    def __init__(self, body: bytes, content_type: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(body, content_type=content_type)
        for name, value in headers:
            self.headers.add(name, value)

    def get_wsgi_headers(self, environ: object) -> Headers:
        return self.headers


def receive(plane: DataPlane, environ: dict[str, Any]) -> bytes:
    """The body of a request, as the bytes of its content type.

    Raises:
        UnsupportedMediaType: it has a content encoding.
        HTTPException: what ``read_body`` raises.
    """
    if environ.get("HTTP_CONTENT_ENCODING"):
        raise UnsupportedMediaType("expected a body without a content encoding")
    return read_body(environ, most=plane.bounds.max_body_bytes)


def reply(answer: Answer, wanted: Format, predictor: Predictor) -> Reply:
    """The answer in a format, with the version that gave it: in the document, or else in headers."""
    headers = () if wanted.names_version else version_headers(predictor.name, predictor.version)
    return Reply(wanted.render(answer, predictor), wanted.media_type, headers)


@lru_cache(maxsize=8)
def version_headers(model: str, version: str) -> tuple[tuple[str, str], ...]:
    """Which model answered; what a header can't hold is percent-encoded UTF-8."""
    return ("Andon-Model", quote(model, safe=" !#$&'()*+,/:;=?@[]")), ("Andon-Version", quote(version))
