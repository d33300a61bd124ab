"""A line of the log for each request: what was asked, by its path and never its query, and how it was answered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from service.web.backlog import Backlog, ignore, pieces
from service.web.calls import Call
from service.web.logs import MOST_BYTES, json_line, printable, timestamp

LOGGER = "service.access"

MOST_WAITING = 4 * 2**20
"""Bytes of lines that wait for whoever reads standard error; more are dropped, and their number is logged."""

MOST_PATH = 500
"""Characters of a path that are logged; one of ours is far shorter."""


class AccessLog:
    """An observer of ``Front`` that logs each request.

    Requests do not wait for whoever reads the log: lines are written after them (``backlog``), some at once.

    Args:
        file: a descriptor to write to.
        on_dropped: see ``Backlog``.
    """

    def __init__(self, *, as_json: bool, file: int, on_dropped: Callable[[int], None] = ignore) -> None:
        self._line = as_json_line if as_json else as_text_line
        self._file = file
        self._said = 0
        self._backlog = Backlog(self._write, most=MOST_WAITING, on_dropped=on_dropped)

    def start(self) -> None:
        """Write from now on whatever is answered."""
        self._backlog.start()

    @property
    def dropped(self) -> int:
        """How many requests are not in the log, because nobody read it fast enough, or it can't be written."""
        return self._backlog.dropped

    def answered(self, call: Call) -> None:
        """See ``front.Observer``."""
        line = self._line(facts(call, time.time())).encode()
        self._backlog.put(line, len(line))

    def close(self) -> None:
        """Write what is left."""
        self._backlog.close()

    def _write(self, lines: list[bytes]) -> int:
        dropped, lost = self.dropped, 0
        if dropped > self._said:
            lines.append(self._line(_remark(dropped - self._said, time.time())).encode())
        for piece in pieces(lines, MOST_BYTES):  # what a pipe takes whole
            try:
                os.write(self._file, b"".join(piece))  # of a pipe or a file, all of it
            except OSError:
                lost += len(piece)
        if not lost and self.dropped == dropped:
            self._said = dropped
        return lost


def facts(call: Call, now: float) -> dict[str, Any]:
    """What is logged of a request, in order; nothing in it comes from a body, a query or a header but its ids."""
    environ = call.environ
    path = environ.get("PATH_INFO", "")
    if not path.isascii():
        path = path.encode("latin-1", errors="replace").decode(errors="replace")
    document = {
        "time": timestamp(now),
        "level": "info",
        "logger": LOGGER,
        "pid": os.getpid(),
        "message": "request",
        "request_id": call.id,
        "method": environ.get("REQUEST_METHOD", "")[:20],
        "route": call.route,
        "path": path if len(path) <= MOST_PATH else f"{path[:MOST_PATH]}\N{HORIZONTAL ELLIPSIS}",
        "status": call.status,
        "rows": call.rows,
        "milliseconds": round(call.seconds * 1_000, 3),
        "bytes": _stated_length(call.headers),
        "model": call.model,
        "version": call.version,
    }
    if call.trace is not None:
        document["trace_id"] = call.trace
    return document


def as_json_line(document: dict[str, Any]) -> str:
    """As programs read it."""
    return json_line(document) + "\n"


def as_text_line(document: dict[str, Any]) -> str:
    """As people read it, in the form of all other lines: method, path, status, bytes, milliseconds, rows, id."""
    when = f"{_here(document['time'][:19])},{document['time'][20:23]}"
    text = document["message"]
    if text == "request":
        form = "{method} {path} {status} {bytes} B {milliseconds} ms {rows} rows (request {request_id})"
        text = form.format_map(document)
    level = document["level"].upper()
    return f"[{when}] [{document['pid']}] [{level}] {document['logger']}: {printable(text)}\n"


@lru_cache(maxsize=16)
def _here(second: str) -> str:
    """A second of UTC as ``logging`` writes it, in the time zone of this process."""
    return f"{datetime.fromisoformat(second + '+00:00').astimezone():%Y-%m-%d %H:%M:%S}"


def _remark(dropped: int, now: float) -> dict[str, Any]:
    text = f"{dropped} requests were not logged: they came faster than the log is read"
    return {"time": timestamp(now), "level": "warning", "logger": LOGGER, "pid": os.getpid(), "message": text}


def _stated_length(headers: Iterable[tuple[str, str]]) -> int | None:
    for name, value in headers:
        if name == "Content-Length":
            return int(value)
    return None
