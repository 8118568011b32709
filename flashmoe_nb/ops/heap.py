"""Giving memory back to the system that is held but not needed. Knows the C library and the loader, not what was freed.

Once a buffer of up to 32 MB has been freed, glibc takes all of that size from its heaps and keeps their free pages:
50 MB on a true-size model. A compiler that was loaded to make kernels keeps 65 MB of its own code resident; those pages
are the file's, never written, and come back from the page cache when somebody compiles again.
Source: mallopt(3), M_MMAP_THRESHOLD; malloc_trim(3); madvise(2), MADV_DONTNEED on private file mappings.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from functools import cache
from pathlib import Path


def trim_heap() -> None:
    """Release the heaps' free pages; does nothing where the C library is not glibc."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def forget_code(library: str) -> None:
    """Let the resident code of a loaded library go; does nothing where it is not loaded, or this is not Linux."""
    if sys.platform == "linux":
        madvise = ctypes.CDLL(None).madvise
        for start, end in _code_of(library):
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


@cache
def _code_of(library: str) -> tuple[tuple[int, int], ...]:
    """Address ranges of a library's executable, unwritable mappings; they stay for the life of the process."""
    ranges = []
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) > 5 and fields[1] == "r-xp" and Path(fields[5]).name.startswith(library):  # noqa: PLR2004 - a path
            start, _, end = fields[0].partition("-")
            ranges.append((int(start, 16), int(end, 16)))
    return tuple(ranges)
