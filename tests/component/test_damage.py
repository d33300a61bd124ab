"""Damage to a trained artefact, of every kind: each is refused as such, and nothing else happens."""

import os
import shutil
import socket
from itertools import combinations

import numpy as np
import pytest

from service import artefact
from service.artefact import GOLDEN, MANIFEST, SEEN, WEIGHTS
from service.core.documents import load_schema
from service.errors import ArtefactInvalid
from service.events import Events
from service.store import Store
from service.toml import read_toml
from service.training import Run, train

FILES = (MANIFEST, WEIGHTS, GOLDEN, SEEN)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, flights, write, schema_path):
    """``(folder, other)``: the folders, named by their ids, of two versions that learned other rows."""
    root = tmp_path_factory.mktemp("trained")
    store, schema = Store(root / "store"), load_schema(read_toml(schema_path), source="the test's schema")
    events = [Events([write(root / f"{seed}.csv", flights(2_000, seed))], schema) for seed in (0, 1)]
    return [store.versions / train(store, each, Run(seed=seed)) for seed, each in enumerate(events)]


@pytest.fixture
def version(trained):
    return trained[0].name


@pytest.fixture
def folder(tmp_path, trained, version):
    """A copy, sound before a test and, where the test mends it, after it."""
    return shutil.copytree(trained[0], tmp_path / version)


@pytest.fixture
def other(tmp_path, trained):
    return shutil.copytree(trained[1], tmp_path / trained[1].name)


def is_refused(folder, version):
    """Whether a version is refused; any other exception is a failure of its own."""
    try:
        artefact.load(folder, version)
    except ArtefactInvalid as error:
        assert error.version == version
        assert error.reason
        return True
    return False


def test_a_thousand_flipped_bits_are_refused_one_by_one(folder, version):
    """Every other one anywhere in a file, the rest in its first 200 bytes, where headers and keys are."""
    random = np.random.default_rng(1_000)
    flips = 0
    for index in range(1_000):
        path = folder / FILES[index % len(FILES)]
        size = path.stat().st_size
        position = int(random.integers(size if index // len(FILES) % 2 else min(size, 200)))
        with open(path, "r+b") as file:
            file.seek(position)
            whole = file.read(1)[0]
            file.seek(position)
            file.write(bytes([whole ^ 1 << int(random.integers(8))]))
            file.flush()
            flips += is_refused(folder, version)
            file.seek(position)
            file.write(bytes([whole]))
    assert flips == 1_000
    assert not is_refused(folder, version)


def test_two_hundred_truncations_are_refused_one_by_one(folder, version):
    random = np.random.default_rng(200)
    cuts = 0
    for index in range(200):
        path = folder / FILES[index % len(FILES)]
        whole = path.read_bytes()
        length = (0, len(whole) - 1, 128)[index // 4] if index < 12 else int(random.integers(len(whole)))
        os.truncate(path, length)
        cuts += is_refused(folder, version)
        path.write_bytes(whole)
    assert cuts == 200
    assert not is_refused(folder, version)


def test_every_swap_of_two_files_is_refused(folder, version):
    def swap(one, two):
        (folder / one).rename(folder.parent / "third")
        (folder / two).rename(folder / one)
        (folder.parent / "third").rename(folder / two)

    for one, two in combinations(FILES, 2):
        swap(one, two)
        assert is_refused(folder, version), (one, two)
        swap(one, two)
    assert not is_refused(folder, version)


@pytest.mark.parametrize("names", [FILES, (WEIGHTS, GOLDEN, SEEN), *((name,) for name in FILES)], ids=" ".join)
def test_files_of_another_version_are_refused(folder, version, other, names):
    for name in names:
        shutil.copyfile(other / name, folder / name)
    assert is_refused(folder, version)
    assert not is_refused(other, other.name)


def removed(path):
    path.unlink()


def emptied(path):
    path.write_bytes(b"")


def longer(path):
    with open(path, "ab") as file:
        file.write(b"\0")


def a_folder(path):
    path.unlink()
    path.mkdir()


def a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def a_socket(path):
    path.unlink()
    home = os.getcwd()
    os.chdir(path.parent)  # the path of a socket has room for 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(home)


def a_symlink_to_itself(path):
    path.unlink()
    path.symlink_to(path.name)


def a_symlink_to_the_same_bytes(path):
    path.rename(path.parent.parent / f"moved-{path.name}")
    path.symlink_to(path.parent.parent / f"moved-{path.name}")


def a_symlink_to_nothing(path):
    path.unlink()
    path.symlink_to("nowhere")


def a_hard_link_to_another_file(path):
    path.unlink()
    path.hardlink_to(next(there for there in sorted(path.parent.iterdir()) if there.is_file()))


IN_PLACE = [
    removed,
    emptied,
    longer,
    a_folder,
    a_pipe,
    a_socket,
    a_symlink_to_itself,
    a_symlink_to_the_same_bytes,
    a_symlink_to_nothing,
    a_hard_link_to_another_file,
]


@pytest.mark.parametrize("damage", IN_PLACE, ids=lambda damage: damage.__name__)
def test_damage_in_a_file_s_place_is_refused(trained, tmp_path, version, damage):
    for number, name in enumerate(FILES):
        folder = shutil.copytree(trained[0], tmp_path / str(number) / version)
        damage(folder / name)
        assert is_refused(folder, version), name


def test_additions_are_refused(folder, version, other, tmp_path):
    def file(name):
        (folder / name).write_bytes(b"")

    def hard_link(name):
        (folder / name).hardlink_to(folder / WEIGHTS)

    def symlink(name):
        (folder / name).symlink_to(WEIGHTS)

    def directory(name):
        (folder / name).mkdir()

    def pipe(name):
        os.mkfifo(folder / name)

    additions = [
        *((file, name) for name in ("model.pkl", "weights.npy~", ".weights.npy", "MANIFEST.JSON", "\udcff", "reports")),
        *((hard_link, name) for name in ("weights-2.npy", "reports")),
        *((symlink, name) for name in ("latest.npy", "reports")),
        *((directory, name) for name in ("versions", "__pycache__", "Reports", " ")),
        *((pipe, name) for name in ("pipe", "reports")),
    ]
    for add, name in additions:
        add(name)
        assert is_refused(folder, version), (add.__name__, name)
        shutil.rmtree(folder / name) if add is directory else (folder / name).unlink()
    assert not is_refused(folder, version)


def test_another_name_or_another_place_is_refused(folder, version, other, tmp_path):
    for there, name in [
        (folder, other.name),
        (other, version),
        (folder, version[:-1] + "x"),
        (folder, version.upper()),
        (folder, ""),
        (tmp_path / "nowhere", version),
        (folder / WEIGHTS, version),
        (tmp_path, version),
        (tmp_path / "x\0y", version),
    ]:
        assert is_refused(there, name), (there, name)


def test_a_gate_report_is_no_damage_and_may_be_anything(folder, version):
    reports = folder / "reports"
    reports.mkdir()
    for text in (b"", b"garbage", b"{}"):
        (reports / "gate.json").write_bytes(text)
        assert not is_refused(folder, version)
    (reports / "gate.html").symlink_to("nowhere")
    assert not is_refused(folder, version)
