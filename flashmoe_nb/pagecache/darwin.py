"""The page cache of macOS (the unified buffer cache): mincore(2), msync(MS_INVALIDATE), proc_pid_rusage, fcntl hints.

NEVER RUN ON A MAC SO FAR. Tested on Linux: page arithmetic, the layout of `RusageInfoV4`, mmap + mincore + msync
through the C library of Linux (same signatures and flag values), the refusals. Not known until tests run on a Mac:

* whether mincore tells the truth about pages of a mapping that was never touched, and of files owned by others;
* whether msync(MS_INVALIDATE) drops every page (reported > 99 %), and whether partial last pages go;
* whether `ri_diskio_bytesread` covers reads of all threads, and reads caused by page faults.

F_NOCACHE keeps later reads out of the cache but evicts nothing, and reads of resident pages still hit. There is no
RWF_NOWAIT, so a resident prefix comes from mincore. Signatures and constants: macOS SDK sys/mman.h, sys/fcntl.h,
sys/resource.h, libproc.h; the eviction as in vmtouch and in fio's posix_fadvise for macOS (axboe/fio pull 1883).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
from typing import TYPE_CHECKING

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.eviction import evict_in_rounds
from flashmoe_nb.pagecache.mincore import MappedPages
from flashmoe_nb.pagecache.ranges import file_label, leading_bytes, page_span, span_to_evict
from flashmoe_nb.pagecache.read_away import read_to_warm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LIB_SYSTEM = "/usr/lib/libSystem.B.dylib"
_RUSAGE_INFO_V4 = 4
_F_RDAHEAD = 45
_F_NOCACHE = 48


class RusageInfoV4(ctypes.Structure):
    """struct rusage_info_v4 of sys/resource.h: 16 bytes and 35 counters, 296 bytes."""

    _fields_ = (
        ("ri_uuid", ctypes.c_uint8 * 16),
        ("ri_user_time", ctypes.c_uint64),
        ("ri_system_time", ctypes.c_uint64),
        ("ri_pkg_idle_wkups", ctypes.c_uint64),
        ("ri_interrupt_wkups", ctypes.c_uint64),
        ("ri_pageins", ctypes.c_uint64),
        ("ri_wired_size", ctypes.c_uint64),
        ("ri_resident_size", ctypes.c_uint64),
        ("ri_phys_footprint", ctypes.c_uint64),
        ("ri_proc_start_abstime", ctypes.c_uint64),
        ("ri_proc_exit_abstime", ctypes.c_uint64),
        ("ri_child_user_time", ctypes.c_uint64),
        ("ri_child_system_time", ctypes.c_uint64),
        ("ri_child_pkg_idle_wkups", ctypes.c_uint64),
        ("ri_child_interrupt_wkups", ctypes.c_uint64),
        ("ri_child_pageins", ctypes.c_uint64),
        ("ri_child_elapsed_abstime", ctypes.c_uint64),
        ("ri_diskio_bytesread", ctypes.c_uint64),
        ("ri_diskio_byteswritten", ctypes.c_uint64),
        ("ri_cpu_time_qos_default", ctypes.c_uint64),
        ("ri_cpu_time_qos_maintenance", ctypes.c_uint64),
        ("ri_cpu_time_qos_background", ctypes.c_uint64),
        ("ri_cpu_time_qos_utility", ctypes.c_uint64),
        ("ri_cpu_time_qos_legacy", ctypes.c_uint64),
        ("ri_cpu_time_qos_user_initiated", ctypes.c_uint64),
        ("ri_cpu_time_qos_user_interactive", ctypes.c_uint64),
        ("ri_billed_system_time", ctypes.c_uint64),
        ("ri_serviced_system_time", ctypes.c_uint64),
        ("ri_logical_writes", ctypes.c_uint64),
        ("ri_lifetime_max_phys_footprint", ctypes.c_uint64),
        ("ri_instructions", ctypes.c_uint64),
        ("ri_cycles", ctypes.c_uint64),
        ("ri_billed_energy", ctypes.c_uint64),
        ("ri_serviced_energy", ctypes.c_uint64),
        ("ri_interval_max_phys_footprint", ctypes.c_uint64),
        ("ri_runnable_time", ctypes.c_uint64),
    )


class DarwinProbe:
    """Page cache probe of macOS; `open_darwin_probe` makes one."""

    name = "mincore (macOS)"

    def __init__(self, libc: ctypes.CDLL) -> None:
        """Bind the calls of a C library opened with `use_errno=True` and used by nobody else."""
        self.page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._libc = libc
        self._mapped_pages = MappedPages(libc)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, pages of {self.page_bytes:,} bytes>"

    def residency(self, fd: int, offset: int, nbytes: int) -> float:
        """See `PageCacheProbe.residency`; maps and unmaps the range at each call."""
        return float(self.resident_pages(fd, offset, nbytes).mean())

    def resident_pages(self, fd: int, offset: int, nbytes: int) -> NDArray[np.bool_]:
        """See `PageCacheProbe.resident_pages`."""
        return self._mapped_pages.resident(fd, page_span(fd, offset, nbytes, self.page_bytes))

    def evict(self, fd: int, offset: int = 0, nbytes: int = 0) -> float:
        """See `PageCacheProbe.evict`; by mmap and msync(MS_INVALIDATE), which also writes dirty pages."""
        span = span_to_evict(fd, offset, nbytes, self.page_bytes)
        if span is None:
            return 0.0
        try:
            return evict_in_rounds(
                drop=lambda: self._mapped_pages.invalidate(fd, span),
                flush=lambda: os.fsync(fd),
                resident=lambda: float(self._mapped_pages.resident(fd, span).mean()),
                why_kept=lambda: "a process may have the file mapped, locked or be reading it",
            )
        except PageCacheError as error:
            msg = f"{file_label(fd)} could not be evicted: {error}"
            raise PageCacheError(msg) from error

    def prefix_resident_bytes(self, fd: int, offset: int, nbytes: int) -> int:
        """See `PageCacheProbe.prefix_resident_bytes`."""
        return leading_bytes(self.resident_pages(fd, offset, nbytes), offset, nbytes, self.page_bytes)

    def prefix_before_read(self, fd: int, offset: int, nbytes: int) -> int:
        """See `PageCacheProbe.prefix_before_read`; here the same as `prefix_resident_bytes`."""
        return self.prefix_resident_bytes(fd, offset, nbytes)

    def warm(self, fd: int, offset: int, nbytes: int) -> None:
        """See `PageCacheProbe.warm`; a descriptor set to F_NOCACHE warms nothing."""
        page_span(fd, offset, nbytes, self.page_bytes)
        read_to_warm(fd, offset, nbytes)

    def device_bytes_read(self) -> int:
        """See `PageCacheProbe.device_bytes_read`; ri_diskio_bytesread of proc_pid_rusage."""
        try:
            proc_pid_rusage = self._libc.proc_pid_rusage
        except AttributeError as error:
            msg = f"this C library has no proc_pid_rusage ({sys.platform}): only macOS counts device reads that way"
            raise PageCacheError(msg) from error
        proc_pid_rusage.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
        proc_pid_rusage.restype = ctypes.c_int
        usage = RusageInfoV4()
        if proc_pid_rusage(os.getpid(), _RUSAGE_INFO_V4, ctypes.addressof(usage)) != 0:
            msg = f"proc_pid_rusage failed ({os.strerror(ctypes.get_errno())}), so bytes from the device are not known"
            raise PageCacheError(msg)
        return int(usage.ri_diskio_bytesread)


def open_darwin_probe(platform: str = sys.platform) -> DarwinProbe:
    """Return the probe of this Mac.

    Raises:
        PageCacheError: this is not macOS.
    """
    _require_macos(platform, "the macOS page cache probe")
    return DarwinProbe(ctypes.CDLL(_LIB_SYSTEM, use_errno=True))


def set_nocache(fd: int, *, enabled: bool, platform: str = sys.platform) -> None:
    """Keep later reads of an open file out of the page cache (F_NOCACHE), or let them in again; evicts nothing.

    Raises:
        PageCacheError: this is not macOS, or the system refused.
    """
    _set_hint(fd, "F_NOCACHE", _F_NOCACHE, enabled=enabled, platform=platform)


def set_readahead(fd: int, *, enabled: bool, platform: str = sys.platform) -> None:
    """Switch read-ahead of an open file (F_RDAHEAD) on or off.

    Raises:
        PageCacheError: this is not macOS, or the system refused.
    """
    _set_hint(fd, "F_RDAHEAD", _F_RDAHEAD, enabled=enabled, platform=platform)


def _set_hint(fd: int, name: str, command: int, *, enabled: bool, platform: str) -> None:
    _require_macos(platform, f"fcntl {name}")
    try:
        # Python's own fcntl: the C function is variadic, and ctypes would pass its argument wrongly on Apple silicon
        fcntl.fcntl(fd, command, int(enabled))
    except OSError as error:
        msg = f"fcntl {name} on {file_label(fd)} failed: {error.strerror}"
        raise PageCacheError(msg) from error


def _require_macos(platform: str, what: str) -> None:
    if platform != "darwin":
        msg = f"{what} needs macOS, this is {platform}: use open_probe(), which picks what fits"
        raise PageCacheError(msg)
