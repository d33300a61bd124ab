"""What a person at a terminal sees of a run: progress, reports, remarks."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from service.tables import human_bytes, table

if TYPE_CHECKING:
    from service.audit import Change
    from service.gates import Bound, Check, Report
    from service.replay import Difference, Replay

SHORT_ID = 12
"""How many digits of a version's id a table shows where two ids share a line."""

LONGEST_NAME = 40
"""How many characters a table of checks shows of a metric or a slice, which may be named by what was sent."""

NAMED = 5
"""How many of the checks that failed are named again where they are counted."""


def say(text: str) -> None:
    """A remark, on standard error."""
    click.echo(f"andon: {text}", err=True)


def print_versions(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line for each version (see ``summarise``), the current one marked."""
    cells = [
        (
            "*" if row["current"] else "",
            row["version"],
            row["name"] or "?",
            "?" if row["rows"] is None else f"{row['rows']:,}",
            "?" if row["bytes"] is None else human_bytes(row["bytes"]),
            row["verdict"] if row["override"] is None else f"{row['verdict']}; overridden: {row['override']}",
        )
        for row in rows
    ]
    if cells:
        _print_table(("", "version", "name", "rows", "size", "verdict"), cells, right=("rows", "size"))


def print_changes(changes: Sequence[Change]) -> None:
    """A line for each change of the pointer; versions by the start of their ids, which names them in any command."""
    cells = [
        (
            str(change.sequence),
            change.time,
            change.actor,
            change.action,
            change.from_version[:SHORT_ID] if change.from_version else "-",
            change.to_version[:SHORT_ID],
            _why(change),
        )
        for change in changes
    ]
    if cells:
        _print_table(("#", "when", "who", "action", "from", "to", "why"), cells, right=("#",))


def _why(change: Change) -> str:
    if change.override is None:
        return change.reason
    return f"{change.reason}{'; ' * bool(change.reason)}override: {change.override} (its gate: {change.overridden})"


def print_replay(replay: Replay) -> None:
    """A log that was scored again: a line for each version that answered, one for all, and one for each threshold."""
    total = replay.total
    click.echo(f"{total.rows:,} rows, scored again with version {replay.version} of {_line(replay.model)}")
    if total.unscored:
        click.echo(f"{total.unscored:,} of them its schema does not accept:")
        for reason, rows in replay.reasons:
            click.echo(f"  {rows:,}  {_line(reason)}")
    columns = ("then", "now", "mean |diff|", "p50", "p90", "p99", "p99.9", "max")
    header = ("answered by", "rows", "scored", *columns)
    cells = [
        (name, f"{each.rows:,}", f"{each.rows - each.unscored:,}", *_difference(each))
        for name, each in [*((each.version or "", each) for each in replay.by_version), ("all", total)]
    ]
    _print_table(header, cells, right=header[1:])
    shares = [
        (f"{each.threshold:g}", *(f"{share:.2%}" for share in (each.then, each.now, each.moved)))
        for each in total.above
    ]
    if shares:
        _print_table(("above", "then", "now", "moved"), shares, right=("then", "now", "moved"))


def _difference(difference: Difference) -> tuple[str, ...]:
    numbers = (difference.mean_then, difference.mean_now, difference.mean, *difference.quantiles, difference.most)
    if difference.unscored == difference.rows:
        return ("-",) * 8
    return tuple(f"{number:.6g}" for number in numbers)


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str]) -> None:
    for line in table(header, rows, right=right):
        click.echo(line)


def print_report(report: Report, *, err: bool) -> None:
    """A gate's verdict, a line for each check: on standard output where it is the result, else on standard error."""
    baseline = report.baseline or ("none: first release" if report.first_release else "none")
    click.echo(f"version  {report.version}", err=err)
    click.echo(f"baseline {baseline}", err=err)
    why = ", for the version may have learned them" if report.left_out else ""
    click.echo(f"{report.rows:,} rows judged by {report.contract['name']}, {report.left_out:,} left out{why}", err=err)
    if report.left_out and not report.rows:
        click.echo("the version may have learned all of these rows; --allow-overlap judges them too", err=True)
    if report.allow_overlap:
        click.echo("rows that the version may have learned are among them (--allow-overlap)", err=err)
    print_checks(report.checks, err=err)
    waived = sum(bool(check.waived) for check in report.checks)
    blessed = f"blessed; {waived} of {len(report.checks)} checks were waived" if waived else "blessed"
    click.echo(blessed if report.passed else f"the line stops here: {_count_failed(report.checks)}", err=err)


def _count_failed(checks: Sequence[Check]) -> str:
    """How many checks failed, and the first of them by name."""
    failed = [_line(_cut(str(check))) for check in checks if not check.passed]
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    names = f": {', '.join(failed[:NAMED])}{more}" if failed else ""
    return f"{len(failed)} of {len(checks)} checks failed{names}"


def print_checks(checks: Sequence[Check], *, err: bool) -> None:
    """A table with a line for each check, under the name of its gate; why it failed or was waived stands below it.

    What is the same for several checks of a gate in a row is said once.
    """
    rows = [
        (f"  {_cut(check.metric)}", _cut(check.slice), _value(check), str(check.bound), check.verdict)
        for check in checks
    ]
    lines = table(("  metric", "slice", "value", "bound", "verdict"), rows, right=("value",))
    click.echo(next(lines), err=err)
    gate = said = ""
    for check, line in zip(checks, lines, strict=True):
        if check.gate != gate:
            gate, said = check.gate, ""
            click.echo(gate, err=err)
        click.echo(line, err=err)
        why = _reason(check)
        if why and why != said:
            said = why
            click.echo(_line(f"    {why}"), err=err)


def _reason(check: Check) -> str:
    """Why a check did not pass; nothing where its own numbers say it."""
    value, interval = check.value, check.interval
    if check.verdict == "passed" or (interval is not None and value is not None and not check.bound.holds(value)):
        return ""  # how much these rows can tell matters where the interval alone breaks the bound
    return ": ".join(filter(None, (check.waived, check.note)))


def _cut(text: str) -> str:
    """A name that users chose, no longer than a table can bear."""
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}"


def _line(text: str) -> str:
    """Text that may hold what was sent, on one line that does nothing to a terminal."""
    return next(table((text,), ()))


def _value(check: Check) -> str:
    if check.value is None:
        return "not defined"
    if check.interval is None:
        return _number(check.value, check.bound)
    low, high = (_number(end, check.bound, sign="+") for end in check.interval)
    return f"{_number(check.value, check.bound, sign='+')} [{low}, {high}]"


def _number(value: float, bound: Bound, *, sign: str = "-") -> str:
    """A number with no more digits than its verdict needs: what is a little beyond the bound is not shown as on it."""
    if isinstance(value, int) or not value:
        return f"{int(value):,}"
    for digits in (5, 8, 11):
        text = f"{value:{sign}.{digits}f}"
        if bound.holds(float(text)) is bound.holds(value):
            return text
    return f"{value:{sign}.15g}"


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block. For imports, in which it would be lost or fatal."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a job in the background, whose shell had it ignored
        yield
        return
    pending = False

    def hold(*_: object) -> None:
        nonlocal pending
        pending = True

    previous = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if pending:
        raise KeyboardInterrupt


@contextmanager
def stage(name: str) -> Iterator[Callable[[float], None]]:
    """A progress bar on a terminal, and one line with the time the stage took anywhere."""
    started = time.monotonic()
    steps = 1_000
    with click.progressbar(length=steps, label=name, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda done: bar.update(int(done * steps) - bar.pos)
    say(f"{name}: {time.monotonic() - started:.1f} s")
