"""What a browser may do with a page of ours: show it, and nothing else."""

from __future__ import annotations

from flask import Flask, Response

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""For every page; one that needs more says so itself. Styles stand in the pages, scripts do not."""


def init_app(app: Flask) -> None:
    """Put the headers on every page that the application answers with."""
    app.after_request(_secure)


def _secure(response: Response) -> Response:
    if response.mimetype == "text/html":
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response
