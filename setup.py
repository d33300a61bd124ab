"""What ``pyproject.toml`` can't say: a wheel holds the compiled kernels, and serves every Python of one platform."""

from __future__ import annotations

import shutil
from pathlib import Path

from build_backend import load_build
from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

kernels = load_build()


class BuildPy(build_py):
    """The package's files, and among them the library; an editable install gets it in the checkout."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            kernels.make_in_place()
        else:
            # What an earlier build left in the checkout's build folder is no part of this one.
            shutil.rmtree(Path(self.build_lib, "service"), ignore_errors=True)
            super().run()
            kernels.compile_library(self._library())

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        library = [] if self.editable_mode else [str(self._library())]
        return [*super().get_outputs(include_bytecode), *library]

    def _library(self) -> Path:
        return Path(self.build_lib, "service", "kernels", kernels.LIBRARY)


class PlatformWheel(bdist_wheel):
    """``py3-none-linux_x86_64`` and the like: ctypes loads the library, so any Python 3 does."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


class PlatformDistribution(Distribution):
    """Not the same on every platform, although there is no extension module."""

    def has_ext_modules(self) -> bool:
        return True


setup(distclass=PlatformDistribution, cmdclass={"build_py": BuildPy, "bdist_wheel": PlatformWheel})
