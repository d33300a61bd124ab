"""Requests of values that share one bucket take as long as others."""

import json
import statistics
import time

from collisions import colliding, spread
from load import request
from report import Line
from served import Service
from talk import connect, statuses_of

N_VALUES = 100_000
ROWS = 100
MOST = 1.2
ROUNDS = 5


def check(service: Service, *, quick: bool) -> list[Line]:
    """All values of both kinds, in turns on one connection, in several rounds.

    What a request costs for its values it costs in every round; what the machine does meanwhile, not. So of each
    request the time in the middle counts, and of these the p99.
    """
    n_values = N_VALUES // 5 if quick else N_VALUES
    kinds = [_requests(colliding(n_values)), _requests(spread(n_values))]
    lines = []
    for name, column in (("JSON", 0), ("CSV", 1)):
        pairs = list(zip(*([sent[column] for sent in kind] for kind in kinds), strict=True))
        rounds = [_round(service, pairs, first=number % 2) for number in range(ROUNDS)]
        colliding_ms, random_ms = (_p99_ms([seconds[kind] for seconds in rounds]) for kind in (0, 1))
        ratio = colliding_ms / random_ms
        lines.append(
            Line(
                what=f"{n_values:,} values of one bucket, {ROWS} a request, {name}",
                asked=f"p99 at most {MOST} times that of as many others",
                measured=f"{ratio:.2f} times ({colliding_ms:.2f} and {random_ms:.2f} ms)",
                met=ratio <= MOST,
            )
        )
    return lines


def _round(service: Service, pairs: list[tuple[bytes, bytes]], *, first: int) -> tuple[list[float], list[float]]:
    """The seconds of every request, by kind; of each pair, the one of kind ``first`` is sent first."""
    seconds = [], []
    with connect(service.port) as connection:
        for pair in pairs:
            for kind in (first, 1 - first):
                seconds[kind].append(_ask(connection, pair[kind]))
    return seconds


def _p99_ms(rounds: list[list[float]]) -> float:
    typical = [statistics.median(times) for times in zip(*rounds, strict=True)]
    return statistics.quantiles(typical, n=100)[98] * 1_000


def _requests(values: list[str]) -> list[tuple[bytes, bytes]]:
    parts = [values[start : start + ROWS] for start in range(0, len(values), ROWS)]
    return [(_as_json(part), _as_csv(part)) for part in parts]


def _as_json(part: list[str]) -> bytes:
    return request(body=json.dumps({"instances": [{"tailnum": value} for value in part]}).encode())


def _as_csv(part: list[str]) -> bytes:
    body = "\n".join(["tailnum", *part, ""]).encode()
    return request(body=body).replace(b"application/json", b"text/csv", 1)


def _ask(connection, sent: bytes) -> float:
    started, answer = time.perf_counter(), b""
    connection.sendall(sent)
    while not statuses_of(answer):
        part = connection.recv(65_536)
        if not part:
            raise ConnectionResetError("the service has closed the connection")
        answer += part
    seconds = time.perf_counter() - started
    if statuses_of(answer) != (200,):
        raise AssertionError(answer[:500])
    return seconds
