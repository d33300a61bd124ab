"""A healthy client, while others do the service harm."""

import json
import socket
import time
from contextlib import ExitStack

from corpus import GOOD
from load import Load, flood, request
from report import Line
from served import Service, resident_mib
from talk import connect, exchange, is_closed

MOST_MS = 250.0
HALF_OPEN = 200
LAZY = 20
HUGE_BYTES = 100_000_000
FLOOD = 10_000
BIG = json.dumps({"instances": [GOOD] * 10_000}).encode()

PACE = {"kept": 1, "fresh": 1, "pause": 0.01}
"""The healthy client: one request after the other, on a connection that it keeps, and on a new one for each."""


def check(service: Service, *, seconds: float) -> list[Line]:
    """Each kind of them for so long."""
    kinds = (_nobody, _half_open, _lazy, _readers, _huge, _flood)
    return [kind(service, seconds) for kind in kinds]


def _line(what: str, load: Load, more: str = "") -> Line:
    seen = load.outcome
    measured = f"p99 {seen.p99_ms():.0f} ms, slowest {seen.max_ms():.0f} ms, of {len(seen.seconds):,}"
    if seen.lost or seen.refused:
        measured += f"; {len(seen.lost)} failed, {seen.refused} refused"
        print(what, seen.lost[:3])
    met = seen.p99_ms() < MOST_MS and not seen.lost and not seen.refused
    return Line(what=what, asked=f"p99 below {MOST_MS:.0f} ms", measured=measured + more, met=met)


def _nobody(service: Service, seconds: float) -> Line:
    with Load(service.port, **PACE) as load:
        time.sleep(seconds)
    return _line("nobody else, to compare", load)


def _half_open(service: Service, seconds: float) -> Line:
    """Half of them half a head, half of them half a body; who is closed comes again."""
    halves = (request()[:60], request()[:-10])

    def half(number: int) -> socket.socket:
        connection = connect(service.port)
        connection.sendall(halves[number % 2])
        return connection

    with ExitStack() as stack:
        held = [stack.enter_context(half(number)) for number in range(HALF_OPEN)]
        with Load(service.port, **PACE) as load:
            time.sleep(seconds)
        cut = sum(is_closed(connection) for connection in held)
    more = f"; {cut} of them were closed by the service meanwhile"
    return _line(f"{HALF_OPEN} half-open connections: half a head, half a body", load, more)


def _lazy(service: Service, seconds: float) -> Line:
    """They take their answer, and then neither ask nor close."""
    with ExitStack() as stack:
        for _ in range(LAZY):
            connection = stack.enter_context(connect(service.port))
            connection.sendall(request())
            connection.recv(65_536)
        with Load(service.port, **PACE) as load:
            time.sleep(seconds)
    return _line(f"{LAZY} clients that never close", load)


def _readers(service: Service, seconds: float) -> Line:
    """Each has asked for a large answer, and reads of it a byte now and then; only then is the healthy one watched."""
    with ExitStack() as stack:
        held = []
        for _ in range(LAZY):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", service.port))
            connection.sendall(request(body=BIG))
            connection.recv(1)
            held.append(connection)
        with Load(service.port, **PACE) as load:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for connection in held:
                    connection.recv(1)
                time.sleep(0.1)
    return _line(f"{LAZY} clients that read an answer of 10,000 rows byte by byte", load)


def _huge(service: Service, seconds: float) -> Line:
    """As often as there is time for: once by its stated length, once in chunks."""
    part = b"10000\r\n" + bytes(2**16) + b"\r\n"
    bodies = (
        (f"Content-Length: {HUGE_BYTES}\r\n\r\n".encode(), bytes(HUGE_BYTES)),
        (b"Transfer-Encoding: chunked\r\n\r\n", part * (HUGE_BYTES // 2**16)),
    )
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    before = {pid: resident_mib(pid) for pid in service.workers}
    count, other, most = 0, 0, 0.0
    with Load(service.port, **PACE) as load:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            framing, body = bodies[count % 2]
            told = exchange(service.port, head + framing + body)
            count += 1
            other += told.statuses != (413,) or not told.closed
            most = max(most, *(resident_mib(pid) - before.get(pid, 0.0) for pid in service.workers))
    line = _line(
        f"a body of {HUGE_BYTES // 10**6} MB, stated and chunked, {count} times",
        load,
        f"; {other} times no 413 and an end, at most {most:.0f} MiB more in a worker",
    )
    return Line(what=line.what, asked=f"{line.asked}, 413", measured=line.measured, met=line.met and not other)


def _flood(service: Service, seconds: float) -> Line:
    with flood(service.port, "/nowhere", seconds=seconds) as told, Load(service.port, **PACE) as load:
        time.sleep(seconds - 0.2)
    reached = f"{told.rate:,.0f} a second, by {told.by}"
    least = "" if told.rate >= FLOOD else f", as many as the machine gives beside their sender (target {FLOOD:,})"
    return _line(f"a flood of 404s: {reached}{least}", load)
