"""Expert bytes from disk straight into slots: parallel preadv, one record of what happened per expert.

The hot path of the engine. Knows a store (where bytes lie) and slots (memory to fill), not what the bytes mean, and
keeps no cache: the operating system does. Every read is whole or an error; nothing is filled with zeros.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter_ns
from typing import TYPE_CHECKING, Protocol

from flashmoe_nb.errors import ReadError
from flashmoe_nb.events import ExpertRead
from flashmoe_nb.storage.open_file import OpenFile
from flashmoe_nb.storage.read_job import ReadJob, add_up, fill, resident_bytes
from flashmoe_nb.storage.read_plan import Piece, plan_reads
from flashmoe_nb.storage.read_threads import ReadThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flashmoe_nb.storage.record import RecordLayout
    from flashmoe_nb.storage.stores import ExpertStore

    Probe = Callable[[int, int, int], float]

INLINE_BYTES = 64 * 1024
"""Records below this are read by the asking thread: handing them over costs more than reading them. Files of larger
ones are read without read-ahead, which brings parts of neighbours that nobody asked for."""

_PLANS_KEPT = 4096


class ReadCancelled(Exception):  # noqa: N818 - not an error: the asker stopped the batch
    """A batch was stopped between two experts; some slots hold new bytes, some old ones."""


class SlotBuffers(Protocol):
    """Memory for `n_slots` experts of one layout."""

    @property
    def layout(self) -> RecordLayout:
        """What one slot holds."""

    @property
    def n_slots(self) -> int:
        """How many experts fit."""

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        """Writable and contiguous, one per component, in component order."""


@dataclass(frozen=True, slots=True)
class _Plan:
    files: frozenset[int]
    jobs: tuple[tuple[Piece, ...], ...]
    """Pieces one thread reads in a row: all of them, or one each when components are split."""
    nbytes: int


class ExpertReader:
    """Reads the experts of one store; one batch at a time, a second asker waits."""

    def __init__(self, store: ExpertStore, n_threads: int, *, probe: Probe | None = None) -> None:
        """Open every file of the store.

        Args:
            store: where the bytes lie.
            n_threads: reading threads, the asking one among them.
            probe: (fd, offset, nbytes) -> share of these bytes the page cache holds; asked when a read is measured.
        """
        self._store = store
        self._probe = probe
        self._busy = threading.Lock()
        self._files: tuple[OpenFile, ...] = ()
        try:
            read_ahead = all(store.layout(layer).payload_bytes < INLINE_BYTES for layer in store.layers)
            for path in store.files:
                self._files += (OpenFile.open(path, read_ahead=read_ahead),)
        except ReadError:
            self._close_files()
            raise
        self._threads = ReadThreads(n_threads)
        self._plan = lru_cache(_PLANS_KEPT)(self._make_plan)
        self.bytes_read = 0
        self.n_reads = 0
        """Experts read, by however many calls."""

    def __repr__(self) -> str:
        read = f"{self.n_reads:,} experts, {self.bytes_read / 1e9:.3f} GB read"
        return f"<ExpertReader {self._store.kind}, {self._threads.n_threads} threads, {read}>"

    def read(
        self,
        layer: int,
        requests: Sequence[tuple[int, int]],
        slots: SlotBuffers,
        *,
        measure: bool = False,
        cancelled: Callable[[], bool] | None = None,
    ) -> tuple[ExpertRead, ...]:
        """Fill slots with experts of a layer; returns what each read took, in the order asked.

        Args:
            layer: whose experts.
            requests: (expert, slot) pairs, no slot twice.
            slots: of the layer's layout.
            measure: ask the probe, before each read, what the page cache holds of it.
            cancelled: asked by the calling thread between its reads.

        Raises:
            ReadError: a file changed, ended early or could not be read; raised once no thread is writing to a slot.
            ReadCancelled: `cancelled` became true before everything was read.
        """
        layout = self._store.layout(layer)
        assert slots.layout is layout or slots.layout == layout, f"slots of another layout than layer {layer}"
        assert len({slot for _, slot in requests}) == len(requests), f"a slot twice in {requests}"
        plans = [self._plan(layer, expert) for expert, _ in requests]
        probe = self._probe if measure else None
        with self._busy:
            assert self._files, "the reader is closed"
            for number in {number for plan in plans for number in plan.files}:
                self._files[number].check_unchanged()
            before_read = _stop_when(cancelled)
            if len(plans) == 1 == len(plans[0].jobs) or _all_small(plans):
                reads = self._read_here(layer, requests, plans, slots, probe, before_read)
            else:
                reads = self._read_shared(layer, requests, plans, slots, probe, before_read)
        self.bytes_read += sum([plan.nbytes for plan in plans])
        self.n_reads += len(requests)
        return reads

    def _read_here(
        self,
        layer: int,
        requests: Sequence[tuple[int, int]],
        plans: Sequence[_Plan],
        slots: SlotBuffers,
        probe: Probe | None,
        before_read: Callable[[], None],
    ) -> tuple[ExpertRead, ...]:
        """On the asking thread, one expert after the other: of small records the bookkeeping is what costs."""
        self._threads.settle()
        reads, files, buffers, resident = [], self._files, slots.buffers, None
        for (expert, slot), plan in zip(requests, plans, strict=True):
            before_read()
            (pieces,) = plan.jobs
            if probe is not None:
                held_bytes = resident_bytes(pieces, files, probe)
                resident = None if held_bytes is None else held_bytes / plan.nbytes
            start_ns = perf_counter_ns()
            calls = fill(pieces, files, buffers(slot))
            reads.append(ExpertRead(layer, expert, slot, plan.nbytes, start_ns, perf_counter_ns(), 0, calls, resident))
        return tuple(reads)

    def _read_shared(
        self,
        layer: int,
        requests: Sequence[tuple[int, int]],
        plans: Sequence[_Plan],
        slots: SlotBuffers,
        probe: Probe | None,
        before_read: Callable[[], None],
    ) -> tuple[ExpertRead, ...]:
        """By all threads together."""
        by_request = [
            [ReadJob(pieces, self._files, slots.buffers(slot), probe) for pieces in plan.jobs]
            for plan, (_, slot) in zip(plans, requests, strict=True)
        ]
        jobs = [job for of_one in by_request for job in of_one]
        self._threads.run(jobs, before_read)
        for job in jobs:
            if job.error is not None:
                raise job.error
        return tuple(
            add_up(layer, request, plan.nbytes, of_one)
            for request, plan, of_one in zip(requests, plans, by_request, strict=True)
        )

    def close(self) -> None:
        """End the threads and close the files; waits for a batch that is being read."""
        with self._busy:
            self._threads.close()
            self._close_files()
            self._plan.cache_clear()

    def _close_files(self) -> None:
        for file in self._files:
            file.close()
        self._files = ()

    def _make_plan(self, layer: int, expert: int) -> _Plan:
        pieces = plan_reads(self._store.ranges(layer, expert), split=self._threads.n_threads > 1)
        is_split = any(piece.skip_bytes >= 0 for piece in pieces)
        jobs = tuple((piece,) for piece in pieces) if is_split else (pieces,)
        return _Plan(frozenset(piece.file for piece in pieces), jobs, sum(piece.nbytes for piece in pieces))


def _all_small(plans: Sequence[_Plan]) -> bool:
    return all(plan.nbytes < INLINE_BYTES for plan in plans)


def _stop_when(cancelled: Callable[[], bool] | None) -> Callable[[], None]:
    if cancelled is None:
        return _go_on

    def stop() -> None:
        if cancelled():
            raise ReadCancelled

    return stop


def _go_on() -> None:
    """Asked between reads when nobody can cancel."""
