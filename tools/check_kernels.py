"""Check the C of the kernels with the machine's own compiler, or say that it has none.

    python tools/check_kernels.py warnings                   # every warning is an error
    python tools/check_kernels.py sanitize [PYTEST ARGUMENT]...  # the tests, with every access and every shift watched

The second compiles a copy of the package with AddressSanitizer and UndefinedBehaviorSanitizer, and runs the tests of
what stands on the kernels with it (or those that are named).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from service.kernels import build  # noqa: E402 - the checkout's

# -Wmissing-prototypes is not among them: ctypes finds the functions without a header.
WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wcast-align",
    "-Wcast-qual",
    "-Wconversion",
    "-Wdouble-promotion",
    "-Wformat=2",
    "-Wnull-dereference",
    "-Wshadow",
    "-Wsign-conversion",
    "-Wstrict-prototypes",
    "-Wundef",
    "-Wvla",
)

SANITIZERS = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

# The sanitizer's own library comes first in the process, and C++'s before Arrow's exceptions are looked for.
PRELOADED = ("libasan.so", "libstdc++.so.6")

TESTS = ("tests/unit/kernels", "tests/unit/core")


def main():
    """Run one check; the exit code is the verdict."""
    check, *arguments = sys.argv[1:] or ["?"]
    if check not in ("warnings", "sanitize"):
        print(__doc__, file=sys.stderr)
        return 2
    if build.system_compiler() is None:
        print(f"{check}: skipped, there is no C compiler on this machine")
        return 0
    with tempfile.TemporaryDirectory(prefix="andon-kernels-") as folder:
        return warnings(Path(folder)) if check == "warnings" else sanitize(Path(folder), arguments)


def warnings(folder):
    """Compile the kernels, and accept no warning."""
    try:
        build.compile_libraries([folder / name for name in build.libraries()], extra=[*WARNINGS, "-Werror"])
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def sanitize(folder, arguments):
    """Run the tests on a copy of the package whose library is watched."""
    preloaded = [_file(name) for name in PRELOADED]
    if not all(preloaded):
        print("sanitize: skipped, the C compiler has no AddressSanitizer")
        return 0
    copy = folder / "service"
    shutil.copytree(ROOT / "service", copy, ignore=shutil.ignore_patterns("__pycache__", "_andon*"))
    build.compile_library(copy / "kernels" / build.LIBRARY, extra=SANITIZERS)
    environ = {
        **os.environ,
        "LD_PRELOAD": " ".join(preloaded),
        "ASAN_OPTIONS": "detect_leaks=0",  # an interpreter keeps much until its end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # each bytes object a block of its own, with a fence around it
    }
    tests = arguments or [str(ROOT / path) for path in TESTS]
    # What a sanitizer says last goes past Python to standard error, hence --capture=sys.
    options = ["-p", "no:cacheprovider", "--numprocesses=auto", "--capture=sys"]
    configuration = [f"--config-file={ROOT / 'pyproject.toml'}", f"--rootdir={ROOT}"]
    command = [sys.executable, "-m", "pytest", *options, *configuration, *tests]
    return subprocess.run(command, cwd=folder, env=environ, check=False).returncode


def _file(name):
    """Where the compiler has a library of that name; nothing if it hasn't."""
    command = [*build.system_compiler(), f"-print-file-name={name}"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return path if os.path.isabs(path) else None


if __name__ == "__main__":
    sys.exit(main())
