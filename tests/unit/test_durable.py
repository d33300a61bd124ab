"""A file is wholly old or wholly new, and nothing else is left."""

import hashlib

import pytest

from service.durable import replace_file, sync_folder, write_new


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


def test_a_replacement_that_fails_leaves_the_old_content_and_nothing_else(tmp_path):
    folder = tmp_path / "file"
    folder.mkdir()
    (folder / "inside").write_bytes(b"kept")
    with pytest.raises(OSError):
        replace_file(folder, b"new")
    assert (folder / "inside").read_bytes() == b"kept"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_is_not_there_can_not_be_synced(tmp_path):
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
