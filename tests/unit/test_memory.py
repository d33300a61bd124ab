"""Freed memory is kept: the kernel need not give the same pages out again."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from service.memory import keep_freed
if sys.argv[1] == "kept":
    keep_freed()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        b"x" * 2**23
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""
PAGES = 50 * 2**23 // 4_096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are not told anything")
def test_a_batch_finds_the_memory_of_the_one_before():
    faults = {}
    for how in ("kept", "as it comes"):
        command = [sys.executable, "-c", PROGRAM, how]
        # Without glibc's own guess: by itself it keeps a block of one size, and no mixture of threads and sizes.
        environment = {"MALLOC_MMAP_THRESHOLD_": "65536"} if how == "as it comes" else {}
        faults[how] = int(subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout)
    assert faults["as it comes"] > PAGES // 2
    assert faults["kept"] < PAGES // 100
