"""What a worker reads and writes: gunicorn's own classes, with what they do again for each request done once."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

from gunicorn.http import message  # type: ignore[import-untyped]
from gunicorn.http.body import Body  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]

KEPT_BYTES = 2**10
"""A head that is longer than this is parsed each time."""

KEPT = 512
"""So many different heads are kept."""

SECRET_WORDS = (b"authorization", b"cookie")
"""A head with one of these in it, in any case, may hold what must not stay in memory."""

_SECRET = re.compile(
    rb"(?P<name>(?:proxy-)?authorization|cookie):[ \t]*(?P<value>[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)"
    rb"(?:\r\n(?![ \t])|\Z)",
    re.IGNORECASE,
)

T = TypeVar("T")


class Dates:
    """The ``Date`` of answers, made once a second: to make it takes longer than a prediction does.

    Args:
        make: the text for a time in seconds since 1970.
    """

    def __init__(self, make: Callable[[float], str]) -> None:
        self._make = make
        self._known: tuple[int, str] | None = None

    def __call__(self, timestamp: float | None = None) -> str:
        second = int(time.time() if timestamp is None else timestamp)
        known = self._known
        if known is None or known[0] != second:
            known = self._known = second, self._make(second)
        return known[1]


class StatedBody(Body):  # type: ignore[misc]
    """A body of stated length. Asked for all of it, it makes one copy where gunicorn's makes six."""

    def read(self, size: int | None = None) -> bytes:
        reader, unreader = self.reader, self.reader.unreader
        if not reader.length and not self.buf.tell():
            return b""
        if not size or size != reader.length or self.buf.tell():
            data: bytes = super().read(size)
            return data
        parts = [unreader.take_buffered()]
        length = len(parts[0])
        try:
            while length < size:
                parts.append(unreader.chunk(size - length))
                length += len(parts[-1])
                if not parts[-1]:
                    break
        except Exception:
            self.failed = True  # so that the connection is not used again
            raise
        data = b"".join(parts)
        reader.length -= min(length, size)
        if length > size:  # of a short rest, the next request may have come along
            unreader.unread(data[size:])
            data = data[:size]
        return data


class Parser(RequestParser):  # type: ignore[misc]
    """gunicorn's parser of a connection, which does not look for what is left of a body where nothing is."""

    def finish_body(self, *given: Any, **more: Any) -> bool:
        """Whether it can go on to the next request; see gunicorn's."""
        body = self.mesg.body if self.mesg else None
        if type(body) is StatedBody and not (body.reader.length or body.buf.tell() or body.failed):
            return True
        finished: bool = super().finish_body(*given, **more)
        return finished


class Heads:
    """What gunicorn made of the heads of one worker's latest requests, by their bytes."""

    def __init__(self) -> None:
        self.lines: dict[Any, tuple[Any, ...]] = {}
        self.headers: dict[Any, tuple[Any, ...]] = {}
        self.trusted: dict[Any, bool] = {}


class Request(message.Request):  # type: ignore[misc]
    """A request of gunicorn's whose head is not parsed if one of the same bytes was.

    What comes of a head depends on its bytes, on whether its peer is a proxy that is trusted, and on settings, which
    are the same for all of a worker's life. A head that is refused is not kept, and neither is a secret: the line that
    holds a token or a cookie is taken out first, and put where it was in what is known of the rest.

    Attributes:
        head: what was made of its two parts, the very same objects for the next request with the same bytes; ``None``
            where something of it is not kept.
    """

    method: Any
    uri: Any
    path: Any
    query: Any
    fragment: Any
    version: Any
    scheme: Any
    _expected_100_continue: Any

    def __init__(self, heads: Heads, *given: Any) -> None:
        self.head: tuple[Any, Any] | None = None
        self._heads = heads
        self._line: tuple[Any, ...] = ()
        super().__init__(*given)

    def _peer_is_trusted_proxy(self) -> bool:
        peer = self.peer_addr[0] if isinstance(self.peer_addr, tuple) else None
        trusted = self._heads.trusted.get(peer)
        if trusted is None:
            trusted = keep(self._heads.trusted, peer, super()._peer_is_trusted_proxy())
        return trusted

    def parse_request_line(self, line_bytes: bytes) -> None:
        known = self._heads.lines.get(line_bytes)
        if known is None:
            super().parse_request_line(line_bytes)
            known = self.method, self.uri, self.path, self.query, self.fragment, self.version
            if len(line_bytes) > KEPT_BYTES:
                return
            keep(self._heads.lines, line_bytes, known)
        self.method, self.uri, self.path, self.query, self.fragment, self.version = self._line = known

    def parse_headers(self, data: bytes, from_trailer: bool = False) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] | None = None
        if not from_trailer and len(data) <= KEPT_BYTES:
            if _may_hold_secret(data):
                headers = self._without_secret(data)
            else:
                known = self._known(data)
                self.head = (self._line, known) if self._line else None
                headers = list(known[0])
        if headers is None:
            headers = super().parse_headers(data, from_trailer=from_trailer)
        return headers

    def _known(self, data: bytes) -> tuple[Any, ...]:
        key = data, self.version, self._peer_is_trusted_proxy()
        known = self._heads.headers.get(key)
        if known is None:
            headers = super().parse_headers(data)
            known = keep(self._heads.headers, key, (headers, self.scheme, self._expected_100_continue))
        _, self.scheme, self._expected_100_continue = known
        return known

    def _without_secret(self, data: bytes) -> list[tuple[str, str]] | None:
        """The headers of a head with one secret, on one plain line; ``None`` for any other, which is parsed whole."""
        lower = data.lower()
        start = data.rfind(b"\r\n", 0, max(lower.find(word) for word in SECRET_WORDS))
        start = 0 if start < 0 else start + 2
        secret = _SECRET.match(data, start)
        if secret is None:
            return None
        rest = (data[:start] + data[secret.end() :]).removesuffix(b"\r\n")
        if not rest or _may_hold_secret(rest):
            return None
        headers = list(self._known(rest)[0])
        if len(headers) >= self.limit_request_fields:
            return None
        header = secret["name"].decode().upper(), secret["value"].decode()
        headers.insert(data.count(b"\r\n", 0, start), header)
        return headers


def _may_hold_secret(data: bytes) -> bool:
    lower = data.lower()
    return any(word in lower for word in SECRET_WORDS)


def keep(kept: dict[Any, T], key: Any, value: T) -> T:
    """Have a value under a key from now on, with no more than ``KEPT`` others."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
    return value
