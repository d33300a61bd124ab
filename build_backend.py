"""The build backend: setuptools', given a C compiler from PyPI where the machine has none.

The kernels are C (``service/kernels``). Whoever installs Andon needs no compiler for them: a build then asks for zig's,
which comes as a wheel for every platform. Where ``cc``, ``gcc``, ``clang`` or ``$CC`` is there, nothing is downloaded.

A wheel says which revision of the sources it was built from: ``$ANDON_REVISION``, or what git says of the checkout.
"""

from __future__ import annotations

import os
import re
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F401, F403 - the functions that make a module a backend
from setuptools.errors import SetupError

COMPILER = "ziglang==0.17.1"


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What building a wheel needs beside ``build-system.requires``."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_compiler()]


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """What an editable install needs beside it: the same."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_compiler()]


def _compiler() -> list[str]:
    return [] if load_build().system_compiler() else [COMPILER]


def load_build() -> ModuleType:
    """``service/kernels/build.py``, without the package around it, whose dependencies are not there at this time."""
    spec = spec_from_file_location("kernels_build", Path(__file__).parent / "service" / "kernels" / "build.py")
    if spec is None or spec.loader is None:
        raise ImportError("service/kernels/build.py is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def revision() -> str | None:
    """The revision of the sources, with ``-dirty`` behind it where tracked files differ from it; ``None`` if unknown.

    Raises:
        SetupError: ``$ANDON_REVISION`` is none.
    """
    given = os.environ.get("ANDON_REVISION", "")
    if not given:
        return _checked_out()
    if not re.fullmatch(r"[0-9a-f]{7,64}(-dirty)?", given, re.ASCII | re.IGNORECASE):
        raise SetupError(f"ANDON_REVISION: expected 7 to 64 hex digits, and -dirty or not, found {given!r}")
    return given.lower()


def _checked_out() -> str | None:
    """What git says, if this very folder is a checkout, and not one within somebody else's."""
    folder = Path(__file__).resolve().parent
    top = _git(folder, "rev-parse", "--show-toplevel")
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if not top or Path(top).resolve() != folder or not commit or changed is None:
        return None
    return f"{commit}-dirty" if changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    # A hook's GIT_DIR and the like would speak of another repository.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    except OSError:  # there is no git
        return None
    return done.stdout.strip() if done.returncode == 0 else None
