"""What a person at a terminal sees of a run: progress, reports, remarks."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from service.gates import Report


def say(text: str) -> None:
    """A remark, on standard error."""
    click.echo(f"andon: {text}", err=True)


def print_versions(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line for each version (see ``Store.summary``), the current one marked."""
    for row in rows:
        mark = "*" if row["current"] else " "
        size = f"{row['rows']:>12,} rows" if row["rows"] is not None else " " * 17
        click.echo(f"{mark} {row['version']}  {row['name'] or '?':<16} {size}  {row['verdict']}")


def print_report(report: Report, *, err: bool) -> None:
    """A gate's verdict, a line for each check: on standard output where it is the result, else on standard error."""
    click.echo(f"version {report.version}: {report.rows:,} rows judged, {report.left_out:,} left out", err=err)
    if report.left_out and not report.rows:
        click.echo("the version may have learned all of these rows; --allow-overlap judges them too", err=True)
    if report.allow_overlap:
        click.echo("rows that the version may have learned are among them (--allow-overlap)", err=err)
    for check in report.checks:
        value = "not defined" if check.value is None else _shown(check.value)
        verdict = "passed" if check.passed else "FAILED"
        click.echo(f"  {check.bound.metric:<20} {value:>12}   {check.bound!s:<20} {verdict}", err=err)
    click.echo("blessed" if report.passed else "the line stops here: not blessed", err=err)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block. For imports and compilers, in which it would be lost or fatal."""
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


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.5f}"
