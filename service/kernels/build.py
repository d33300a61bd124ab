"""Compile the kernels: the C files of this folder, into libraries beside them that hold no Python.

One runs on every machine of its architecture. For x86-64 there is another, of the same C, for the machines of the last
ten years; ``library`` takes it where it can, and gets the same bits from it in less time.

``setup.py`` calls it for the wheel, which therefore serves every Python; nothing compiles at run time. In a checkout,
``python -m service.kernels.build`` (or the tests' conftest) makes the libraries in their place.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = "_andon.so"
"""Runs on every machine."""

LIBRARY_V3 = "_andon.v3.so"
"""Runs on x86-64-v3: with AVX2, and what came with it."""

LEVELS = {LIBRARY: ("-march=x86-64", "-mcpu=baseline"), LIBRARY_V3: ("-march=x86-64-v3", "-mcpu=x86_64_v3")}
"""How a compiler, and how zig, calls the machines that each library is for."""

FLAGS = (
    "-std=c11",
    "-O3",
    "-fPIC",
    "-shared",
    "-g0",  # zig would write the folder that it compiles in into the library
    "-fvisibility=hidden",
    "-fno-math-errno",  # sqrt becomes an instruction; nothing reads errno
    "-fno-trapping-math",  # both sides of a choice may be computed, side by side; nothing reads the exceptions' flags
    "-ffp-contract=off",  # no fused multiply-add: the same bits on every machine
)


def libraries() -> list[str]:
    """The names of the libraries for this architecture."""
    return [LIBRARY, LIBRARY_V3] if _is_x86_64() else [LIBRARY]


def main() -> int:
    """Make the libraries beside the sources, and return the exit code."""
    try:
        make_in_place()
    except RuntimeError as error:
        print(f"andon: error: {error}", file=sys.stderr)
        return 2
    return 0


def make_in_place() -> None:
    """Make each library beside the sources that is older than they are.

    Raises:
        RuntimeError: as ``compile_library``.
    """
    compile_libraries([library for library in map(HERE.joinpath, libraries()) if not is_current(library)])


def sources() -> list[Path]:
    """All that a library is made of, this file with its flags included. An installed package holds no C."""
    return [*sorted(HERE.glob("*.c")), *sorted(HERE.glob("*.h")), Path(__file__).resolve()]


def is_current(library: Path) -> bool:
    """Whether the library is there and no source is newer."""
    return library.exists() and all(source.stat().st_mtime_ns <= library.stat().st_mtime_ns for source in sources())


def compile_libraries(made: Sequence[Path], *, extra: Sequence[str] = ()) -> None:
    """Compile each, side by side, for a compiler is busy on one core alone; otherwise as ``compile_library``."""
    # Not above: a service imports this module too, for the libraries' names.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as threads:
        list(threads.map(partial(compile_library, extra=extra), made))


def compile_library(library: Path, *, extra: Sequence[str] = ()) -> None:
    """Compile the kernels into ``library``, one of ``libraries()``, which appears whole or not at all.

    Args:
        extra: flags after our own, which win.

    Raises:
        RuntimeError: there is no C here, or no C compiler, or it failed; the message holds its own.
    """
    units = [str(source) for source in sources() if source.suffix == ".c"]
    if not units:
        raise RuntimeError(f"there is no C in {HERE}: a checkout has it, an installed package the library")
    with tempfile.TemporaryDirectory(prefix="andon-kernels-") as caches:
        unfinished = library.with_suffix(f".{os.getpid()}.tmp")
        command = compiler()
        flags = [*architecture(command, library.name), *FLAGS, *extra]
        command += [*flags, *units, "-o", str(unfinished), *linked(command)]
        environ = {"ZIG_GLOBAL_CACHE_DIR": caches, "ZIG_LOCAL_CACHE_DIR": caches, **os.environ}
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
            if done.returncode:
                raise RuntimeError(f"the kernels do not compile: {shlex.join(command)}\n{done.stderr}")
            os.replace(unfinished, library)
        except OSError as error:
            raise RuntimeError(f"the kernels can't be compiled: {shlex.join(command)}: {error}") from error
        finally:
            unfinished.unlink(missing_ok=True)


def compiler() -> list[str]:
    """The command of a C compiler: the system's, or zig's, which comes as a Python package.

    Raises:
        RuntimeError: there is none.
    """
    found = system_compiler()
    if found is not None:
        return found
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise RuntimeError("no C compiler was found: install gcc or clang, or `pip install ziglang`, or set CC")


def system_compiler() -> list[str] | None:
    """``$CC``, or the first of the usual names that is on the path."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    return next(([path] for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)


def architecture(command: Sequence[str], library: str = LIBRARY) -> list[str]:
    """The least machine that a library must run on, as this compiler calls it: never the one that compiles it."""
    usual, by_zig = LEVELS[library]
    if _is_zig(command):
        return [by_zig]
    return [usual] if _is_x86_64() else []


def linked(command: Sequence[str]) -> list[str]:
    """What the kernels are linked with: the C library alone.

    By itself zig adds a runtime library, which it compiles first, for longer than it takes for all of the kernels. They
    call nothing of it; if one ever does, the linker says so (``defs``).
    """
    return ["-nostdlib", "-Wl,-z,defs", "-lc", "-lm"] if _is_zig(command) else ["-lm"]


def _is_zig(command: Sequence[str]) -> bool:
    return any(Path(word).name in ("zig", "ziglang") for word in command)


def _is_x86_64() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


if __name__ == "__main__":
    sys.exit(main())
