"""What every system's probe must do, by really reading and evicting: these tests run on Linux and on a Mac."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache import open_probe

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.pagecache import PageCacheProbe

EXPERT_BYTES = 7_077_888
MOSTLY_EVICTED = 0.01
"""macOS is reported to drop more than 99 % of the pages; Linux drops all of a whole file."""


def test_residency_follows_warming_and_evicting(probe: PageCacheProbe, disk_file: int):
    offset = 3 * EXPERT_BYTES
    assert probe.evict(disk_file) <= MOSTLY_EVICTED
    assert probe.residency(disk_file, offset, EXPERT_BYTES) <= MOSTLY_EVICTED
    probe.warm(disk_file, offset, EXPERT_BYTES)
    assert probe.residency(disk_file, offset, EXPERT_BYTES) == 1.0
    assert probe.residency(disk_file, 0, EXPERT_BYTES) <= MOSTLY_EVICTED, "a range that was not read became resident"


def test_resident_pages_are_a_map_whose_mean_is_the_residency(probe: PageCacheProbe, disk_file: int):
    probe.evict(disk_file)
    probe.warm(disk_file, EXPERT_BYTES, EXPERT_BYTES)
    pages = probe.resident_pages(disk_file, 0, 3 * EXPERT_BYTES)
    assert pages.dtype == np.bool_
    assert pages.shape == (-(-3 * EXPERT_BYTES // probe.page_bytes),)
    assert 0.3 < pages.mean() < 1.0
    assert pages.mean() == probe.residency(disk_file, 0, 3 * EXPERT_BYTES)


def test_device_bytes_grow_by_a_cold_read_and_not_by_a_warm_one(probe: PageCacheProbe, disk_file: int):
    probe.evict(disk_file)
    before = probe.device_bytes_read()
    probe.warm(disk_file, EXPERT_BYTES, EXPERT_BYTES)
    cold = probe.device_bytes_read() - before
    # read-ahead may add up to a window of its own (8 MiB on some disks)
    assert 0.95 * EXPERT_BYTES <= cold <= EXPERT_BYTES + 16 * 1024 * 1024
    before = probe.device_bytes_read()
    probe.warm(disk_file, EXPERT_BYTES, EXPERT_BYTES)
    assert probe.device_bytes_read() - before < 0.02 * EXPERT_BYTES


def test_prefix_resident_bytes_reads_nothing_in(probe: PageCacheProbe, disk_file: int):
    probe.evict(disk_file)
    before = probe.device_bytes_read()
    assert probe.prefix_resident_bytes(disk_file, 100, EXPERT_BYTES) <= MOSTLY_EVICTED * EXPERT_BYTES
    assert probe.residency(disk_file, 0, EXPERT_BYTES) <= MOSTLY_EVICTED
    assert probe.device_bytes_read() - before < 0.02 * EXPERT_BYTES
    probe.warm(disk_file, 0, EXPERT_BYTES)
    assert probe.prefix_resident_bytes(disk_file, 100, EXPERT_BYTES - 100) == EXPERT_BYTES - 100


def test_evict_writes_dirty_pages_first(probe: PageCacheProbe, disk_path: Path):
    path = disk_path.with_name("dirty.bin")
    content = os.urandom(48_000_001)
    path.write_bytes(content)
    with path.open("rb") as file:
        assert probe.evict(file.fileno()) <= MOSTLY_EVICTED
        before = probe.device_bytes_read()
        assert file.read() == content
        assert probe.device_bytes_read() - before > 0.9 * len(content), "it was read back from memory, not from disk"


def test_evict_of_an_empty_file_leaves_nothing(probe: PageCacheProbe, tmp_path: Path):
    (tmp_path / "empty.bin").touch()
    with (tmp_path / "empty.bin").open("rb") as file:
        assert probe.evict(file.fileno()) == 0.0
        with pytest.raises(PageCacheError):
            probe.residency(file.fileno(), 0, 1)


def test_every_question_refuses_a_closed_descriptor_and_a_range_past_the_end(probe: PageCacheProbe, disk_path: Path):
    fd = os.open(disk_path, os.O_RDONLY)
    size_bytes = disk_path.stat().st_size
    questions = (
        probe.residency,
        probe.resident_pages,
        probe.evict,
        probe.prefix_resident_bytes,
        probe.prefix_before_read,
        probe.warm,
    )
    for question in questions:
        with pytest.raises(PageCacheError, match="67,108,864"):
            question(fd, size_bytes - 10, 11)
    os.close(fd)
    for question in questions:
        with pytest.raises(PageCacheError, match="Bad file descriptor"):
            question(fd, 0, 1)


def test_open_probe_refuses_a_system_it_does_not_know():
    with pytest.raises(PageCacheError, match='"win32" cannot be asked'):
        open_probe("win32")


def test_probes_show_who_answers(probe: PageCacheProbe):
    assert probe.name in repr(probe)
    assert "\n" not in repr(probe)
