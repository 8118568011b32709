"""Locked memory that leaves the rest of the machine only so much: where no memory cgroup may be made.

It presses on every program, not on this one alone, and the system may swap. Knows no files.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from pathlib import Path

from flashmoe_nb.errors import PageCacheError

_STEP_BYTES = 64 * 2**20


class Ballast:
    """Memory nobody else can have until `release`."""

    kind = "locked memory"

    def __init__(self, nbytes: int) -> None:
        """Lock so much that `nbytes` stay available.

        Raises:
            PageCacheError: the system does not let this user lock that much; nothing stays locked.
        """
        self.nbytes = nbytes
        self._held: list[mmap.mmap] = []
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            while available_bytes() > nbytes + _STEP_BYTES:
                self._held.append(_locked(libc))
        except BaseException:
            self.release()
            raise

    @property
    def held_bytes(self) -> int:
        """What is locked."""
        return len(self._held) * _STEP_BYTES

    def release(self) -> None:
        """Give everything back."""
        for block in self._held:
            block.close()
        self._held = []


def available_bytes() -> int:
    """Memory programs and page cache could still have.

    Raises:
        PageCacheError: the system does not say.
    """
    if sys.platform == "linux":
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") - _wired_on_darwin()
    raise PageCacheError("this system does not say how much memory is available")


def _wired_on_darwin() -> int:
    """vm.page_wire_count: pages that cannot be paged out, the ballast among them."""
    libc = ctypes.CDLL(None, use_errno=True)
    count, size = ctypes.c_uint32(), ctypes.c_size_t(4)
    name = b"vm.page_wire_count"
    if libc.sysctlbyname(name, ctypes.byref(count), ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        raise PageCacheError(f"sysctl {name.decode()} failed: {os.strerror(ctypes.get_errno())}")
    return count.value * os.sysconf("SC_PAGE_SIZE")


def _locked(libc: ctypes.CDLL) -> mmap.mmap:
    block = mmap.mmap(-1, _STEP_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(_STEP_BYTES)) != 0:
        reason = os.strerror(ctypes.get_errno())
        block.close()
        msg = f"{_STEP_BYTES:,} bytes cannot be locked in memory ({reason}): raise the limit (ulimit -l), or run where "
        raise PageCacheError(msg + "a memory cgroup may be made")
    return block
