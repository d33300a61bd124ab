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
    """All values of both kinds, in turns on one connection; of several rounds, the one in the middle."""
    n_values = N_VALUES // 5 if quick else N_VALUES
    kinds = [_requests(colliding(n_values)), _requests(spread(n_values))]
    lines = []
    for name, column in (("JSON", 0), ("CSV", 1)):
        ratios, seen = [], []
        for _ in range(ROUNDS):
            times = [[], []]
            with connect(service.port) as connection:
                for pair in zip(*([sent[column] for sent in kind] for kind in kinds), strict=True):
                    for kind, sent in enumerate(pair):
                        times[kind].append(_ask(connection, sent))
            p99 = [statistics.quantiles(one, n=100)[98] * 1_000 for one in times]
            seen.append(p99)
            ratios.append(p99[0] / p99[1])
        middle = sorted(range(ROUNDS), key=ratios.__getitem__)[ROUNDS // 2]
        colliding_ms, random_ms = seen[middle]
        lines.append(
            Line(
                what=f"{n_values:,} values of one bucket, {ROWS} a request, {name}",
                asked=f"p99 at most {MOST} times that of as many others",
                measured=f"{ratios[middle]:.2f} times ({colliding_ms:.2f} and {random_ms:.2f} ms); "
                f"{ROUNDS} rounds from {min(ratios):.2f} to {max(ratios):.2f}",
                met=ratios[middle] <= MOST,
            )
        )
    return lines


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
