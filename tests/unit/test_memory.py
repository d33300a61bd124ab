"""Freed memory is kept: the kernel need not give the same pages out again."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from service.memory import keep_freed
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        b"x" * 2**23
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
as_it_comes = faults()
keep_freed()
faults()
print(as_it_comes, faults())
"""
PAGES = 8 * 2**23 // 4_096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are not told anything")
def test_a_batch_finds_the_memory_of_the_one_before():
    # Without glibc's own guess: by itself it keeps a block of one size, and no mixture of threads and sizes.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"MALLOC_MMAP_THRESHOLD_": "65536"},
        capture_output=True,
        check=True,
        text=True,
    )
    as_it_comes, kept = map(int, done.stdout.split())
    assert as_it_comes > PAGES // 2
    assert kept < PAGES // 100
