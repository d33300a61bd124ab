"""The build backend: setuptools', given a C compiler from PyPI where the machine has none.

The kernels are C (``service/kernels``). Whoever installs Andon needs no compiler for them: a build then asks for zig's,
which comes as a wheel for every platform. Where ``cc``, ``gcc``, ``clang`` or ``$CC`` is there, nothing is downloaded.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F401, F403 - the functions that make a module a backend

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
