"""Files that are verified before they are used: small ones in memory, large ones mapped, none able to hang or kill."""

import errno
import os
import tracemalloc
from hashlib import sha256

import numpy as np
import pytest

from service import sealed
from service.errors import ArtefactInvalid
from service.sealed import array_in, array_parts, read_sealed, read_whole

VERSION = "0" * 32
# The same rules as with 8 and 16 MiB, and the same two chunks at which a file begins to be shared.
CHUNK_BYTES, SHARED_FROM = 2**15, 2**16
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, SHARED_FROM - 1, SHARED_FROM, SHARED_FROM + 1]


def content_of(size):
    return np.random.default_rng(size).bytes(size)


def stated(data):
    return {"sha256": sha256(data).hexdigest(), "bytes": len(data)}


def refused(read, path, *arguments):
    with pytest.raises(ArtefactInvalid) as caught:
        read(path, VERSION, *arguments)
    assert caught.value.version == VERSION
    return caught.value.reason


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of some kilobytes are large."""
    assert 2 * sealed.CHUNK_BYTES == sealed.SHARED_FROM
    monkeypatch.setattr(sealed, "CHUNK_BYTES", CHUNK_BYTES)
    monkeypatch.setattr(sealed, "SHARED_FROM", SHARED_FROM)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npy"


def test_what_is_read_is_the_file_and_can_not_be_written_to(path, subtests):
    for size in SIZES:
        with subtests.test(size=size):
            data = content_of(size)
            path.write_bytes(data)
            found = read_sealed(path, VERSION, stated(data))
            assert found.readonly
            assert found == data
            del found  # nothing is written over what is mapped


def is_mapped(path):
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return str(path) in maps.read()


def test_only_a_file_of_the_size_that_is_shared_is_mapped(path, subtests):
    for size in SIZES:
        with subtests.test(size=size):
            data = content_of(size)
            path.write_bytes(data)
            found = read_sealed(path, VERSION, stated(data))
            assert is_mapped(path) is (size >= SHARED_FROM)
            del found
            assert not is_mapped(path)


def test_the_size_that_is_shared_is_16_mib(path, monkeypatch):
    monkeypatch.undo()
    path.touch()
    os.truncate(path, 2**24 - 1)
    assert len(read_whole(path, VERSION)) == 2**24 - 1
    os.truncate(path, 2**24)
    assert refused(read_whole, path) == "weights.npy is too large"


def test_a_mapped_file_is_verified_without_memory_by_its_size(path):
    data = content_of(16 * SHARED_FROM)
    path.write_bytes(data)
    expected = stated(data)
    tracemalloc.start()
    found = read_sealed(path, VERSION, expected)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 16 * SHARED_FROM
    assert peak < 4 * CHUNK_BYTES


def test_a_file_that_differs_in_one_bit_or_in_its_size_is_refused(path, subtests):
    for size in SIZES[1:]:
        data = content_of(size)
        for position in {0, size // 2, size - 1}:
            with subtests.test(size=size, position=position):
                damaged = bytearray(data)
                damaged[position] ^= 1
                path.write_bytes(damaged)
                reason = refused(read_sealed, path, stated(data))
                assert reason == "weights.npy does not have the digest in its manifest"
        for other in (data[:-1], data + b"\0", b""):
            with subtests.test(size=size, other=len(other)):
                path.write_bytes(other)
                assert "does not have the digest" in refused(read_sealed, path, stated(data))


@pytest.fixture
def while_verified(monkeypatch):
    """``while_verified(act)``: do something to the file when its first chunk is digested."""

    def install(act):
        class Digest:
            def __init__(self):
                self.digest, self.acted = sha256(), False

            def update(self, chunk):
                self.digest.update(chunk)
                if not self.acted:
                    act()
                self.acted = True

            def hexdigest(self):
                return self.digest.hexdigest()

        monkeypatch.setattr(sealed, "sha256", Digest)

    return install


def test_a_file_that_is_cut_short_while_it_is_verified_is_refused_and_kills_nothing(path, while_verified, subtests):
    for size in (1_000, 3 * CHUNK_BYTES, SHARED_FROM, 2 * SHARED_FROM):
        for keep in (0, 1, size // 2):
            with subtests.test(size=size, keep=keep):
                data = content_of(size)
                path.write_bytes(data)
                while_verified(lambda keep=keep: os.truncate(path, keep))
                assert "does not have the digest" in refused(read_sealed, path, stated(data))


@pytest.mark.parametrize("size", [3 * CHUNK_BYTES, SHARED_FROM])
def test_a_file_that_is_written_over_while_it_is_verified_is_refused(path, while_verified, size):
    data = content_of(size)
    path.write_bytes(data)

    def write_over():
        with open(path, "r+b") as file:
            file.seek(size - 1)
            file.write(bytes([data[-1] ^ 1]))

    while_verified(write_over)
    assert "does not have the digest" in refused(read_sealed, path, stated(data))


def test_a_file_that_grows_while_it_is_verified_is_refused(path, while_verified):
    data = content_of(SHARED_FROM)
    path.write_bytes(data)
    while_verified(lambda: os.truncate(path, SHARED_FROM + 1))
    assert "does not have the digest" in refused(read_sealed, path, stated(data))


def test_a_huge_file_is_refused_by_its_size_alone(path):
    path.touch()
    os.truncate(path, 2**40)
    assert "does not have the digest" in refused(read_sealed, path, stated(b"small"))
    assert refused(read_whole, path) == "weights.npy is too large"


def test_a_file_of_which_nothing_is_stated_is_read_below_the_size_that_is_shared(path):
    for size in (0, 1, SHARED_FROM - 1):
        path.write_bytes(content_of(size))
        assert read_whole(path, VERSION) == content_of(size)
    path.write_bytes(content_of(SHARED_FROM))
    assert refused(read_whole, path) == "weights.npy is too large"


def a_folder(path):
    path.mkdir()


def a_pipe(path):
    os.mkfifo(path)


def a_symlink(path):
    path.with_name("elsewhere").write_bytes(b"small")
    path.symlink_to("elsewhere")


def nothing(path):
    pass


@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (a_folder, "is no regular file"),
        (a_pipe, "is no regular file"),
        (a_symlink, "can't be opened"),
        (nothing, "can't be opened: No such file or directory"),
    ],
)
def test_what_is_no_regular_file_is_refused_without_waiting(path, put, reason):
    put(path)
    for read, arguments in ((read_whole, ()), (read_sealed, (stated(b"small"),))):
        assert f"weights.npy {reason}" in refused(read, path, *arguments)


@pytest.mark.parametrize("call", ["fstat", "preadv"])
def test_a_disk_that_can_not_read_is_a_refusal(path, monkeypatch, call):
    path.write_bytes(b"small")

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        found = [refused(read_whole, path), refused(read_sealed, path, stated(b"small"))]
    assert found == ["weights.npy can't be read: Input/output error"] * 2


def test_no_descriptor_is_left_open(path):
    data = content_of(SHARED_FROM)
    path.write_bytes(data)
    before = set(os.listdir("/proc/self/fd"))
    found = [read_sealed(path, VERSION, stated(data)) for _ in range(3)]
    for _ in range(3):
        refused(read_sealed, path, stated(b""))
        refused(read_sealed, path.parent, stated(b""))
    assert len(set(os.listdir("/proc/self/fd")) - before) <= len(found)  # a map keeps one of its own
    del found
    assert set(os.listdir("/proc/self/fd")) <= before


ARRAYS = [
    np.arange(10, dtype="<f4"),
    np.arange(20, dtype="<f4")[::2],
    np.zeros(0, dtype=[("hash", "<u8"), ("count", "<u4")]),
    np.array([(1, 2), (3, 4)], dtype=[("hash", "<u8"), ("count", "<u4")]),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_an_array_s_parts_are_numpy_s_own_file_and_are_read_again(path, array):
    parts = b"".join(array_parts(array))
    np.save(path, array)
    assert parts == path.read_bytes()
    found = array_in(memoryview(parts), name=path.name, dtype=array.dtype, shape=array.shape, version=VERSION)
    assert found.tolist() == array.tolist()
    assert not found.flags.writeable
