"""Under steady load, nothing grows."""

import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from load import Load
from report import Line
from served import Service, n_files, n_sockets, n_threads, resident_mib

WARM = 0.25
"""This share of the time, what is kept on purpose (the allocator's, heads, classes of Python) comes to what it is."""

MOST_MIB = 2.0
"""By the line through its memory, a worker may have grown so much over the rest, beyond the line's error."""

STEADY = {"kept": 2, "fresh": 2, "pause": 0.005}


def check(service: Service, folder: Path, *, seconds: float) -> list[Line]:
    """Look once a second, or fifty times."""
    pause, samples = min(1.0, seconds / 50), []
    with Load(service.port, **STEADY, seconds=seconds + 60) as load:
        started = time.monotonic()
        while (now := time.monotonic() - started) < seconds:
            if now > WARM * seconds:
                samples.append((now, {pid: _seen(pid) for pid in service.workers}, _metric_files(folder)))
            time.sleep(pause)
        time.sleep(0.1)
    workers = set(samples[0][1])
    same = all(set(seen) == workers for _, seen, _ in samples)
    times = [now for now, _, _ in samples]
    span = times[-1] - times[0]
    lines, minutes = [], seconds / 60
    rate = len(load.outcome.seconds) / seconds
    lines.append(
        Line(
            what=f"steady load for {minutes:.1f} minutes, {rate:,.0f} requests a second",
            asked="0 accepted requests failed, the same workers at the end",
            measured=f"{len(load.outcome.lost)} failed of {len(load.outcome.seconds):,}, p99 "
            f"{load.outcome.p99_ms():.0f} ms; {'the same' if same else 'other'} workers",
            met=not load.outcome.lost and same,
        )
    )
    if not same:
        return lines
    worst = max((slope_of(times, [seen[pid][0] for _, seen, _ in samples]) for pid in workers), key=lambda one: one[0])
    grown, error = worst[0] * span, worst[1] * span
    lines.append(
        Line(
            what="memory of a worker, least squares over the last three quarters of it",
            asked=f"flat: no more than {MOST_MIB:.0f} MiB beyond twice its error",
            measured=f"{grown:+.2f} ± {error:.2f} MiB in {span:.0f} s",
            met=grown - 2 * error <= MOST_MIB,
        )
    )
    for place, name in enumerate(("open files", "sockets", "threads"), start=1):
        # Connections come and go; what is never closed stays, and raises the least that there are.
        of = min if name == "sockets" else max
        counts = [sum(seen[pid][place] for pid in workers) for _, seen, _ in samples]
        lines.append(_counted(f"{name} of the workers", counts, of))
    lines.append(_counted("files of metrics", [files for _, _, files in samples], max))
    return lines


def slope_of(times: list[float], values: list[float]) -> tuple[float, float]:
    """The least squares' slope, and its standard error as if the values did not depend on each other."""
    middle, mean = statistics.fmean(times), statistics.fmean(values)
    spread = sum((time - middle) ** 2 for time in times)
    slope = sum((time - middle) * (value - mean) for time, value in zip(times, values, strict=True)) / spread
    rest = sum((value - mean - slope * (time - middle)) ** 2 for time, value in zip(times, values, strict=True))
    return slope, math.sqrt(rest / max(1, len(times) - 2) / spread)


def _seen(pid: int) -> tuple[float, int, int, int]:
    return resident_mib(pid), n_files(pid), n_sockets(pid), n_threads(pid)


def _counted(what: str, counts: list[int], of: Callable[[list[int]], int]) -> Line:
    """The least or the most in the first quarter of the counts, and in the last."""
    quarter = max(1, len(counts) // 4)
    first, last = of(counts[:quarter]), of(counts[-quarter:])
    word = "least" if of is min else "most"
    measured = f"{first} at {word} at first, {last} at the end"
    return Line(what=what, asked="flat", measured=measured, met=last <= first)


def _metric_files(folder: Path) -> int:
    return sum(len([name for name in names if name.endswith(".db")]) for _, _, names in os.walk(folder))
