"""Load by wrk: one thread, sixteen connections that are kept, a rotating set of bodies."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.commands import run
from harness.results import NotMeasured
from harness.servers import HOST, Request, Server

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk saw: requests a second, and milliseconds until half and 99 % of the answers had come."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Bodies:
    """Requests of one kind, in a file as ``load.lua`` reads it."""

    file: Path
    first: Request

    def press(self, server: Server, seconds: int) -> Load:
        """Ask without a pause for so many seconds.

        Raises:
            NotMeasured: wrk is not installed, or an answer was not a 200.
        """
        wrk = shutil.which("wrk")
        if wrk is None:
            raise NotMeasured("wrk is not installed (Debian: apt-get install wrk)")
        url = f"http://{HOST}:{server.port}{self.first.path}"
        words = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), url, "--"]
        kinds = [self.first.path, self.first.content_type, self.first.accept]
        seen = json.loads(run([wrk, *words, str(self.file), *kinds]).output.splitlines()[-1])
        failed = {kind: seen[kind] for kind in ("status", "connect", "read", "write", "timeout") if seen[kind]}
        if failed or not seen["requests"]:
            raise NotMeasured(f"of {seen['requests']} requests failed: {failed}")
        return Load(
            rate=1e6 * seen["requests"] / seen["microseconds"], p50=seen["p50"] / 1_000, p99=seen["p99"] / 1_000
        )


@contextmanager
def bodies(requests: Sequence[Request]) -> Iterator[Bodies]:
    """Requests that differ in nothing but their bodies, ready for wrk."""
    with tempfile.NamedTemporaryFile(prefix="andon-bodies-") as file:
        for request in requests:
            file.write(b"%d\n" % len(request.body) + request.body)
        file.flush()
        yield Bodies(Path(file.name), requests[0])
