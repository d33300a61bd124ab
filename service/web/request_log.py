"""Requests and their answers on disk, a row a line, for ``andon replay``. They hold the values of features.

It never fails a request, and none waits for the disk: a request that is kept leaves its body, or its columns, and goes
on. What they say is made out, encoded and written in a thread of the operating system (``backlog``); what does not fit
into memory meanwhile, or can't be written, is dropped and counted.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from service.core.predictor import Predictor
from service.web.backlog import Backlog, ignore, pieces
from service.web.calls import Call
from service.web.dataplane import Rows
from service.web.formats.format import Answer
from service.web.logs import timestamp
from service.web.request_files import RequestFiles

logger = logging.getLogger(__name__)

MOST_WAITING = 16 * 2**20
"""Bytes of requests that wait to be written; of those that are being written, as much again."""

REQUEST_BYTES = 1_000
"""What a request takes in memory beside its body and its answer."""

PIECE_BYTES = 2**16
"""Of lines that are written at once."""

QUIET_SECONDS = 60.0
"""A trouble that comes and goes is logged no more often than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is left of a request that is kept."""

    time: float
    id: str
    model: str
    version: str
    answer: Answer
    rows: Rows


class RequestLog:
    """A listener of the data plane that keeps requests.

    Attributes:
        written: how many requests this process has kept.

    Args:
        share: of all requests, how many of these are kept.
        most_body_bytes: a body whose length nobody stated may have so many.
        chance: gives a number from 0 to below 1.
        on_dropped: see ``Backlog``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        share: float,
        most_bytes: int,
        most_files: int,
        most_body_bytes: int,
        chance: Callable[[], float] = random.random,
        on_dropped: Callable[[int], None] = ignore,
    ) -> None:
        self.written = 0
        self._share = share
        self._chance = chance
        self._most_body_bytes = most_body_bytes
        self._files = RequestFiles(folder, most_bytes=most_bytes, most_files=most_files)
        self._trouble: str | None = None
        self._remarks = _Remarks()
        self._backlog = Backlog(self._write, most=MOST_WAITING, written=self._remark, on_dropped=on_dropped)

    def start(self) -> None:
        """Write from now on what is kept."""
        logger.info("requests are kept with the values of their features (ANDON_REQUEST_LOG)")
        self._backlog.start()

    @property
    def dropped(self) -> int:
        """How many requests should have been kept, and are not."""
        return self._backlog.dropped

    def predicted(self, call: Call, predictor: Predictor, answer: Answer, rows: Rows) -> None:
        """See ``dataplane.Listener``."""
        if self._share < 1 and self._chance() >= self._share:
            return
        kept = _Kept(
            time=time.time(), id=call.id, model=predictor.name, version=predictor.version, answer=answer, rows=rows
        )
        stated = call.environ.get("CONTENT_LENGTH") or ""
        body_bytes = int(stated) if stated.isascii() and stated.isdigit() else self._most_body_bytes
        self._backlog.put(kept, REQUEST_BYTES + body_bytes + 8 * len(answer))

    def close(self) -> None:
        """Write what is left."""
        self._backlog.close()
        self._files.close()

    # The rest is for the one that writes. Apart, nothing may be logged: it is said afterwards.

    def _write(self, kept: list[_Kept]) -> int:
        self._trouble = None
        before = self.written
        for requests, lines in self._gathered(kept):
            try:
                for piece in pieces(lines, PIECE_BYTES):
                    self._files.append(b"".join(piece))
                self.written += requests
            except OSError as error:
                self._trouble = error.strerror or type(error).__name__
        return len(kept) - (self.written - before)

    def _gathered(self, kept: list[_Kept]) -> Iterator[tuple[int, list[bytes]]]:
        """The lines of as many requests as make a piece, and how many they are."""
        requests, size = 0, 0
        gathered: list[bytes] = []
        for each in kept:
            try:
                lines = _lines(each)
            except Exception as error:  # whatever it is: the others are written
                self._trouble = f"a request can't be written as JSON: {type(error).__name__}"
                continue
            gathered += lines
            requests += 1
            size += sum(map(len, lines))
            if size >= PIECE_BYTES:
                yield requests, gathered
                requests, size, gathered = 0, 0, []
        if requests:  # of no rows, perhaps
            yield requests, gathered

    def _remark(self) -> None:
        self._remarks.make(self._trouble, dropped=self.dropped, overflow=self._backlog.overflow, now=time.monotonic())


class _Remarks:
    """What is logged about requests that were not kept: each trouble once, and its end."""

    def __init__(self) -> None:
        self._trouble: str | None = None
        self._dropped = 0
        self._overflow = 0
        self._quiet: dict[str, float] = {}

    def make(self, trouble: str | None, *, dropped: int, overflow: int, now: float) -> None:
        if trouble is not None and trouble != self._trouble and self._may_say(trouble, now):
            logger.error("the request log can't be written: %s; requests are answered all the same", trouble)
            self._trouble = trouble
        elif trouble is None and self._trouble is not None:
            logger.warning("the request log is written again; %d requests are not in it", dropped - self._dropped)
            self._trouble, self._dropped = None, dropped
        if overflow > self._overflow and self._may_say("overflow", now):
            more = overflow - self._overflow
            logger.warning("%d requests are not in the request log: they came faster than it is written", more)
            self._overflow = overflow

    def _may_say(self, what: str, now: float) -> bool:
        if now < self._quiet.get(what, now):
            return False
        self._quiet[what] = now + QUIET_SECONDS
        return True


def _lines(kept: _Kept) -> list[bytes]:
    known = {"time": timestamp(kept.time), "request_id": kept.id, "model": kept.model, "version": kept.version}
    return [
        orjson.dumps({**known, "instance": row, "probability": float(answer)}, option=orjson.OPT_APPEND_NEWLINE)
        for row, answer in zip(kept.rows(), kept.answer, strict=True)
    ]
