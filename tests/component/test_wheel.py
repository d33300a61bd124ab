"""The wheel: one for every Python of a platform, with the compiled kernels in it; and what building it asks for."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

from service.kernels import build

ROOT = Path(__file__).resolve().parents[2]
FILES = ("build_backend.py", "LICENSE", "MANIFEST.in", "pyproject.toml", "README.md", "setup.py")
BUILD = "import sys, build_backend; print(build_backend.build_wheel(sys.argv[1]))"
REQUIRES = "import build_backend as b; print(*b.get_requires_for_build_wheel(), *b.get_requires_for_build_editable())"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with what builds the wheel, and a library that somebody compiled for himself in it."""
    folder = tmp_path_factory.mktemp("source")
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "service", folder / "service", ignore=shutil.ignore_patterns("__pycache__", "_andon*"))
    (folder / "service" / "kernels" / build.LIBRARY).write_bytes(b"for another machine")
    return folder


def in_source(source, program, *arguments, **environ):
    """What a program prints last when run in that folder."""
    command, env = [sys.executable, "-c", program, *map(str, arguments)], {**os.environ, **environ}
    done = subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.skipif(build.system_compiler() is None, reason="there is no C compiler on this machine")
def test_a_wheel_holds_the_library_instead_of_the_c_and_serves_every_python(source, tmp_path):
    # What an earlier build left behind is not in it.
    stale = source / "build" / f"lib.{os.uname().sysname.lower()}-{os.uname().machine}-{sys.implementation.cache_tag}"
    (stale / "service").mkdir(parents=True)
    (stale / "service" / "gone.py").touch()
    name = in_source(source, BUILD, tmp_path)
    assert re.fullmatch(r"andon-[\d.]+-py3-none-linux_\w+\.whl", name)
    with ZipFile(tmp_path / name) as wheel:
        kernels = {Path(path).name for path in wheel.namelist() if path.startswith("service/kernels/")}
        assert wheel.read(f"service/kernels/{build.LIBRARY}").startswith(b"\x7fELF")
        assert "service/gone.py" not in wheel.namelist()
        assert not any(".data/" in path for path in wheel.namelist())
    python = {path.name for path in (ROOT / "service" / "kernels").glob("*.py")}
    assert kernels == {*python, build.LIBRARY}


def test_a_machine_without_a_compiler_is_given_one_and_any_other_is_not(source, tmp_path):
    pinned = re.search(r"^ziglang==[\d.]+", (ROOT / "requirements" / "build.txt").read_text(), re.MULTILINE)
    assert in_source(source, REQUIRES, PATH=str(tmp_path), CC="").split() == 2 * [pinned[0]]
    assert "ziglang" not in in_source(source, REQUIRES, CC="gcc")


def test_what_is_installed_here_is_such_a_wheel():
    try:
        installed = distribution("andon")
    except PackageNotFoundError:
        pytest.skip("this is a checkout")
    if not str(build.HERE).startswith(str(installed.locate_file(""))) or any(build.HERE.glob("*.c")):
        pytest.skip("this is a checkout")
    assert re.search(r"^Tag: py3-none-", installed.read_text("WHEEL"), re.MULTILINE)
    assert build.LIBRARY in {path.name for path in installed.files}
