"""Workers killed, reloads, stops, each under load: what becomes of the requests that were accepted."""

import os
import signal
import time
from pathlib import Path

from load import Load, merged
from report import Line
from served import WORKERS, peers, serve

BACK_SECONDS = 2.0
STOP_SECONDS = 35.0

BUSY = {"kept": 8, "fresh": 0, "pause": 0.0}
MIXED = {"kept": 6, "fresh": 4, "pause": 0.001}


def check(folder: Path, store: Path, *, kills: int, signals: int) -> list[Line]:
    """So many kills of a worker, and so many reloads and stops."""
    with serve(folder, store, log=folder / "kills.log") as service:
        killed = _kill(service, kills)
        reloaded = _reload(service, signals)
    return [*killed, reloaded, _stop(folder, store, signals)]


def _kill(service, times: int) -> list[Line]:
    """Connections are kept, so that it is known beforehand whose they are."""
    kills, back = [], []
    with Load(service.port, **BUSY) as load:
        for number in range(times):
            time.sleep(0.3)
            victim = sorted(service.ready_workers())[number % WORKERS]
            os.kill(victim, signal.SIGSTOP)  # so that what it has is what it has when it is killed
            kills.append(peers(victim))
            started = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            service.wait_until(lambda victim=victim: len(service.ready_workers() - {victim}) == WORKERS, seconds=30)
            back.append(time.monotonic() - started)
    seen = load.outcome
    theirs = [lost for lost in seen.lost if any(lost.port in own for own in kills)]
    others = len(seen.lost) - len(theirs)
    if others:
        print("lost elsewhere:", [lost for lost in seen.lost if lost not in theirs][:5])
    late = sum(seconds > BACK_SECONDS for seconds in back)
    return [
        Line(
            what=f"`kill -9` of a worker, {times} times, {BUSY['kept']} busy connections",
            asked="only its in-flight requests are lost",
            measured=f"{len(theirs)} of its own lost, {others} others, of {len(seen.seconds):,}",
            met=not others and len(seen.seconds) > 0,
        ),
        Line(
            what="until another has its model and answers",
            asked=f"within {BACK_SECONDS:.0f} s",
            measured=f"median {sorted(back)[len(back) // 2]:.2f} s, slowest {max(back):.2f} s",
            met=not late,
        ),
    ]


def _reload(service, times: int) -> Line:
    with Load(service.port, **MIXED) as load:
        for _ in range(times):
            time.sleep(0.3)
            before = set(service.workers)
            service.process.send_signal(signal.SIGHUP)
            renewed = service.wait_until(
                lambda before=before: len(service.ready_workers() - before) == WORKERS
                and not before & set(service.workers),
                seconds=60,
            )
            if not renewed:
                break
    return _line(f"SIGHUP, {times} times", load.outcome, "" if renewed else "; a reload did not end", renewed)


def _stop(folder: Path, store: Path, times: int) -> Line:
    outcomes, codes, slowest = [], [], 0.0
    for _ in range(times):
        with serve(folder, store, log=folder / "stops.log") as service:
            with Load(service.port, **MIXED) as load:
                time.sleep(1.0)
                code, seconds = service.stop()
                codes.append(code)
                slowest = max(slowest, seconds)
            outcomes.append(load.outcome)
        (folder / "stops.log").unlink()
    more = f"; exit codes {sorted(set(codes))}, slowest stop {slowest:.1f} s"
    met = set(codes) == {0} and slowest < STOP_SECONDS
    return _line(f"SIGTERM, {times} times, exit code 0 within {STOP_SECONDS:.0f} s", merged(outcomes), more, met)


def _line(what: str, seen, more: str, met: bool) -> Line:
    for lost in seen.lost[:5]:
        print(f"{what}: {lost}")
    return Line(
        what=f"{what}, {MIXED['kept']} kept connections and {MIXED['fresh']} fresh ones",
        asked="0 accepted requests failed",
        measured=f"{len(seen.lost)} failed of {len(seen.seconds) + len(seen.lost):,}; {seen.closed} kept connections "
        f"closed between requests{more}",
        met=met and not seen.lost and len(seen.seconds) > 0,
    )
