"""What can be said about the macOS probe on any system; test_probe.py is what runs it on a Mac."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.darwin import DarwinProbe, RusageInfoV4, open_darwin_probe, set_nocache, set_readahead
from flashmoe_nb.pagecache.linux import MincoreProbe

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.pagecache import PageCacheProbe

not_on_a_mac = pytest.mark.skipif(sys.platform == "darwin", reason="shows the refusal on other systems")
by_linux_libc = pytest.mark.skipif(sys.platform != "linux", reason="runs the probe on the C library of Linux")
only_on_a_mac = pytest.mark.skipif(sys.platform != "darwin", reason="calls macOS")


def test_rusage_layout_is_that_of_the_sdk_header():
    # 16 bytes of uuid, then v0 10 counters, v1 +6, v2 +2 (disk), v3 +9, v4 +8
    assert ctypes.sizeof(RusageInfoV4) == 296
    assert RusageInfoV4.ri_user_time.offset == 16
    assert RusageInfoV4.ri_child_user_time.offset == 16 + 10 * 8
    assert RusageInfoV4.ri_diskio_bytesread.offset == 144
    assert RusageInfoV4.ri_diskio_byteswritten.offset == 152
    assert RusageInfoV4.ri_logical_writes.offset == 16 + 27 * 8
    assert RusageInfoV4.ri_runnable_time.offset == 288


@not_on_a_mac
def test_opening_the_macos_probe_elsewhere_is_refused():
    with pytest.raises(PageCacheError, match=f"needs macOS, this is {sys.platform}"):
        open_darwin_probe()


@not_on_a_mac
@pytest.mark.parametrize("hint", [set_nocache, set_readahead])
def test_hints_are_refused_elsewhere_before_any_call(hint: Callable[..., None]):
    with pytest.raises(PageCacheError, match="needs macOS"):
        hint(-1, enabled=True)


@by_linux_libc
def test_residency_through_the_shared_calls_agrees_with_the_linux_probe(disk_file: int):
    darwin, linux = DarwinProbe(ctypes.CDLL(None, use_errno=True)), MincoreProbe()
    linux.evict(disk_file)
    os.posix_fadvise(disk_file, 0, 0, os.POSIX_FADV_RANDOM)
    assert darwin.residency(disk_file, 5, 1_000_000) == 0.0
    darwin.warm(disk_file, 300_000, 200_000)
    asked = (5, 1_000_000)
    assert 0.0 < darwin.residency(disk_file, *asked) == linux.residency(disk_file, *asked) < 1.0
    assert darwin.prefix_resident_bytes(disk_file, 300_000, 250_000) == 503_808 - 300_000
    assert darwin.prefix_before_read(disk_file, 5, 10) == 0


@by_linux_libc
def test_an_eviction_that_did_nothing_is_an_error(disk_file: int):
    # Linux takes msync(MS_INVALIDATE) and keeps the pages: the count afterwards must notice
    darwin = DarwinProbe(ctypes.CDLL(None, use_errno=True))
    darwin.warm(disk_file, 0, 100_000)
    with pytest.raises(PageCacheError, match=r"could not be evicted: 100\.0% of the pages .* before and 100\.0% after"):
        darwin.evict(disk_file, 0, 100_000)


@by_linux_libc
def test_device_bytes_are_an_error_without_proc_pid_rusage():
    with pytest.raises(PageCacheError, match="no proc_pid_rusage"):
        DarwinProbe(ctypes.CDLL(None, use_errno=True)).device_bytes_read()


@only_on_a_mac
def test_hints_are_taken_by_macos(probe: PageCacheProbe, disk_file: int):
    set_readahead(disk_file, enabled=False)
    set_nocache(disk_file, enabled=True)
    probe.evict(disk_file)
    probe.warm(disk_file, 0, 1_000_000)
    assert probe.residency(disk_file, 0, 1_000_000) < 0.5
    set_nocache(disk_file, enabled=False)
