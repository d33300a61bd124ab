"""The formats that ``/predict`` reads and writes: one module each, and this table of them."""

from __future__ import annotations

from functools import lru_cache

from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType
from werkzeug.http import parse_accept_header, parse_options_header

from service.web.formats import arrow, csv, json, ndjson
from service.web.formats.format import Format

FORMATS: tuple[Format, ...] = (json.FORMAT, ndjson.FORMAT, csv.FORMAT, arrow.FORMAT)
"""In the order in which one is chosen where nothing else decides."""

MEDIA_TYPES = tuple(each.media_type for each in FORMATS)

_IN_WORDS = f"{', '.join(MEDIA_TYPES[:-1])} or {MEDIA_TYPES[-1]}"


@lru_cache(maxsize=256)
def format_of(content_type: str | None) -> Format:
    """The format of a body, by its content type.

    Raises:
        UnsupportedMediaType: there is none for it, or its charset is not UTF-8.
    """
    media_type, options = parse_options_header(content_type)
    if options.get("charset", "utf-8").lower() in ("utf-8", "utf8"):
        for each in FORMATS:
            if each.media_type == media_type.lower():
                headerless = each is csv.FORMAT and options.get("header", "").lower() == "absent"
                return csv.HEADERLESS if headerless else each
    raise UnsupportedMediaType(f"expected the content type {_IN_WORDS} (in UTF-8)")


@lru_cache(maxsize=256)
def acceptable(accept: str | None, given: Format) -> Format:
    """The format to answer in: what ``Accept`` prefers, and that of the request, ``given``, where it does not say.

    Raises:
        NotAcceptable: it accepts none.
    """
    given_ranges = [(value.partition(";")[0].strip(), quality) for value, quality in parse_accept_header(accept)]
    ranges = [(value.lower(), quality) for value, quality in given_ranges if "/" in value]
    if not ranges:
        return given
    choice = max((given, *FORMATS), key=lambda each: _quality(each.media_type, ranges))  # of equals, the first
    if _quality(choice.media_type, ranges) <= 0:
        raise NotAcceptable(f"none of the answer's formats is acceptable: {_IN_WORDS}")
    return choice


def _quality(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """What the most specific of the ranges that hold the type says of it; 0 where none does."""
    for known in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        found = [quality for value, quality in ranges if value == known]
        if found:
            return max(found)
    return 0.0
