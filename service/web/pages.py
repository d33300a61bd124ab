"""Pages for people: whole in themselves, and allowed to do no more than they do.

A page's style and script stand in it, and its ``Content-Security-Policy`` names them by their digests: whatever else
came into a page, as a model's name might try, no browser would run it, load it or send anything to it.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Response, render_template
from markupsafe import Markup

TEMPLATES = Path(__file__).with_name("templates")
STYLE = "page.css"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def page(template: str, *, script: str | None = None, **values: object) -> Response:
    """A page made of a template, which has ``style`` and ``script`` where they belong.

    Args:
        script: the file among the templates that it runs; it may ask this service, and nobody else.
    """
    code = None if script is None else source(script)
    response = Response(
        render_template(template, style=Markup(source(STYLE)), script=code and Markup(code), **values),
        mimetype="text/html",
    )
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = policy(script)
    response.cache_control.no_cache = True
    return response


@cache
def policy(script: str | None) -> str:
    """What a page with this script may do, and no page more: nothing else is loaded, framed or sent."""
    parts = ["default-src 'none'", f"style-src {_digest(STYLE)}"]
    if script is not None:
        parts += [f"script-src {_digest(script)}", "connect-src 'self'"]
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])


@cache
def source(name: str) -> str:
    """A file that is put into pages as it is."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _digest(name: str) -> str:
    return f"'sha256-{b64encode(sha256(source(name).encode()).digest()).decode()}'"
