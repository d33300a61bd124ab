"""A file is wholly old or wholly new, and nothing else is left."""

import hashlib
import os
from pathlib import Path

import pytest

from service.durable import is_temporary, make_folder, replace_file, replacing, sync_folder, write_new


def test_a_new_file_has_the_parts_in_their_order_and_their_digest(tmp_path):
    stated = write_new(tmp_path / "file", b"one", memoryview(b"two"), b"")
    assert (tmp_path / "file").read_bytes() == b"onetwo"
    assert stated == {"sha256": hashlib.sha256(b"onetwo").hexdigest(), "bytes": 6}


def test_a_new_file_never_takes_the_place_of_an_old_one(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_replaced_file_is_the_new_one_and_nothing_else_is_left(tmp_path):
    for content in (b"first", b"second"):
        replace_file(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_on_the_disk_before_it_takes_another_s_place_and_the_folder_after(tmp_path, monkeypatch):
    """Or the power goes in between, and the name is there with nothing under it."""
    done, fsync, replace = [], os.fsync, Path.replace

    def syncing(descriptor):
        fsync(descriptor)
        done.append(("synced", os.fstat(descriptor).st_ino))

    def replacing_by(path, target):
        done.append(("renamed", path.stat().st_ino, path.read_bytes()))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", replacing_by)
    replace_file(tmp_path / "file", b"new")
    file, folder = (tmp_path / "file").stat().st_ino, tmp_path.stat().st_ino
    assert done == [("synced", file), ("renamed", file, b"new"), ("synced", folder)]


def test_a_replacement_that_fails_leaves_the_old_content_and_nothing_else(tmp_path):
    folder = tmp_path / "file"
    folder.mkdir()
    (folder / "inside").write_bytes(b"kept")
    with pytest.raises(IsADirectoryError):
        replace_file(folder, b"new")
    assert (folder / "inside").read_bytes() == b"kept"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_name_of_a_file_that_is_being_replaced_tells_what_it_is(tmp_path):
    with replacing(tmp_path / "current.json") as file:
        file.write(b"new")
        (name,) = (path.name for path in tmp_path.iterdir())
        assert is_temporary(name)


def test_no_other_name_tells_so():
    names = ["current.json", ".hidden", ".current.json-", "a-0123456789abcdef", ".a-0123456789abcdeg", ".new-01234567"]
    for name in names:
        assert not is_temporary(name), name


def test_a_folder_is_made_with_those_above_it_and_may_be_there_already(tmp_path):
    for _ in range(2):
        make_folder(tmp_path / "a" / "b" / "c")
        assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_folder_below_a_file_can_not_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file" / "folder")


def test_a_folder_that_is_not_there_can_not_be_synced(tmp_path):
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
