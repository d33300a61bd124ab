"""What tox tells of each stage when it ends: a line of the job's summary on GitHub, a line of JSON where one is asked.

``GITHUB_STEP_SUMMARY`` and ``ANDON_STAGES`` name files to which they are appended. The seconds are those since the
stage before, so that making the environment and the wheel counts.
"""

from __future__ import annotations

import json
import os
import time

from tox.plugin import impl
from tox.tox_env.api import ToxEnv

_ended = [time.monotonic()]


@impl
def tox_after_run_commands(tox_env: ToxEnv, exit_code: int, outcomes: object) -> None:
    """A stage's commands have run."""
    now = time.monotonic()
    seconds, _ended[0] = now - _ended[0], now
    verdict = "passed" if exit_code == 0 else "failed"
    _append("GITHUB_STEP_SUMMARY", f"`{tox_env.conf.name}` **{verdict}** after {seconds:.0f} s\n")
    _append("ANDON_STAGES", json.dumps({"stage": tox_env.conf.name, "verdict": verdict, "seconds": round(seconds, 1)}))


def _append(variable: str, line: str) -> None:
    path = os.environ.get(variable)
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
