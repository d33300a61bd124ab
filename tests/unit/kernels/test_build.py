"""Compiling the kernels: with what, for which machine, when again, and what is said when it can't be."""

import os
import platform
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from service.kernels import build as installed

SOURCES = Path(__file__).resolve().parents[3] / "service" / "kernels"
USUAL = ("cc", "gcc", "clang")

needs_compiler = pytest.mark.skipif(installed.system_compiler() is None, reason="there is no C compiler here")


def copied(folder):
    """``build`` beside a copy of some of the C, as in a checkout."""
    folder.mkdir(parents=True)
    for name in ("andon.h", "build.py", "machine.c", "score.c"):
        shutil.copy(SOURCES / name, folder)
    return loaded(folder / "build.py")


def loaded(path):
    """A ``build`` of its own folder."""
    spec = spec_from_file_location("copied_build", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def build(tmp_path):
    return copied(tmp_path / "kernels")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """``machine(*names)``: a machine on which nothing but compilers of these names can be called."""

    def make(*names):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in names:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        return folder

    return make


@pytest.mark.parametrize("there", [USUAL, USUAL[1:], USUAL[2:]])
def test_the_first_of_the_usual_compilers_is_taken(machine, there):
    folder = machine(*there)
    assert installed.compiler() == [str(folder / there[0])]


def test_what_the_user_names_goes_before_them(machine, monkeypatch):
    machine(*USUAL)
    monkeypatch.setenv("CC", "ccache '/opt/my gcc/bin/gcc' -m64")
    assert installed.compiler() == ["ccache", "/opt/my gcc/bin/gcc", "-m64"]


def test_without_any_the_compiler_from_pypi_is_taken(machine, tmp_path):
    machine()
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    assert installed.system_compiler() is None
    assert installed.compiler() == [sys.executable, "-m", "ziglang", "cc"]


def test_without_any_at_all_it_says_what_to_install(machine, build, capsys):
    machine()
    with pytest.raises(RuntimeError, match="no C compiler was found: install gcc or clang, or `pip install ziglang`"):
        build.compile_library(build.HERE / build.LIBRARY)
    assert build.main() == 2
    assert capsys.readouterr().err.startswith("andon: error: no C compiler was found")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the flags of x86-64")
@pytest.mark.parametrize(
    ("command", "flags", "flags_v3"),
    [
        (["/usr/bin/gcc"], ["-march=x86-64"], ["-march=x86-64-v3"]),
        (["ccache", "clang"], ["-march=x86-64"], ["-march=x86-64-v3"]),
        (["/home/zig/bin/gcc"], ["-march=x86-64"], ["-march=x86-64-v3"]),
        (["/opt/zig", "cc"], ["-mcpu=baseline"], ["-mcpu=x86_64_v3"]),
        (["python", "-m", "ziglang", "cc"], ["-mcpu=baseline"], ["-mcpu=x86_64_v3"]),
    ],
)
def test_no_compiler_makes_it_for_its_own_processor_only(command, flags, flags_v3):
    assert installed.architecture(command) == flags
    assert installed.architecture(command, installed.LIBRARY_V3) == flags_v3


def test_zig_is_not_asked_for_a_runtime_library_that_it_would_have_to_compile_first():
    assert installed.linked(["cc"]) == ["-lm"]
    by_zig = installed.linked(["python", "-m", "ziglang", "cc"])
    assert by_zig == ["-nostdlib", "-Wl,-z,defs", "-lc", "-lm"]  # and a function that is nowhere is an error


@pytest.mark.parametrize(
    ("architecture", "names"),
    [("x86_64", ["_andon.so", "_andon.v3.so"]), ("AMD64", ["_andon.so", "_andon.v3.so"]), ("aarch64", ["_andon.so"])],
)
def test_there_is_a_library_for_every_machine_and_one_for_most_of_x86_64(monkeypatch, architecture, names):
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    assert installed.libraries() == names
    assert (installed.architecture(["gcc"]) == []) == (architecture == "aarch64")


@needs_compiler
def test_in_place_each_is_made_when_missing_the_same_in_every_folder_and_again_only_when_a_source_is_newer(
    build, tmp_path
):
    first = copied(tmp_path / "elsewhere" / "kernels")
    first.make_in_place()
    libraries = [build.HERE / name for name in build.libraries()]
    assert not any(map(build.is_current, libraries))
    for library in libraries:
        shutil.copy(first.HERE / library.name, library)
    for missing in libraries:
        missing.unlink()
        others = {library: library.stat().st_mtime_ns for library in libraries if library != missing}
        build.make_in_place()
        assert all(library.stat().st_mtime_ns == made for library, made in others.items()), missing
        assert missing.read_bytes() == (first.HERE / missing.name).read_bytes(), missing
    made = [library.stat().st_mtime_ns for library in libraries]
    assert all(map(build.is_current, libraries))
    assert build.main() == 0
    assert [library.stat().st_mtime_ns for library in libraries] == made
    oldest, newest = min(made), max(made)
    for source in build.sources():
        os.utime(source, ns=(newest + 1, newest + 1))
        assert not any(map(build.is_current, libraries)), source
        os.utime(source, ns=(oldest, oldest))
    assert all(map(build.is_current, libraries))


@needs_compiler
def test_what_does_not_compile_leaves_the_library_and_the_folder_as_they_were(build):
    library = build.HERE / build.LIBRARY
    library.write_bytes(b"the one before")
    (build.HERE / "score.c").write_text("this is not C\n")
    before = sorted(build.HERE.iterdir())
    with pytest.raises(RuntimeError, match=r"(?s)the kernels do not compile: .*score\.c.*error"):
        build.compile_library(library)
    assert library.read_bytes() == b"the one before"
    assert sorted(build.HERE.iterdir()) == before


def test_a_compiler_that_can_not_be_called_is_named(build, monkeypatch):
    monkeypatch.setenv("CC", "/nowhere/gcc -O2")
    with pytest.raises(RuntimeError, match=r"the kernels can't be compiled: /nowhere/gcc -O2 .*No such file"):
        build.compile_library(build.HERE / build.LIBRARY)


def test_where_there_is_no_c_it_says_so(tmp_path):
    shutil.copy(SOURCES / "build.py", tmp_path)
    build = loaded(tmp_path / "build.py")
    with pytest.raises(RuntimeError, match="there is no C in .*: a checkout has it, an installed package the library"):
        build.make_in_place()
