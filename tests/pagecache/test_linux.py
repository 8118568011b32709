"""Linux: cachestat and mincore on real files, and each case in which the kernel answers what was not asked."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from flashmoe_nb.errors import PageCacheError

if sys.platform != "linux":
    pytest.skip("the Linux page cache", allow_module_level=True)

from flashmoe_nb.pagecache.linux import CachestatProbe, MincoreProbe, open_linux_probe
from flashmoe_nb.pagecache.mincore import MappedPages
from flashmoe_nb.pagecache.ranges import PageSpan

if TYPE_CHECKING:
    from collections.abc import Callable

EXPERT_BYTES = 7_077_888
PAGE_BYTES = mmap.PAGESIZE
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(params=["cachestat", "mincore"])
def linux_probe(request: pytest.FixtureRequest) -> MincoreProbe:
    if request.param == "mincore":
        return MincoreProbe()
    try:
        return CachestatProbe()
    except PageCacheError as error:
        pytest.skip(str(error))


@pytest.fixture
def random_file(disk_file: int) -> int:
    """The file, cold, with read-ahead off, so that exactly the pages read become resident."""
    assert MincoreProbe().evict(disk_file) == 0.0
    os.posix_fadvise(disk_file, 0, 0, os.POSIX_FADV_RANDOM)
    return disk_file


def test_evicting_one_expert_leaves_its_neighbours(linux_probe: MincoreProbe, random_file: int):
    linux_probe.warm(random_file, 0, 9 * EXPERT_BYTES)
    assert linux_probe.residency(random_file, 0, 9 * EXPERT_BYTES) == 1.0
    assert linux_probe.evict(random_file, 4 * EXPERT_BYTES, EXPERT_BYTES) == 0.0
    shares = [linux_probe.residency(random_file, expert * EXPERT_BYTES, EXPERT_BYTES) for expert in range(9)]
    assert shares == [1.0] * 4 + [0.0] + [1.0] * 4


def test_evicting_one_expert_after_readahead_reports_the_rest_it_could_not_drop(
    linux_probe: MincoreProbe, disk_file: int
):
    linux_probe.evict(disk_file)
    for expert in range(9):
        linux_probe.warm(disk_file, expert * EXPERT_BYTES, EXPERT_BYTES)
    left = linux_probe.evict(disk_file, 4 * EXPERT_BYTES, EXPERT_BYTES)
    assert 0.0 <= left < 0.6
    assert left == MincoreProbe().residency(disk_file, 4 * EXPERT_BYTES, EXPERT_BYTES)
    assert linux_probe.residency(disk_file, 3 * EXPERT_BYTES, EXPERT_BYTES) == 1.0
    assert linux_probe.evict(disk_file) == 0.0


def test_single_pages_are_seen_where_they_are(linux_probe: MincoreProbe, random_file: int):
    base = 1000 * PAGE_BYTES
    for page in (3, 5, 6):
        os.pread(random_file, 1, base + page * PAGE_BYTES + 17)
    expected = np.isin(np.arange(10), [3, 5, 6])
    np.testing.assert_array_equal(linux_probe.resident_pages(random_file, base, 10 * PAGE_BYTES), expected)
    assert linux_probe.residency(random_file, base, 10 * PAGE_BYTES) == 0.3
    # two bytes across the border of pages 4 and 5: one page of two
    assert linux_probe.residency(random_file, base + 5 * PAGE_BYTES - 1, 2) == 0.5
    np.testing.assert_array_equal(linux_probe.resident_pages(random_file, base + 5 * PAGE_BYTES - 1, 2), [False, True])
    # last byte of page 5 to first of page 7: prefix ends within the range
    assert linux_probe.prefix_resident_bytes(random_file, base + 6 * PAGE_BYTES - 1, PAGE_BYTES + 2) == PAGE_BYTES + 1
    assert linux_probe.prefix_resident_bytes(random_file, base + 4 * PAGE_BYTES, PAGE_BYTES) == 0


def test_evicting_part_of_a_page_drops_the_whole_page(linux_probe: MincoreProbe, random_file: int):
    for page in range(8):
        os.pread(random_file, 1, page * PAGE_BYTES)
    assert linux_probe.evict(random_file, 2 * PAGE_BYTES + 100, PAGE_BYTES) == 0.0
    expected = ~np.isin(np.arange(8), [2, 3])
    np.testing.assert_array_equal(linux_probe.resident_pages(random_file, 0, 8 * PAGE_BYTES), expected)


def test_a_short_last_page_counts_as_a_page(linux_probe: MincoreProbe, disk_path: Path):
    path = disk_path.with_name("short.bin")
    path.write_bytes(bytes(2 * PAGE_BYTES + 1))
    with path.open("rb") as file:
        assert linux_probe.residency(file.fileno(), 0, 2 * PAGE_BYTES + 1) == 1.0
        assert linux_probe.residency(file.fileno(), 2 * PAGE_BYTES, 1) == 1.0
        assert linux_probe.evict(file.fileno()) == 0.0
        assert linux_probe.residency(file.fileno(), 2 * PAGE_BYTES, 1) == 0.0


def test_cachestat_and_mincore_agree_on_any_range(random_file: int):
    cachestat, mincore = open_linux_probe(), MincoreProbe()
    if cachestat.name != "cachestat":
        pytest.skip("this kernel has no cachestat")
    rng = np.random.default_rng(7)
    for offset in rng.integers(0, 60_000_000, 40):
        os.pread(random_file, int(rng.integers(1, 300_000)), int(offset))
    shares = []
    for offset in rng.integers(0, 60_000_000, 60):
        nbytes = int(rng.integers(1, 4_000_000))
        shares.append(cachestat.residency(random_file, int(offset), nbytes))
        assert shares[-1] == mincore.residency(random_file, int(offset), nbytes)
    assert min(shares) < 0.5 < max(shares), "the ranges were all alike, so agreeing proves little"


def test_nowait_finds_the_prefix_but_starts_to_read_the_rest(linux_probe: MincoreProbe, random_file: int):
    linux_probe.warm(random_file, 0, 10 * PAGE_BYTES)
    asked = (5 * PAGE_BYTES + 1, 20 * PAGE_BYTES)
    assert linux_probe.prefix_resident_bytes(random_file, *asked) == 5 * PAGE_BYTES - 1
    assert linux_probe.prefix_resident_bytes(random_file, *asked) == 5 * PAGE_BYTES - 1
    assert linux_probe.prefix_before_read(random_file, *asked) == 5 * PAGE_BYTES - 1
    assert linux_probe.prefix_before_read(random_file, 0, 10 * PAGE_BYTES) == 10 * PAGE_BYTES
    # why prefix_resident_bytes does not use it: a miss is no mere observation. Kernels differ in how much they bring.
    time.sleep(0.05)
    brought = linux_probe.residency(random_file, 10 * PAGE_BYTES, 15 * PAGE_BYTES)
    print(f"RWF_NOWAIT on a miss left {brought:.0%} of the missing pages resident")


def test_evict_says_that_this_process_has_the_file_mapped(linux_probe: MincoreProbe, random_file: int):
    linux_probe.warm(random_file, 0, 16 * PAGE_BYTES)
    with mmap.mmap(random_file, 16 * PAGE_BYTES, prot=mmap.PROT_READ) as mapped:
        assert sum(mapped[page * PAGE_BYTES] >= 0 for page in range(16)) == 16
        with pytest.raises(PageCacheError, match=r"100\.0% of the pages.*this process has the file mapped"):
            linux_probe.evict(random_file, 0, 16 * PAGE_BYTES)
    assert linux_probe.evict(random_file, 0, 16 * PAGE_BYTES) == 0.0


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no tmpfs at /dev/shm")  # noqa: S108 - the point of the test
def test_evict_refuses_a_file_that_lives_in_memory(linux_probe: MincoreProbe):
    path = Path(f"/dev/shm/flashmoe-test-{os.getpid()}")  # noqa: S108 - the point of the test
    path.write_bytes(bytes(PAGE_BYTES))
    try:
        with path.open("rb") as file:
            assert linux_probe.residency(file.fileno(), 0, PAGE_BYTES) == 1.0
            with pytest.raises(PageCacheError, match="lives in memory"):
                linux_probe.evict(file.fileno())
    finally:
        path.unlink()


def test_probing_leaves_no_descriptor_and_no_mapping(linux_probe: MincoreProbe, disk_file: int):
    def held() -> tuple[int, int]:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        return len(list(Path("/proc/self/fd").iterdir())), maps.count("experts.bin")

    before = held()
    for _ in range(50):
        linux_probe.residency(disk_file, 1, EXPERT_BYTES)
        linux_probe.resident_pages(disk_file, 1, EXPERT_BYTES)
        linux_probe.prefix_before_read(disk_file, 1, PAGE_BYTES)
        linux_probe.device_bytes_read()
        with pytest.raises(PageCacheError):
            linux_probe.residency(-1, 0, 1)
    assert held() == before


def test_threads_get_their_own_answers(linux_probe: MincoreProbe, random_file: int):
    for expert in range(0, 8, 2):
        linux_probe.warm(random_file, expert * EXPERT_BYTES, EXPERT_BYTES)
    wrong: list[tuple[int, float]] = []

    def ask(expert: int) -> None:
        for _ in range(50):
            share = linux_probe.residency(random_file, expert * EXPERT_BYTES, EXPERT_BYTES)
            if share != float(expert % 2 == 0):
                wrong.append((expert, share))
            with pytest.raises(PageCacheError, match="Bad file descriptor"):
                linux_probe.residency(-1, 0, 1)

    threads = [threading.Thread(target=ask, args=(expert,)) for expert in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _run(script: str, *arguments: str, prefix: tuple[str, ...] = ()) -> list[str]:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SOMEONE_ELSES = """
import ctypes, os, sys
from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.linux import MincoreProbe, open_linux_probe
from flashmoe_nb.pagecache.mincore import MappedPages
from flashmoe_nb.pagecache.ranges import PageSpan
path = sys.argv[1]
fd = os.open(path, os.O_RDONLY)
probes = (MincoreProbe(), open_linux_probe())
if os.geteuid() == 0:
    probes[0].evict(fd)
    os.setegid(65534)
    os.seteuid(65534)
for probe in probes:
    try:
        print(probe.name, probe.residency(fd, 0, 100))
    except PageCacheError as error:
        print(probe.name, "refused", error)
try:
    print("map", probes[0].resident_pages(fd, 0, 100))
except PageCacheError as error:
    print("map refused", error)
print("kernel", MappedPages(ctypes.CDLL(None, use_errno=True)).resident(fd, PageSpan(0, 1, os.sysconf("SC_PAGE_SIZE"))))
print("prefix", probes[1].prefix_before_read(fd, 0, 100))
"""


def test_a_file_of_someone_else_is_refused_not_called_resident(disk_path: Path):
    path = Path("/etc/passwd")
    if os.geteuid() == 0:
        path = disk_path.with_name("not_yours.bin")
        path.write_bytes(bytes(PAGE_BYTES))
        path.chmod(0o644)
    mincore, best, page_map, kernel, prefix = _run(SOMEONE_ELSES, str(path))
    assert mincore.startswith("mincore refused")
    assert f"only of files one owns or may write: {path} belongs to user 0" in mincore
    assert page_map.startswith("map refused")
    # cachestat told the truth to everyone until Linux 6.14
    assert best.startswith(
        (f"{open_linux_probe().name} refused", "cachestat 0.0" if os.geteuid() == 0 else "cachestat")
    )
    assert prefix == "prefix 0" or os.geteuid() != 0
    # negative control: what the kernel says about this page, which is cold when we are root
    assert kernel == "kernel [ True]"


OVERLAY = """
import os, subprocess, sys
from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.linux import open_linux_probe
from flashmoe_nb.pagecache.ranges import page_span
low, up, work, merged = (os.path.join(sys.argv[1], name) for name in ("low", "up", "work", "merged"))
for folder in (low, up, work, merged):
    os.mkdir(folder)
with open(os.path.join(low, "a.bin"), "wb") as file:
    file.write(os.urandom(1 << 20))
    os.fsync(file.fileno())
options = f"lowerdir={low},upperdir={up},workdir={work}"
if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged]).returncode:
    print("no overlay")
    raise SystemExit
fd = os.open(os.path.join(merged, "a.bin"), os.O_RDONLY)
probe = open_linux_probe()
probe.warm(fd, 0, 1 << 20)
print(probe.residency(fd, 0, 1 << 20))
print(probe.evict(fd), probe.residency(fd, 0, 1 << 20))
try:
    print(probe.prefix_before_read(fd, 0, 100))
except PageCacheError as error:
    print(error)
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting an overlay needs root")
def test_overlayfs_is_asked_through_a_mapping_because_cachestat_says_nothing_is_resident(disk_path: Path):
    folder = disk_path.with_name("overlay")
    folder.mkdir()
    lines = _run(OVERLAY, str(folder), prefix=("unshare", "-m"))
    if lines == ["no overlay"]:
        pytest.skip("this kernel mounts no overlayfs here")
    assert lines[0] == "1.0"
    assert lines[1] == "0.0 0.0"
    assert lines[2] == "0" or "cannot read without waiting" in lines[2]


FILTERED = """
import ctypes, sys
from flashmoe_nb.pagecache import open_probe
class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]
# load the call's number; if it is 451 return the error, else allow
refuse = (0x06, 0, 0, 0x00050000 | int(sys.argv[1]))
code = (Instruction * 4)((0x20, 0, 0, 0), (0x15, 0, 1, 451), refuse, (0x06, 0, 0, 0x7FFF0000))
prctl = ctypes.CDLL(None, use_errno=True).prctl
prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
assert prctl(38, 1, None, 0, 0) == 0
assert prctl(22, 2, ctypes.addressof(Program(4, code)), 0, 0) == 0, ctypes.get_errno()
print(open_probe().name)
"""


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_open_probe_falls_back_to_mincore_where_cachestat_is_filtered(code: int):
    assert _run(FILTERED, str(code)) == ["mincore"]


def test_open_linux_probe_refuses_another_system():
    with pytest.raises(PageCacheError, match="needs Linux, this is darwin"):
        open_linux_probe("darwin")


@pytest.mark.parametrize("call", ["resident", "invalidate"])
def test_mapping_a_descriptor_that_may_not_be_read_is_an_error(disk_path: Path, call: str):
    pages = MappedPages(ctypes.CDLL(None, use_errno=True))
    path = disk_path.with_name("write_only.bin")
    path.write_bytes(bytes(PAGE_BYTES))
    fd = os.open(path, os.O_WRONLY)
    asked: Callable[[int, PageSpan], object] = {"resident": pages.resident, "invalidate": pages.invalidate}[call]
    with pytest.raises(PageCacheError, match=r"mmap of .*write_only.bin failed: Permission denied"):
        asked(fd, PageSpan(0, 1, PAGE_BYTES))
    os.close(fd)
