"""The body of a request, whole and bounded."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, RequestTimeout


def read_body(environ: dict[str, Any], *, most: int) -> bytes:
    """All bytes of the body of the request with this WSGI environment, whether its length is stated or it is chunked.

    Raises:
        RequestEntityTooLarge: there are more than ``most``; of a body that is too long by its own word, none is read.
        RequestTimeout: it did not arrive in its time.
        BadRequest: it can't be read to its end, or comes in a transfer coding beside chunks, which nobody here undoes.
    """
    if environ.get("HTTP_TRANSFER_ENCODING", "chunked").strip().lower() != "chunked":
        raise BadRequest("expected no transfer coding but chunked")
    stated = environ.get("CONTENT_LENGTH", "")
    length = int(stated) if stated.isascii() and stated.isdigit() else None
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""  # a server that does not say where a body ends gives one of stated length or none
    if length is not None and length > most:
        raise RequestEntityTooLarge
    try:
        data: bytes = environ["wsgi.input"].read(most + 1 if length is None else length)
    except TimeoutError as error:
        raise RequestTimeout("the request did not arrive in time") from error
    except Exception as error:  # of a chunk that is malformed or never comes, each server has its own error
        raise BadRequest("the body can't be read to its end") from error
    if len(data) > most:
        raise RequestEntityTooLarge
    if length is not None and len(data) < length:
        raise BadRequest("the body ends before its stated length")
    return data
