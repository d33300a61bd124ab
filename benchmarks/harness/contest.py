"""Servers under load in turns: all of them up at once, one of them asked at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from harness.load import Load, bodies
from harness.payloads import n_answers
from harness.results import NotMeasured
from harness.rounds import median, shown, spread
from harness.say import say
from harness.servers import Command, Request, Server, serving

WARM_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One who is measured.

    Attributes:
        server: the name of the server that is asked.
        rows: how many rows each request holds.
        checked: whether an answer holds a probability for each.
    """

    server: str
    requests: list[Request]
    rows: int
    checked: bool = True


@dataclass(slots=True)
class Outcome:
    """What the rounds gave, or why there is nothing."""

    rows: int
    loads: list[Load] = field(default_factory=list)
    why: str = ""

    @property
    def rates(self) -> list[float]:
        """Rows a second."""
        return [load.rate * self.rows for load in self.loads]

    @property
    def rate(self) -> float | None:
        return median(self.rates) if self.loads else None

    @property
    def p50(self) -> float | None:
        return median([load.p50 for load in self.loads]) if self.loads else None

    @property
    def p99(self) -> float | None:
        return median([load.p99 for load in self.loads]) if self.loads else None

    @property
    def spread(self) -> str:
        return spread(self.rates) if self.loads else ""


def contest(
    commands: Mapping[str, Callable[[], Command]], sides: Mapping[str, Side], *, n_rounds: int, seconds: int
) -> dict[str, Outcome]:
    """Start every server, warm each side up, let them take turns; who can't be measured says why and is left out."""
    outcomes = {name: Outcome(side.rows) for name, side in sides.items()}
    with ExitStack() as stack:
        servers, absent = _started(stack, commands, sides)
        ready = {}
        for name, side in sides.items():
            if side.server in absent:
                outcomes[name].why = absent[side.server]
                continue
            try:
                _check(servers[side.server], side)
            except NotMeasured as reason:
                outcomes[name].why = str(reason)
                say(f"  not measured: {name}: {reason}")
                continue
            press = stack.enter_context(_pressing(servers[side.server], side))
            if _kept(outcomes[name], press, WARM_SECONDS):
                ready[name] = press
        for number in range(n_rounds):
            names = list(ready)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if outcomes[name].why:
                    continue
                load = _kept(outcomes[name], ready[name], seconds)
                if load:
                    outcomes[name].loads.append(load)
                    seen = f"{shown(load.rate * sides[name].rows)} rows/s, p99 {load.p99:.1f} ms"
                    say(f"  round {number + 1} of {n_rounds}: {name}: {seen}")
    for outcome in outcomes.values():
        if outcome.why:
            outcome.loads.clear()
    return outcomes


def _started(
    stack: ExitStack, commands: Mapping[str, Callable[[], Command]], sides: Mapping[str, Side]
) -> tuple[dict[str, Server], dict[str, str]]:
    servers, absent = {}, {}
    for name, command in commands.items():
        probe = next(side.requests[0] for side in sides.values() if side.server == name)
        try:
            servers[name] = stack.enter_context(serving(command(), probe))
        except NotMeasured as reason:
            absent[name] = str(reason)
            say(f"  not measured: {name}: {reason}")
    return servers, absent


@contextmanager
def _pressing(server: Server, side: Side) -> Iterator[Callable[[int], Load]]:
    with bodies(side.requests) as file:
        yield lambda seconds: file.press(server, seconds)


def _check(server: Server, side: Side) -> None:
    """Every request, once, before it is a load: a fast answer that is not whole is none."""
    for request in side.requests:
        answer = server.expect(request)
        if side.checked and n_answers(request, answer) != side.rows:
            raise NotMeasured(f"an answer does not hold {side.rows} probabilities")


def _kept(outcome: Outcome, press: Callable[[int], Load], seconds: int) -> Load | None:
    try:
        return press(seconds)
    except NotMeasured as reason:
        outcome.why = str(reason)
        say(f"  not measured: {reason}")
        return None


def table_of(outcomes: Mapping[str, Outcome]) -> list[list[str]]:
    """A Markdown table of all sides."""
    rows = [["", "rows/s", "rounds", "p50, ms", "p99, ms"]]
    for name, outcome in outcomes.items():
        if outcome.why:
            rows.append([name, f"not measured: {outcome.why}", "", "", ""])
        else:
            rows.append([name, shown(outcome.rate), outcome.spread, shown(outcome.p50), shown(outcome.p99)])
    return rows
