"""What is logged, a line each, on standard error: by gunicorn's master, its workers and Andon's own loggers alike.

As JSON for programs, or as text for people. No line can be forged by what is logged: a control character is escaped,
and no line is longer than what a pipe takes whole, so that those of several processes never mix.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from functools import lru_cache
from itertools import accumulate
from typing import Any

import orjson
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from service.config import Settings
from service.web.calls import CURRENT

MOST_BYTES = 4_096
"""Of a line with its end: PIPE_BUF of Linux. An exception keeps its end then, and a message its beginning."""

_TEXT = "[%(asctime)s] [%(process)d] [%(levelname)s] %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        call = CURRENT.get()
        if call is not None:
            document["request_id"] = call.id
        exception = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        if exception or record.stack_info:
            document["exception"] = "\n".join(filter(None, (exception, record.stack_info)))
        return _fitting(document)


class TextLines(logging.Formatter):
    """A record as people read it; a traceback stands below its line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        if record.args:  # what was put into a message may have come from anyone
            record.message = printable(record.message)
        call = CURRENT.get()
        text = super().formatMessage(record)
        return text if call is None else f"{text} (request {call.id})"


class GunicornLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's, by the name that its setting ``logger_class`` takes: in our format, and without what clients sent."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        settings = Settings.from_environ()
        configure(settings)
        as_json = is_json(settings)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines() if as_json else TextLines(self.error_fmt, self.datefmt))

    def warning(self, msg: Any, *args: Any, **more: Any) -> None:
        """Of a request that it can't read, gunicorn would quote the line that is wrong, be it a token's."""
        if isinstance(msg, str) and msg.startswith("Invalid request from ip="):
            msg = ": ".join(msg.split(": ", 2)[:2])
        super().warning(msg, *args, **more)

    def exception(self, msg: Any, *args: Any, **more: Any) -> None:
        """Of a request that failed, gunicorn would name the address with its query."""
        if isinstance(msg, str) and msg.startswith("Error handling request %s"):
            args = tuple(str(arg).split("?", 1)[0] for arg in args)
        super().exception(msg, *args, **more)


def configure(settings: Settings) -> None:
    """Send what this process logs to standard error, whoever logs it; gunicorn's own loggers have their own way."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if is_json(settings) else TextLines(_TEXT))
    logging.root.handlers = [handler]
    logging.getLogger("service").setLevel(settings.log_level.upper())
    logging.captureWarnings(True)


def is_json(settings: Settings) -> bool:
    """Whether lines are JSON: where it was asked for, or nobody said anything and no person looks on."""
    if settings.log_format == "auto":
        return not sys.stderr.isatty()
    return settings.log_format == "json"


def json_line(document: dict[str, Any]) -> str:
    """A document as JSON without any character that a terminal or a reader of lines could take for its own."""
    try:
        text = orjson.dumps(document).decode()
    except orjson.JSONEncodeError:  # a lone surrogate, as in a file name that is not UTF-8
        text = json.dumps(document, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _json_escaped(each) for each in text)


def printable(text: str) -> str:
    """Text whose other characters are escaped as Python does it."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def timestamp(seconds: float) -> str:
    """A moment (seconds since 1970) as ISO 8601 has it, in UTC, to the millisecond."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1_000):03}Z"


@lru_cache(maxsize=16)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def _fitting(document: dict[str, Any]) -> str:
    """The line of a document, with as much of its exception, and then of its message, as there is room for."""
    for key, end in (("exception", True), ("message", False)):
        text = document.get(key, "")
        if len(text) > MOST_BYTES:
            document[key] = _cut(text, MOST_BYTES, end=end)
    line = json_line(document)
    for key, end in (("exception", True), ("message", False)):
        if len(line.encode()) >= MOST_BYTES and key in document:
            text = document[key]
            room = MOST_BYTES - 1 - len(json_line({**document, key: _cut("", 0, end=end)}).encode())
            sizes = accumulate(len(_json_escaped(each).encode()) for each in (reversed(text) if end else text))
            document[key] = _cut(text, sum(size <= room for size in sizes), end=end)
            line = json_line(document)
    return line


def _cut(text: str, length: int, *, end: bool) -> str:
    return f"\N{HORIZONTAL ELLIPSIS}{text[len(text) - length :]}" if end else f"{text[:length]}\N{HORIZONTAL ELLIPSIS}"


def _json_escaped(character: str) -> str:
    return json.dumps(character, ensure_ascii=not character.isprintable())[1:-1]
