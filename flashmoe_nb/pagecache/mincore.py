"""Mapping a file without touching it, to ask mincore(2) which pages are resident or msync(2) to drop them.

The same calls, with the same argument types and flag values, on Linux and macOS (64 bits only). The mapping is gone
when a call returns. Does not know whether the kernel's answer may be believed; `linux` and `darwin` do. None of the
calls is variadic, which matters on Apple silicon, where variadic arguments travel differently.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.ranges import file_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from flashmoe_nb.pagecache.ranges import PageSpan

_PROT_READ = 0x1
_MAP_SHARED = 0x1
_MAP_FAILED = ctypes.c_void_p(-1).value
_MS_INVALIDATE = 0x2
_IN_CORE = 0x1
"""Linux defines only this bit of each byte; macOS calls it MINCORE_INCORE and uses the others too."""


class MappedPages:
    """mmap, mincore, msync and munmap of one C library."""

    __slots__ = ("_mincore", "_mmap", "_msync", "_munmap")

    def __init__(self, libc: ctypes.CDLL) -> None:
        """Bind the calls.

        Args:
            libc: A library opened with `use_errno=True` and not shared, because argument types are set on it.
        """
        pointer, size, integer = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        self._mmap = libc.mmap
        self._mmap.argtypes = (pointer, size, integer, integer, integer, ctypes.c_int64)
        self._mmap.restype = pointer
        self._munmap = libc.munmap
        self._munmap.argtypes = (pointer, size)
        self._munmap.restype = integer
        self._mincore = libc.mincore
        self._mincore.argtypes = (pointer, size, pointer)
        self._mincore.restype = integer
        self._msync = libc.msync
        self._msync.argtypes = (pointer, size, integer)
        self._msync.restype = integer

    def resident(self, fd: int, span: PageSpan) -> NDArray[np.bool_]:
        """Return mincore's answer for each page of the span.

        Raises:
            PageCacheError: the file cannot be mapped.
        """
        vector = np.zeros(span.n_pages, dtype=np.uint8)
        with self._mapped(fd, span) as address:
            if self._mincore(address, span.nbytes, vector.ctypes.data) != 0:
                raise _refused("mincore", fd)
        vector &= _IN_CORE
        return vector.view(np.bool_)

    def invalidate(self, fd: int, span: PageSpan) -> None:
        """Ask for the span's pages to be dropped: macOS does, Linux accepts the call and keeps them.

        Raises:
            PageCacheError: the file cannot be mapped or the call failed.
        """
        with self._mapped(fd, span) as address:
            if self._msync(address, span.nbytes, _MS_INVALIDATE) != 0:
                raise _refused("msync(MS_INVALIDATE)", fd)

    @contextmanager
    def _mapped(self, fd: int, span: PageSpan) -> Iterator[int]:
        address = self._mmap(None, span.nbytes, _PROT_READ, _MAP_SHARED, fd, span.start_bytes)
        if address is None or address == _MAP_FAILED:
            raise _refused("mmap", fd)
        try:
            yield address
        finally:
            self._munmap(address, span.nbytes)


def _refused(call: str, fd: int) -> PageCacheError:
    return PageCacheError(f"{call} of {file_label(fd)} failed: {os.strerror(ctypes.get_errno())}")
