"""Which Python a stage has, and what tox tells of each when it ends.

That is a line of the job's summary on GitHub, and a line of JSON where one is asked: ``GITHUB_STEP_SUMMARY`` and
``ANDON_STAGES`` name files to which they are appended. The seconds are those since the stage before, so that making the
environment and the wheel counts.
"""

from __future__ import annotations

import json
import os
import time
from functools import cache

from tox.config.sets import EnvConfigSet
from tox.plugin import impl
from tox.session.state import State
from tox.tox_env.api import ToxEnv
from virtualenv.discovery.builtin import get_interpreter

_ended = [time.monotonic()]


@impl
def tox_add_env_config(env_conf: EnvConfigSet, state: State) -> None:
    """Of several ``base_python`` the first that is there; tox-uv looks at the first alone, tox at each."""
    wanted = env_conf["base_python"]
    if len(wanted) > 1:
        there = map(_interpreter, wanted)
        wanted[:] = next(([found] for found in there if found), wanted)


@cache
def _interpreter(spec: str) -> str | None:
    """A Python of this version, if there is one. To ask takes most of a second, and every environment does."""
    found = get_interpreter(spec, [])
    return found.system_executable if found else None


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
