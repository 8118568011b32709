"""The page cache of Linux: cachestat(2) where there is one, else mincore(2); posix_fadvise and preadv2(RWF_NOWAIT).

cachestat (Linux 6.5) counts the pages of a range without a mapping. Seen on Linux 6.18, and why the code is as it is:

* On a file one neither owns nor may write, mincore says "all resident" (since 5.2) and cachestat EPERM (since 6.14).
  Here both are errors.
* cachestat counts 0 on overlayfs, where the pages belong to the file beneath, even for a file just read; mincore,
  through a mapping, sees them. So a 0 there is asked again. ZFS keeps its data outside the page cache: an error.
* Pages lie in blocks (folios) of up to some MB, made by read-ahead. posix_fadvise(DONTNEED) drops only blocks wholly
  inside its range, so evicting one expert can leave a rest at its ends (192 of 1728 pages of a 7 MB range in one run).
  None is left when the whole file is evicted, or when it was read under POSIX_FADV_RANDOM.
* preadv2(RWF_NOWAIT) does not wait for a missing page but starts to read it, with the rest of the range: a probe of one
  cold 7 MB range left all of it resident. So it is no observer, only a hit test right before a read of the same bytes.
  It needs no ownership, and does not work on overlayfs.
* cachestat counts a page from the moment a read of it begins, mincore from the moment it is there.

Sources: man pages cachestat(2), mincore(2), posix_fadvise(2), preadv2(2), proc_pid_io(5).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.eviction import evict_in_rounds
from flashmoe_nb.pagecache.mincore import MappedPages
from flashmoe_nb.pagecache.ranges import file_label, leading_bytes, page_span, regular_file, span_to_evict
from flashmoe_nb.pagecache.read_away import read_away, read_to_warm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.pagecache.ranges import PageSpan

_SYS_CACHESTAT = 451
_CACHESTAT_MACHINES = ("x86_64", "aarch64", "riscv64", "ppc64le", "s390x")
"""Machines on which the call has that number, and which were considered."""
_CACHE_STATISTICS = ctypes.c_uint64 * 7
"""struct cachestat_range (offset, length), then cachestat (resident, dirty, writeback, evicted, recently evicted)."""
_RANGE_BYTES = 16

_OVERLAYFS, _FUSE, _ZFS, _TMPFS, _RAMFS = 0x794C7630, 0x65735546, 0x2FC12FC1, 0x01021994, 0x858458F6
_IN_MEMORY = (_TMPFS, _RAMFS)
_PAGES_ELSEWHERE = (_OVERLAYFS, _FUSE)
"""File systems whose open files may stand for other files, which hold the pages."""


class MincoreProbe:
    """Page cache probe of any Linux, for files one owns or may write."""

    name = "mincore"

    def __init__(self) -> None:
        """Bind the C library."""
        self.page_bytes = os.sysconf("SC_PAGE_SIZE")
        libc = ctypes.CDLL(None, use_errno=True)
        self._mapped_pages = MappedPages(libc)
        self._fstatfs = libc.fstatfs
        self._fstatfs.argtypes = (ctypes.c_int, ctypes.c_void_p)
        self._fstatfs.restype = ctypes.c_int

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, pages of {self.page_bytes:,} bytes>"

    def residency(self, fd: int, offset: int, nbytes: int) -> float:
        """See `PageCacheProbe.residency`; mincore maps and unmaps the range at each call, cachestat does not."""
        return self._share(fd, page_span(fd, offset, nbytes, self.page_bytes))

    def resident_pages(self, fd: int, offset: int, nbytes: int) -> NDArray[np.bool_]:
        """See `PageCacheProbe.resident_pages`."""
        return self._map(fd, page_span(fd, offset, nbytes, self.page_bytes))

    def evict(self, fd: int, offset: int = 0, nbytes: int = 0) -> float:
        """See `PageCacheProbe.evict`; the module's docstring says when a rest is left."""
        span = span_to_evict(fd, offset, nbytes, self.page_bytes)
        if span is None:
            return 0.0
        if self._filesystem(fd) in _IN_MEMORY:
            msg = f"{file_label(fd)} cannot be evicted: its file system lives in memory; put the file on a disk"
            raise PageCacheError(msg)
        try:
            return evict_in_rounds(
                drop=lambda: os.posix_fadvise(fd, span.start_bytes, span.nbytes, os.POSIX_FADV_DONTNEED),
                flush=lambda: os.fdatasync(fd),
                resident=lambda: self._share(fd, span),
                why_kept=lambda: _why_kept(fd),
            )
        except PageCacheError as error:
            msg = f"{file_label(fd)} could not be evicted: {error}"
            raise PageCacheError(msg) from error

    def prefix_resident_bytes(self, fd: int, offset: int, nbytes: int) -> int:
        """See `PageCacheProbe.prefix_resident_bytes`."""
        return leading_bytes(self.resident_pages(fd, offset, nbytes), offset, nbytes, self.page_bytes)

    def prefix_before_read(self, fd: int, offset: int, nbytes: int) -> int:
        """See `PageCacheProbe.prefix_before_read`; preadv2(RWF_NOWAIT), as dear as a warm read where it hits."""
        page_span(fd, offset, nbytes, self.page_bytes)
        try:
            return read_away(fd, offset, nbytes, os.RWF_NOWAIT)
        except OSError as error:
            msg = f"the file system of {file_label(fd)} cannot read without waiting (RWF_NOWAIT: {error.strerror})"
            raise PageCacheError(msg) from error

    def warm(self, fd: int, offset: int, nbytes: int) -> None:
        """See `PageCacheProbe.warm`."""
        page_span(fd, offset, nbytes, self.page_bytes)
        read_to_warm(fd, offset, nbytes)

    def device_bytes_read(self) -> int:
        """See `PageCacheProbe.device_bytes_read`; block devices and NFS are counted, FUSE may not be."""
        try:
            lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
        except OSError as error:
            msg = f"/proc/self/io cannot be read ({error.strerror}), so bytes from the device are not known"
            raise PageCacheError(msg) from error
        for line in lines:
            key, _, value = line.partition(": ")
            if key == "read_bytes":
                return int(value)
        msg = "/proc/self/io has no read_bytes: this kernel keeps no count of I/O by task"
        raise PageCacheError(msg)

    def _share(self, fd: int, span: PageSpan) -> float:
        return float(self._map(fd, span).mean())

    def _map(self, fd: int, span: PageSpan) -> NDArray[np.bool_]:
        self._require_mincore_truth(fd)
        pages = self._mapped_pages.resident(fd, span)
        if not pages.any():
            self._require_page_cache(self._filesystem(fd), fd)
        return pages

    @staticmethod
    def _require_mincore_truth(fd: int) -> None:
        # the kernel's rule, mm/mincore.c can_do_mincore, but for CAP_FOWNER: that alone is refused here
        if regular_file(fd).st_uid == os.geteuid() or os.access(f"/proc/self/fd/{fd}", os.W_OK, effective_ids=True):
            return
        raise PageCacheError(_not_yours(fd))

    def _filesystem(self, fd: int) -> int:
        """Return the magic number of the file system (statfs(2) f_type, the first word)."""
        status = (ctypes.c_uint64 * 32)()
        if self._fstatfs(fd, ctypes.addressof(status)) != 0:
            msg = f"fstatfs of {file_label(fd)} failed: {os.strerror(ctypes.get_errno())}"
            raise PageCacheError(msg)
        return int(status[0]) & 0xFFFFFFFF

    @staticmethod
    def _require_page_cache(filesystem: int, fd: int) -> None:
        if filesystem == _ZFS:
            msg = f"{file_label(fd)} is on ZFS, which caches outside the page cache: what is resident cannot be told"
            raise PageCacheError(msg)


class CachestatProbe(MincoreProbe):
    """Page cache probe of Linux 6.5 and later: counts with cachestat, maps with mincore."""

    name = "cachestat"

    def __init__(self) -> None:
        """Bind the C library.

        Raises:
            PageCacheError: there is no such call here, or it is filtered (seccomp, as in some containers).
        """
        super().__init__()
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.argtypes = (ctypes.c_long, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint)
        self._syscall.restype = ctypes.c_long
        probe = _CACHE_STATISTICS()
        address = ctypes.addressof(probe)
        # a descriptor that cannot exist: a kernel that knows the call says EBADF, all else means it is not for us
        self._syscall(_SYS_CACHESTAT, 0x7FFFFFFF, address, address + _RANGE_BYTES, 0)
        answer = ctypes.get_errno()
        if platform.machine() not in _CACHESTAT_MACHINES or answer != errno.EBADF:
            msg = f"cachestat is not available ({os.strerror(answer)}): it needs Linux 6.5 and no system call filter"
            raise PageCacheError(msg)

    def _share(self, fd: int, span: PageSpan) -> float:
        statistics = _CACHE_STATISTICS(span.start_bytes, span.nbytes)
        address = ctypes.addressof(statistics)
        if self._syscall(_SYS_CACHESTAT, fd, address, address + _RANGE_BYTES, 0) != 0:
            code = ctypes.get_errno()
            raise PageCacheError(
                _not_yours(fd) if code == errno.EPERM else f"cachestat of {file_label(fd)} failed: {os.strerror(code)}"
            )
        n_resident = int(statistics[2])
        if n_resident == 0:
            filesystem = self._filesystem(fd)
            self._require_page_cache(filesystem, fd)
            if filesystem in _PAGES_ELSEWHERE:
                return super()._share(fd, span)
        return n_resident / span.n_pages


def open_linux_probe(system: str = sys.platform) -> MincoreProbe:
    """Return a `CachestatProbe` where the kernel has the call and lets us use it, else a `MincoreProbe`.

    Raises:
        PageCacheError: this is not Linux.
    """
    if system != "linux":
        msg = f"the Linux page cache probe needs Linux, this is {system}: use open_probe(), which picks what fits"
        raise PageCacheError(msg)
    try:
        return CachestatProbe()
    except PageCacheError:
        return MincoreProbe()


def _not_yours(fd: int) -> str:
    return (
        f"the kernel tells what is resident only of files one owns or may write: {file_label(fd)} belongs to user "
        f"{os.fstat(fd).st_uid} and this process runs as {os.geteuid()}; run as its owner or use a copy"
    )


def _why_kept(fd: int) -> str:
    status = regular_file(fd)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split(maxsplit=5)
        if fields[3:5] == [device, str(status.st_ino)]:
            return "this process has the file mapped, so drop the mapping first"
    return "another process may have the file mapped, locked or be reading it"
