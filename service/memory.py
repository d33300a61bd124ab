"""What becomes of memory that is freed."""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of mallopt, from glibc's <malloc.h>."""

KEPT_BYTES = 2**29
MAPPED_BYTES = 2**25
"""The most that glibc allows."""


def keep_freed() -> None:
    """Keep freed memory for the next batch of rows, instead of handing it back.

    The kernel clears every page that it gives out. A command that takes batch after batch would have it clear the same
    few megabytes thousands of times: a tenth of a training. Arrow takes its memory from there too, not from an
    allocator of its own. For a process that goes through events and then ends; of no effect without glibc.

    Nor need Python's collector go through what the imports have made, again and again.
    """
    gc.freeze()
    import pyarrow as pa  # which takes a moment, and the commands that come here need it anyway

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        pa.set_memory_pool(pa.system_memory_pool())
        for parameter, value in ((_TRIM_THRESHOLD, KEPT_BYTES), (_MMAP_THRESHOLD, MAPPED_BYTES), (_ARENA_MAX, 1)):
            mallopt(parameter, value)
