"""Suite `read`: expert reads into slots, against the same bytes through nothing but preadv, by threads, cold and warm.

The bare loop reads the same ranges into the same memory from a standard thread pool, and a sequential read of as many
bytes says what the device gives at best. Ours and bare take turns.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.checkpoint import open_checkpoint
from flashmoe_nb.engine.residency import ExpertPages
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.storage import ExpertReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flashmoe_nb.lab.bench.options import Options
    from flashmoe_nb.storage import ExpertStore, RecordLayout

THREADS = (1, 2, 4, 8, 16)
N_EXPERTS = 48
"""Read in each measurement: 340 MB of the 397B shape."""


HINTS: dict[str, int] = (
    {
        "nothing (read-ahead as it is)": os.POSIX_FADV_NORMAL,
        "POSIX_FADV_RANDOM (no read-ahead)": os.POSIX_FADV_RANDOM,
        "POSIX_FADV_SEQUENTIAL (twice the read-ahead)": os.POSIX_FADV_SEQUENTIAL,
    }
    if sys.platform == "linux"
    else {}
)


class _Slots:
    """Memory for S experts, as the engine's slots are."""

    def __init__(self, layout: RecordLayout, n_slots: int) -> None:
        self.layout, self.n_slots = layout, n_slots
        self._blocks = [np.zeros((n_slots, part.nbytes), np.uint8) for part in layout.components]

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        return tuple(memoryview(block[slot]) for block in self._blocks)


def run(options: Options) -> Iterator[Table]:
    """Time reads of random experts of one layer, K at a time."""
    folder = options.checkpoint("qwen3.5-397b", 2)
    store = open_checkpoint(folder, "auto").routed
    assert store is not None, "a dense model reads no experts"
    batch = options.active(folder) or 1
    layer, pages = store.layers[0], ExpertPages([store])
    slots = _Slots(store.layout(layer), batch)
    table = Table(
        "read",
        f"Expert reads, {folder.name}, {store.kind}, {store.layout(layer).payload_bytes:,} bytes each, {batch} at once",
        ("page cache", "threads", "GB/s", "bare preadv GB/s", "of bare", "sequential GB/s"),
    )
    for cold in (True, False):
        for n_threads in THREADS:
            ours, bare, line = _compare(store, layer, slots, pages, n_threads, options.rounds, cold=cold)
            table.add("cold" if cold else "warm", n_threads, ours, bare, ours / bare, line)
    yield table
    if HINTS:
        yield _hints(store, layer, slots, pages, options.rounds)


def _compare(
    store: ExpertStore, layer: int, slots: _Slots, pages: ExpertPages, n_threads: int, rounds: int, *, cold: bool
) -> tuple[float, float, float]:
    """Median GB/s of ours, bare and sequential, in turns."""
    rng = random.Random(n_threads)
    count = min(N_EXPERTS, store.num_experts(layer))
    found: tuple[list[float], list[float], list[float]] = ([], [], [])
    reader = ExpertReader(store, n_threads)
    files = [os.open(path, os.O_RDONLY) for path in store.files]
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            for _ in range(rounds):
                experts = rng.sample(range(store.num_experts(layer)), count)
                batches = [experts[at : at + slots.n_slots] for at in range(0, count, slots.n_slots)]
                ways = (
                    partial(_read_ours, reader, layer, slots, batches),
                    partial(_read_bare, pool, files, store, layer, slots, batches),
                    partial(_read_in_a_row, files[0], count * store.layout(layer).payload_bytes),
                )
                turns = list(zip(ways, found, strict=True))
                rng.shuffle(turns)
                for way, speeds in turns:
                    _prepare(pages, layer, cold=cold)
                    start_ns = perf_counter_ns()
                    nbytes = way()
                    speeds.append(nbytes / (perf_counter_ns() - start_ns))
    finally:
        reader.close()
        for fd in files:
            os.close(fd)
    ours, bare, line = (statistics.median(speeds) for speeds in found)
    return ours, bare, line


def bare_ns(store: ExpertStore, wanted: Mapping[int, Sequence[int]], n_threads: int) -> int:
    """What the experts of some layers take through nothing but preadv, layer after layer, with so many threads."""
    files = [os.open(path, os.O_RDONLY) for path in store.files]
    slots = {layer: _Slots(store.layout(layer), len(experts)) for layer, experts in wanted.items()}
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            sum(pool.map(abs, range(n_threads)))  # its threads are started
            start_ns = perf_counter_ns()
            for layer, experts in wanted.items():
                _read_bare(pool, files, store, layer, slots[layer], [experts])
            return perf_counter_ns() - start_ns
    finally:
        for fd in files:
            os.close(fd)


def _prepare(pages: ExpertPages, layer: int, *, cold: bool) -> None:
    """Everything out, since the sequential read begins at the file's first byte; or the layer in."""
    if cold:
        pages.evict()
    else:
        pages.warm(layer)


def _hints(store: ExpertStore, layer: int, slots: _Slots, pages: ExpertPages, rounds: int) -> Table:
    """Cold reads by four threads, as the system is told what to expect of the files."""
    columns = ("told the system", "GB/s, median", "least", "most")
    table = Table("hints", "Read-ahead hints, cold, 4 threads, bare preadv", columns)
    rng = random.Random(0)
    found: dict[str, list[float]] = {name: [] for name in HINTS}
    with ThreadPoolExecutor(4) as pool:
        for _ in range(rounds):
            experts = rng.sample(range(store.num_experts(layer)), min(N_EXPERTS, store.num_experts(layer)))
            batches = [experts[at : at + slots.n_slots] for at in range(0, len(experts), slots.n_slots)]
            for name in rng.sample(list(HINTS), len(HINTS)):
                files = [os.open(path, os.O_RDONLY) for path in store.files]
                for fd in files:
                    os.posix_fadvise(fd, 0, 0, HINTS[name])
                pages.evict()
                start_ns = perf_counter_ns()
                nbytes = _read_bare(pool, files, store, layer, slots, batches)
                found[name].append(nbytes / (perf_counter_ns() - start_ns))
                for fd in files:
                    os.close(fd)
    for name, speeds in found.items():
        table.add(name, statistics.median(speeds), min(speeds), max(speeds))
    return table


def _read_ours(reader: ExpertReader, layer: int, slots: _Slots, batches: Sequence[Sequence[int]]) -> int:
    before = reader.bytes_read
    for batch in batches:
        reader.read(layer, [(expert, slot) for slot, expert in enumerate(batch)], slots)
    return reader.bytes_read - before


def _read_bare(
    pool: ThreadPoolExecutor,
    files: Sequence[int],
    store: ExpertStore,
    layer: int,
    slots: _Slots,
    batches: Sequence[Sequence[int]],
) -> int:
    """The same ranges, one call for all that lie together, nothing recorded and nothing checked but the count."""
    plans = [
        [_calls(store, layer, expert, slots.buffers(slot)) for slot, expert in enumerate(batch)] for batch in batches
    ]

    def one(calls: list[tuple[int, int, list[memoryview]]]) -> int:
        return sum(os.preadv(files[file], buffers, offset) for file, offset, buffers in calls)

    return sum(sum(pool.map(one, plan)) for plan in plans)


def _calls(
    store: ExpertStore, layer: int, expert: int, buffers: tuple[memoryview, ...]
) -> list[tuple[int, int, list[memoryview]]]:
    calls: list[tuple[int, int, list[memoryview]]] = []
    end = -1
    for part, buffer in zip(store.ranges(layer, expert), buffers, strict=True):
        if calls and calls[-1][0] == part.file and part.offset == end:
            calls[-1][2].append(buffer)
        else:
            calls.append((part.file, part.offset, [buffer]))
        end = part.offset + part.nbytes
    return calls


def _read_in_a_row(fd: int, nbytes: int) -> int:
    size = os.fstat(fd).st_size
    wanted, buffer = min(nbytes, size), bytearray(8 << 20)
    return sum(os.preadv(fd, [buffer], at) for at in range(0, wanted, len(buffer)))
