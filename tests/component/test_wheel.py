"""The wheel: one for every Python of a platform, with the compiled kernels in it; and what building it asks for."""

import json
import os
import re
import shlex
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
REVISION = "import build_backend; print(build_backend.revision())"
REVISIONS = """
import json, os, sys
import build_backend
answers = []
for changes in json.loads(sys.argv[1]):
    environ = dict(os.environ)
    os.environ.update(changes)
    try:
        answers.append(build_backend.revision())
    except build_backend.SetupError as error:
        answers.append(f"SetupError: {error}")
    os.environ.clear()
    os.environ.update(environ)
print(json.dumps(answers))
"""
"""What each of several environments has for an answer."""

REQUIRES = "import build_backend as b; print(*b.get_requires_for_build_wheel(), *b.get_requires_for_build_editable())"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with what builds the wheel, and a library that somebody compiled for himself in it."""
    folder = tmp_path_factory.mktemp("source")
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "service", folder / "service", ignore=shutil.ignore_patterns("__pycache__", "_andon*"))
    for name in build.libraries():
        (folder / "service" / "kernels" / name).write_bytes(b"for another machine")
    return folder


def in_source(source, program, *arguments, **environ):
    """What a program prints last when run in that folder."""
    done = run_in_source(source, program, *arguments, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def run_in_source(source, program, *arguments, **environ):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    env = {**os.environ, "ANDON_REVISION": "", **environ}
    return subprocess.run(command, cwd=source, env=env, capture_output=True, text=True, check=False)


def revisions(source, *environs):
    """The revisions of the sources in that folder, for each environment, and what is no revision by its error."""
    return json.loads(in_source(source, REVISIONS, json.dumps(environs)))


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The system's compiler, which takes its time only with ``THOROUGH=1``.

    Whether a library holds the time, the folder or the builder is nothing that optimising changes.
    """
    command = build.system_compiler()
    if command is None:
        pytest.skip("there is no C compiler on this machine")
    compiler = tmp_path_factory.mktemp("quick") / "cc"
    last = "" if os.environ.get("THOROUGH") == "1" else "-O0"
    compiler.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@" {last}\n')
    compiler.chmod(0o700)
    return str(compiler)


@pytest.fixture(scope="module")
def wheels(source, quick, tmp_path_factory):
    """Two wheels, by another builder, elsewhere, at another time; and where an earlier build left something behind."""
    wheels = []
    for mode in (0o600, 0o664):
        out = tmp_path_factory.mktemp("out")
        folder = shutil.copytree(source, out / f"source of {mode}")
        if not wheels:
            tag = f"{os.uname().sysname.lower()}-{os.uname().machine}-{sys.implementation.cache_tag}"
            stale = folder / "build" / f"lib.{tag}" / "service"
            stale.mkdir(parents=True)
            (stale / "gone.py").touch()
        for path in filter(Path.is_file, folder.rglob("*")):
            os.utime(path, (mode, mode))
            path.chmod(mode)
        said = {"ANDON_REVISION": "8973F0B-dirty", "SOURCE_DATE_EPOCH": "1790000000"}
        name = in_source(folder, BUILD, out, CC=quick, **said)
        wheels.append(out / name)
    return wheels


def test_a_wheel_holds_the_library_instead_of_the_c_and_serves_every_python(wheels):
    assert re.fullmatch(r"andon-[\d.]+-py3-none-linux_\w+\.whl", wheels[0].name)
    with ZipFile(wheels[0]) as wheel:
        kernels = {Path(path).name for path in wheel.namelist() if path.startswith("service/kernels/")}
        for name in build.libraries():
            assert wheel.read(f"service/kernels/{name}").startswith(b"\x7fELF")
        assert "service/gone.py" not in wheel.namelist()
        assert not any(".data/" in path for path in wheel.namelist())
    python = {path.name for path in (ROOT / "service" / "kernels").glob("*.py")}
    assert kernels == {*python, *build.libraries()}


def test_the_same_revision_gives_the_same_wheel_to_the_byte_and_is_in_it(wheels):
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with ZipFile(wheels[0]) as wheel:
        assert wheel.read("service/revision.txt") == b"8973f0b-dirty\n"
        (record,) = (path for path in wheel.namelist() if path.endswith(".dist-info/RECORD"))
        assert b"\nservice/revision.txt,sha256=" in wheel.read(record)


COMPILER = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo compiled > "$2"
"""


def test_without_a_revision_the_wheel_names_none(source, tmp_path):
    """Nobody said, and the folder is no checkout."""
    compiler = tmp_path / "cc"
    compiler.write_text(COMPILER)
    compiler.chmod(0o700)
    name = in_source(source, BUILD, tmp_path, CC=str(compiler))
    with ZipFile(tmp_path / name) as wheel:
        assert wheel.read(f"service/kernels/{build.LIBRARY}") == b"compiled\n"
        assert "service/revision.txt" not in wheel.namelist()


NO_REVISIONS = ["main", "8973f0", "8973f0b-", "8973f0b-dirty-dirty", "8973f0b\n", "a" * 65, "١٢٣٤٥٦٧"]


def test_what_is_no_revision_ends_the_build(source, subtests):
    done = run_in_source(source, REVISION, ANDON_REVISION=NO_REVISIONS[0])
    assert done.returncode != 0
    assert "ANDON_REVISION: expected 7 to 64 hex digits" in done.stderr
    answers = revisions(source, *({"ANDON_REVISION": revision} for revision in NO_REVISIONS))
    for revision, answer in zip(NO_REVISIONS, answers, strict=True):
        with subtests.test(revision=revision):
            assert answer.startswith("SetupError: ANDON_REVISION: expected 7 to 64 hex digits")


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on this machine")
def test_a_checkout_tells_its_own_revision_and_whether_tracked_files_differ(source, tmp_path):
    checkout = shutil.copytree(source, tmp_path / "outer" / "checkout")
    git(checkout.parent, "init", "--quiet")
    git(checkout.parent, "commit", "--quiet", "--allow-empty", "--message", "somebody else's")
    assert in_source(checkout, REVISION) == "None"
    git(checkout, "init", "--quiet")
    git(checkout, "add", "setup.py")
    assert in_source(checkout, REVISION) == "None"  # no commit yet
    git(checkout, "commit", "--quiet", "--message", "ours")
    commit = git(checkout, "rev-parse", "HEAD")
    ours, gits, none, given = revisions(
        checkout,
        {},
        {"GIT_DIR": str(checkout.parent / ".git")},
        {"PATH": str(tmp_path)},
        {"ANDON_REVISION": "0123456"},
    )
    assert ours == commit  # files that git does not track are no change
    assert gits == commit
    assert none is None
    assert given == "0123456"
    (checkout / "setup.py").write_text("# another")
    assert in_source(checkout, REVISION) == f"{commit}-dirty"


def git(folder, *arguments):
    """What git prints, whoever and wherever we are."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout.strip()


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
