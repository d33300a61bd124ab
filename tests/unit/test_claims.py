"""A claimed folder is nobody else's until its owner is done or dead."""

import os
import signal
import subprocess
import sys

import pytest

from service.claims import claimed, is_claimed

OWNER = """
import sys
from pathlib import Path
from service.claims import claimed
with claimed(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.readline()
"""


def test_a_folder_is_claimed_until_the_end_of_the_block_and_no_look_at_it_changes_that(tmp_path):
    with claimed(tmp_path / "folder"):
        assert is_claimed(tmp_path / "folder")
        assert is_claimed(tmp_path / "folder")
    assert not is_claimed(tmp_path / "folder")


def test_a_folder_is_free_when_its_owner_was_killed(tmp_path):
    folder = tmp_path / "folder"
    command = [sys.executable, "-c", OWNER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "mine\n"
        assert is_claimed(folder)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    assert not is_claimed(folder)


def test_a_folder_that_is_there_already_can_not_be_claimed(tmp_path):
    with pytest.raises(FileExistsError), claimed(tmp_path):
        pass


def test_what_nobody_came_to_lock_is_free(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "lock").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for name in ("empty", "strange", "file", "missing"):
        assert not is_claimed(tmp_path / name)
