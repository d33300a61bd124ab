"""What ``pyproject.toml`` can't say: a wheel holds the compiled kernels and the revision, and serves every Python."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from build_backend import load_build, revision
from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

kernels = load_build()


class BuildPy(build_py):
    """The package's files, and among them the libraries and the revision, if it is known.

    An editable install gets the libraries in the checkout, and no revision: it would not be that of tomorrow's sources.
    """

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            kernels.make_in_place()
        else:
            # What an earlier build left in the checkout's build folder is no part of this one.
            shutil.rmtree(Path(self.build_lib, "service"), ignore_errors=True)
            super().run()
            kernels.compile_libraries(self._libraries())
            if known := revision():
                self._revision().write_text(f"{known}\n", encoding="ascii")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        made = [] if self.editable_mode else [path for path in (*self._libraries(), self._revision()) if path.exists()]
        return [*super().get_outputs(include_bytecode), *map(str, made)]

    def _libraries(self) -> list[Path]:
        return [Path(self.build_lib, "service", "kernels", name) for name in kernels.libraries()]

    def _revision(self) -> Path:
        return Path(self.build_lib, "service", "revision.txt")


class PlatformWheel(bdist_wheel):
    """``py3-none-linux_x86_64`` and the like: ctypes loads the libraries, so any Python 3 does.

    With ``SOURCE_DATE_EPOCH``, the same sources and compiler give the same wheel to the byte, whoever builds it.
    """

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]

    def write_wheelfile(self, *arguments: Any, **options: Any) -> None:
        """The last file before all are packed: none keeps the builder's umask."""
        super().write_wheelfile(*arguments, **options)
        for path in Path(self.bdist_dir).rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


class PlatformDistribution(Distribution):
    """Not the same on every platform, although there is no extension module."""

    def has_ext_modules(self) -> bool:
        return True


setup(distclass=PlatformDistribution, cmdclass={"build_py": BuildPy, "bdist_wheel": PlatformWheel})
