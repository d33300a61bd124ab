"""Files of whole lines: one writer each, bounded in bytes and number, and no torn line but the last of a crash."""

import fcntl
import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from service.web.request_files import RequestFiles

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def make(tmp_path):
    """``make(**bounds)``: files in ``tmp_path / "log"``, closed at the end."""
    made = []

    def files(most_bytes=1_000, most_files=3):
        made.append(RequestFiles(tmp_path / "log", most_bytes=most_bytes, most_files=most_files))
        return made[-1]

    yield files
    for each in made:
        each.close()


@pytest.fixture
def there(tmp_path):
    """``there()``: the files' contents by their names."""
    return lambda: {path.name: path.read_bytes() for path in sorted((tmp_path / "log").glob("*.ndjson"))}


@contextmanager
def files_no_longer_than(most):
    """A file system that is full when a file has so many bytes: the last write is cut short, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_lines_are_appended_in_order_and_only_their_owner_can_read_them(make, there, tmp_path):
    files = make()
    files.append(b"one\n")
    files.append(b"two\nthree\n")
    assert there() == {"requests-0000-000000001.ndjson": b"one\ntwo\nthree\n"}
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert next((tmp_path / "log").glob("*.ndjson")).stat().st_mode & 0o777 == 0o600


def test_no_file_is_longer_than_its_bound_and_only_so_many_are_kept(make, there):
    files = make(most_bytes=250, most_files=3)
    for _ in range(9):
        files.append(LINE)
    assert there() == {
        "requests-0000-000000003.ndjson": LINE * 2,
        "requests-0000-000000004.ndjson": LINE * 2,
        "requests-0000-000000005.ndjson": LINE,
    }


def test_what_is_longer_than_a_file_has_one_of_its_own(make, there):
    files = make(most_bytes=250)
    for lines in (LINE, LINE * 5, LINE):
        files.append(lines)
    assert list(there().values()) == [LINE, LINE * 5, LINE]


def test_two_writers_never_share_a_file(make, there):
    first, second = make(), make()
    first.append(b"a\n")
    second.append(b"b\n")
    first.append(b"a\n")
    assert list(there().values()) == [b"a\na\n", b"b\n"]


def test_who_comes_after_takes_the_place_and_begins_a_file(make, there):
    for index in range(5):
        files = make(most_files=2)
        files.append(b"%d\n" % index)
        files.close()
    assert there() == {"requests-0000-000000004.ndjson": b"3\n", "requests-0000-000000005.ndjson": b"4\n"}


def test_the_place_of_a_process_that_was_killed_is_free(make, there, tmp_path):
    code = f"""
import os, pathlib, signal
from service.web.request_files import RequestFiles
files = RequestFiles(pathlib.Path({str(tmp_path / "log")!r}), most_bytes=1000, most_files=3)
files.append(b"killed\\n")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    make().append(b"after\n")
    assert there() == {"requests-0000-000000001.ndjson": b"killed\n", "requests-0000-000000002.ndjson": b"after\n"}


def test_a_child_writes_to_no_file_of_its_parent(make, there):
    files = make()
    files.append(b"parent\n")
    files._process = os.getpid() + 1  # as it is in the child of a fork, whose parent still holds the lock
    lock = os.dup(files._lock)
    files.append(b"child\n")
    os.close(lock)
    assert list(there().values()) == [b"parent\n", b"child\n"]


def test_on_a_full_disk_no_line_is_torn_and_there_is_room_again_later(make, there):
    files = make()
    files.append(LINE)
    with files_no_longer_than(150):
        for _ in range(2):
            with pytest.raises(OSError, match="File too large"):
                files.append(LINE)
        assert list(there().values()) == [LINE]
    files.append(b"later\n")
    assert list(there().values()) == [LINE + b"later\n"]


def test_a_line_that_is_torn_and_can_not_be_taken_back_is_the_last_of_its_file(make, there, monkeypatch):
    files = make()
    files.append(LINE)

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with files_no_longer_than(150), monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", refuse)
        with pytest.raises(OSError, match="File too large"):
            files.append(LINE)
    files.append(b"later\n")
    assert list(there().values()) == [LINE + LINE[:50], b"later\n"]


def test_a_folder_that_goes_away_is_made_again(make, there, tmp_path):
    files = make()
    files.append(b"one\n")
    (tmp_path / "log").rename(tmp_path / "away")
    files.append(b"two\n")
    assert there() == {"requests-0000-000000001.ndjson": b"two\n"}
    assert [path.read_bytes() for path in (tmp_path / "away").glob("*.ndjson")] == [b"one\n"]


def test_a_folder_that_is_none_is_an_error_until_it_is_one(make, there, tmp_path):
    (tmp_path / "log").write_bytes(b"")
    files = make()
    for _ in range(2):
        with pytest.raises(FileExistsError):
            files.append(b"one\n")
    (tmp_path / "log").unlink()
    files.append(b"two\n")
    assert list(there().values()) == [b"two\n"]


def test_a_file_system_without_locks_is_an_error_that_leaves_nothing_open(make, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="No locks"):
        make().append(b"one\n")
    assert len(os.listdir("/proc/self/fd")) == before
