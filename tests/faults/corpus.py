"""The corpus: malformed requests as data, each with the one status that the documentation promises for it.

An entry says what is sent; nothing in it says how. What was not yet there when an entry was written has a route too:
entries of a protocol are sent only to a service that has it.
"""

from collections.abc import Callable
from dataclasses import dataclass

MODEL = "flights"

GOOD = {
    "carrier": "UA",
    "flight": 1545,
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "hour": 17,
    "month": 11,
    "day_of_week": 2,
    "temp": 39.0,
    "humid": 62.0,
    "precip": 0.0,
    "visib": 10.0,
}
"""A row that the demo model answers."""

JSON = "application/json"

ROUTES = {
    "http": None,
    "json": None,
    "ndjson": None,
    "csv": None,
    "arrow": None,
    "open inference": f"/v2/models/{MODEL}/infer",
    "tensorflow": f"/v1/models/{MODEL}:predict",
    "invocations": "/invocations",
    "metrics": "/metrics",
    "openapi": "/openapi.json",
}
"""Every protocol, and a path that a service has (any answer but 404) if it speaks it; ``None``: every service does."""

MAX_BODY_BYTES = 4 * 2**20
MAX_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One malformed request.

    Attributes:
        status: of the answer. Everything after a malformed request is a guess, so there is no second answer.
        more: the statuses of what is answered before it or behind it all the same, where that is right.
        headers: beside ``Host``, ``Connection: close``, the content type and, unless they state one, the length.
        body, raw: bytes, or what makes them, where they are many. What is ``raw`` is sent as it is, in place of all.
        ends: whether the client then says that it sends no more.
    """

    name: str
    protocol: str
    status: int
    more: tuple[int, ...] = ()
    method: str = "POST"
    path: str = "/predict"
    content_type: str | None = JSON
    headers: tuple[str, ...] = ()
    body: bytes | Callable[[], bytes] = b""
    raw: bytes | Callable[[], bytes] | None = None
    ends: bool = False

    @property
    def statuses(self) -> tuple[int, ...]:
        """Of all answers on the connection, in order."""
        return (*self.more, self.status)

    def sent(self) -> bytes:
        """What goes over the wire."""
        if self.raw is not None:
            return self.raw() if callable(self.raw) else self.raw
        body = self.body() if callable(self.body) else self.body
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", "Connection: close"]
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        framed = {line.split(":")[0].strip().lower() for line in self.headers}
        if not framed & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, *self.headers, "", ""]).encode("latin-1") + body


def entries(protocol: str, status: int, cases: dict, **common) -> list[Entry]:
    """An entry for each case: its name, and its body or what else is its own."""
    made = []
    for name, case in cases.items():
        own = case if isinstance(case, dict) else {"body": case}
        made.append(Entry(**{"name": f"{protocol}: {name}", "protocol": protocol, "status": status, **common, **own}))
    return made


def chunks(*parts: bytes) -> bytes:
    """A body in these chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
