"""Whole commands: their seconds, their peak memory, and their end when ours comes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.results import NotMeasured

ANDON = [sys.executable, "-I", "-m", "service"]
"""The installed package's command line; isolated, so that no checkout in the working folder is taken for it."""

VOWPAL_WABBIT = [sys.executable, "-I", "-m", "vowpalwabbit"]
"""The package's own command: it hands its arguments to the C++ program and comes back when that has read its data."""

STOP_SECONDS = 30


def read_through(*paths: Path) -> None:
    """Have whole files in the page cache. A kernel may let go of pages that nobody has touched for a minute."""
    part = bytearray(2**20)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(part):
                pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that ended well.

    Attributes:
        seconds: wall clock, from before its start to after its end.
        output: what it wrote to standard output.
        max_rss: bytes, the largest of any of its processes, as the kernel counted it; 0 where that says nothing.
        peak: bytes, of all its processes at once, sampled; 0 if that was not asked for.
    """

    seconds: float
    output: str
    max_rss: int
    peak: int = 0


def run(command: Sequence[str | Path], *, sampled: bool = False, environ: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end.

    Raises:
        NotMeasured: it failed; the message has its last words.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        with process(command, output=output, errors=errors, environ=environ) as child:
            sampler = _Sampler(child.pid) if sampled else None
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            peak = sampler.stop() if sampler else 0
        if child.returncode:
            raise NotMeasured(f"`{_name(command)}` failed ({child.returncode}): {_last_words(errors)}")
        output.seek(0)
        # What was forked counts as large as this process was: up to that, the kernel's count says nothing.
        known = usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        max_rss = 1024 * usage.ru_maxrss if known else 0
        return Ran(seconds=seconds, output=output.read().decode(), max_rss=max_rss, peak=peak)


@contextmanager
def process(
    command: Sequence[str | Path],
    *,
    output: object = subprocess.DEVNULL,
    errors: object = subprocess.STDOUT,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; all of the group has ended when this ends, however it ends."""
    child = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=output,  # type: ignore[arg-type]
        stderr=errors,  # type: ignore[arg-type]
        env={**os.environ, **(environ or {})},
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    _signal(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(child.pid, signal.SIGKILL)  # whoever of the group did not listen
        child.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # nobody of it is left
        os.killpg(group, number)


def family(pid: int) -> list[psutil.Process]:
    """A process and all that came of it."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class _Sampler:
    """Looks ten times a second at how much memory a family of processes holds, shared pages counted once."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._done = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._done.wait(0.1):
            total = 0
            for one in family(self._pid):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # it ended meanwhile
                    total += one.memory_full_info().pss
            self._peak = max(self._peak, total)


def _name(command: Sequence[str | Path]) -> str:
    return " ".join(Path(str(word)).name for word in command[:6])


def _last_words(errors: object) -> str:
    errors.seek(0)  # type: ignore[attr-defined]
    lines = errors.read().decode(errors="replace").strip().splitlines()  # type: ignore[attr-defined]
    return lines[-1][:300] if lines else "it said nothing"
