"""How fast this machine reads, by size and threads, warm and cold: what a disk's data sheet does not say.

Reads at random places of a file with preadv, as experts are read. Knows no model.
"""

from __future__ import annotations

import mmap
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache import open_probe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIZES = (64 * 2**10, 2**20, 8 * 2**20)
THREADS = (1, 4, 8)
_AT_MOST_BYTES = 192 * 2**20
_AT_MOST_READS = 192


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Of reads of one size by so many threads."""

    read_bytes: int
    threads: int
    warm_bytes_per_s: float
    cold_bytes_per_s: float | None
    """None where the page cache could not be emptied."""


def measure_bandwidth(
    path: Path, sizes: Sequence[int] = SIZES, threads: Sequence[int] = THREADS
) -> tuple[Bandwidth, ...]:
    """Of one file, which should be larger than the processor's caches; sizes beyond it are left out."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fitting = [size for size in sizes if size <= os.fstat(fd).st_size]
        return tuple(_measure(fd, size, count) for size in fitting for count in threads)
    finally:
        os.close(fd)


def _measure(fd: int, size: int, threads: int) -> Bandwidth:
    file_bytes = os.fstat(fd).st_size
    count = max(1, min(_AT_MOST_READS, _AT_MOST_BYTES // size, file_bytes // size))
    places = np.random.default_rng(size + threads).permutation(file_bytes // size)[:count] * size
    cold = None
    with ThreadPoolExecutor(threads) as pool:
        with suppress(PageCacheError):
            open_probe().evict(fd)
            cold = _rate(pool, fd, places, size, threads)
        if cold is None:
            _rate(pool, fd, places, size, threads)  # brings them in
        warm = _rate(pool, fd, places, size, threads)
    return Bandwidth(size, threads, warm, cold)


def _rate(pool: ThreadPoolExecutor, fd: int, places: np.ndarray, size: int, threads: int) -> float:
    """Bytes a second; every thread fills a page-aligned buffer of its own."""

    def share(number: int) -> None:
        with mmap.mmap(-1, size) as memory:
            for place in places[number::threads].tolist():
                os.preadv(fd, [memory], place)

    start_ns = perf_counter_ns()
    list(pool.map(share, range(threads)))
    return len(places) * size / (perf_counter_ns() - start_ns) * 1e9
