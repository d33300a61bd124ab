"""What a service stands on goes wrong: its disk, its store, its clock."""

import os
import re
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

from load import Load, request
from report import Line
from served import Service, andon, serve
from talk import exchange

HERE = Path(__file__).resolve().parent
PACE = {"kept": 1, "fresh": 1, "pause": 0.01}
LOOKS = 2.5
"""So many seconds, and every worker has looked at its store."""

DAY = 86_400


def check(folder: Path, store: Path, *, quick: bool) -> list[Line]:
    """One after the other, each on a store of its own."""
    lines = []
    for kind in (_full_disk, _read_only, _vanished):
        lines.append(kind(_place(folder, kind), store))
    lines.append(_clock(_place(folder, _clock), store, seconds=2.0 if quick else 6.5))
    return lines


def _place(folder: Path, kind) -> Path:
    place = folder / kind.__name__.strip("_")
    place.mkdir()
    return place


@contextmanager
def small_disk(folder: Path, size: str):
    """A disk of its own in memory; ``None`` where nobody may mount one."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


def _line(what: str, load: Load, told: str, met: bool) -> Line:
    seen = load.outcome
    if seen.lost:
        print(what, seen.lost[:3])
    return Line(
        what=what,
        asked="answers as before, and says what is wrong",
        measured=f"{len(seen.lost)} failed of {len(seen.seconds):,}; {told}",
        met=met and not seen.lost and not seen.refused and len(seen.seconds) > 0,
    )


def _not_run(what: str, why: str) -> Line:
    return Line(what=what, asked="answers as before, and says what is wrong", measured=why, met=None)


def _full_disk(folder: Path, store: Path) -> Line:
    """On it are the log, with a line for each request, the temporary folder, and whatever the service may write."""
    what = "a full disk, on which is all that the service writes"
    with small_disk(folder / "disk", "1m") as disk:
        if disk is None:
            return _not_run(what, "only root can mount a small disk")
        settings = {
            "TMPDIR": str(disk),
            "ANDON_ACCESS_LOG": "true",
            "ANDON_REQUEST_LOG": str(disk / "requests"),
            "ANDON_REQUEST_LOG_BYTES": "65536",
        }
        with serve(folder, store, log=disk / "service.log", **settings) as service:
            workers = set(service.workers)
            filler = disk / "filler"
            with Load(service.port, **PACE) as load:
                time.sleep(0.5)
                _fill(filler)
                time.sleep(LOOKS)
                full = os.statvfs(disk).f_bavail == 0
                dropped = _dropped(service)
                filler.unlink()
                size = service.log.stat().st_size
                service.wait_until(lambda: service.log.stat().st_size > size, seconds=10)
                back = service.wait_until(lambda: service.said("the request log is written again"), seconds=20)
            again = service.log.stat().st_size > size
            same = set(service.workers) == workers
    logs = " and ".join(sorted(dropped)) or "nothing"
    told = f"`/metrics` counts what is lost of these logs: {logs}; "
    told += f"they go on when there is room again, and say so: {'yes' if again and back else 'no'}"
    told += "" if same else "; other workers"
    return _line(what, load, told, full and again and same and back and dropped == {"access", "request"})


def _dropped(service: Service) -> set[str]:
    """The logs that lack a request."""
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    return set(re.findall(r'^andon_log_dropped_total\{log="(\w+)"\} (?!0\.0$)', page, re.MULTILINE))


def _fill(path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4_096))
        except OSError:
            return


def _read_only(folder: Path, store: Path) -> Line:
    """A promotion there is refused in words, and what answers does not change."""
    what = "a read-only store"
    with small_disk(folder / "disk", "64m") as disk:
        if disk is None:
            return _not_run(what, "only root can mount a small disk")
        shutil.copytree(store, disk / "store")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with serve(folder, disk / "store") as service, Load(service.port, **PACE) as load:
            version = service.get("/health")[1]["version"]
            done = andon("promote", version, "--store", disk / "store", "--override", "a test", folder=folder)
            time.sleep(LOOKS)
            status, health = service.get("/health")
    words = done.stderr.strip().splitlines()[-1:] or [""]
    refused = done.returncode != 0 and "Traceback" not in done.stderr and "ead-only" in done.stderr
    print(f"read-only: {words[0]}")
    told = f"`/health` {status}; `andon promote` ends with {done.returncode}"
    told += f", {'and says why' if refused else words[0]}"
    return _line(what, load, told, refused and status == 200 and health.get("version") == version)


def _vanished(folder: Path, store: Path) -> Line:
    """It is moved away as a whole, and comes back."""
    own, away = folder / "store", folder / "away"
    shutil.copytree(store, own)
    with serve(folder, own) as service, Load(service.port, **PACE) as load:
        own.rename(away)
        time.sleep(LOOKS)
        gone = service.get("/health")
        logged = "refused: the store" in service.log.read_text()
        away.rename(own)
        time.sleep(LOOKS)
        back = service.get("/health")
    print(f"vanished: {gone}")
    told = f"`/health` {gone[0]}, `refused`: {gone[1].get('refused', gone[1].get('detail', 'nothing'))}"
    told += f"; {'told' if logged else 'not told'} by the log; {back[0]} when it is back"
    met = gone[0] == 200 and "refused" in gone[1] and logged and back[0] == 200 and "refused" not in back[1]
    return _line("a vanished store", load, told, met)


def _clock(folder: Path, store: Path, *, seconds: float) -> Line:
    """The wall clock that the service sees jumps on by two days, back by four, and to what it is.

    Each time it stays for longer than a worker may give no sign of life, if it is given the ``seconds``.
    """
    what = "a clock that jumps on by two days, back by four, and to what it is"
    library, moved = folder / "clock.so", folder / "moved"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return _not_run(what, "there is no C compiler to build `clock.c` with")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, HERE / "clock.c", "-ldl"], check=True)
    moved.write_text("0")
    settings = {"LD_PRELOAD": str(library), "ANDON_TEST_CLOCK": str(moved), "ANDON_TIMEOUT": "5"}
    with serve(folder, store, **settings) as service:
        workers, seen = set(service.workers), []
        with Load(service.port, **PACE) as load:
            for days in (2, -2, 0):
                moved.write_text(str(days * DAY))
                time.sleep(seconds)
                seen.append(abs(_ahead(service) - days * DAY) < DAY / 2 and service.get("/health")[0] == 200)
        same = set(service.workers) == workers
        code, took = service.stop()
    told = f"its own clock was seen to jump, and `/health` is 200: {'yes' if all(seen) else seen}"
    told += f"; {'the same' if same else 'other'} workers; a stop ends with {code}"
    return _line(what, load, told, all(seen) and same and code == 0 and took < 10)


def _ahead(service: Service) -> float:
    """How far the clock of the answers' ``Date`` is ahead of ours."""
    answer = exchange(service.port, request("/health/live", b"", method="GET", also="Connection: close\r\n")).answer
    date = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"date: "))
    return parsedate_to_datetime(date[6:].decode()).timestamp() - time.time()
