"""The bytes of one expert into the buffers of one slot, and what that took.

Knows pieces, open files and buffers, not which layer they are of or who waits for them.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.events import ExpertRead
from flashmoe_nb.storage.positional import read_exactly

if TYPE_CHECKING:
    from collections.abc import Callable

    from flashmoe_nb.storage.open_file import OpenFile
    from flashmoe_nb.storage.read_plan import Piece

    Probe = Callable[[int, int, int], float]


def fill(pieces: tuple[Piece, ...], files: tuple[OpenFile, ...], buffers: tuple[memoryview, ...]) -> int:
    """Read the pieces of one expert into its slot; returns the system calls it took."""
    calls = 0
    for piece in pieces:
        file = files[piece.file]
        calls += read_exactly(file.fd, piece.fill(buffers), piece.offset, piece.nbytes, file.path)
    return calls


def resident_bytes(pieces: tuple[Piece, ...], files: tuple[OpenFile, ...], probe: Probe) -> float | None:
    """Bytes the page cache holds; None where the system cannot say."""
    try:
        return sum(probe(files[piece.file].fd, piece.offset, piece.nbytes) * piece.nbytes for piece in pieces)
    except PageCacheError:
        return None


class ReadJob:
    """Reads some pieces of one expert, on whichever thread takes it, and remembers how it went."""

    __slots__ = (
        "_buffers",
        "_files",
        "_pieces",
        "_probe",
        "calls",
        "end_ns",
        "error",
        "resident_bytes",
        "start_ns",
        "thread",
    )

    def __init__(
        self,
        pieces: tuple[Piece, ...],
        files: tuple[OpenFile, ...],
        buffers: tuple[memoryview, ...],
        probe: Probe | None,
    ) -> None:
        self._pieces = pieces
        self._files = files
        self._buffers = buffers
        self._probe = probe
        self.error: Exception | None = None
        self.resident_bytes: float | None = None
        self.calls = 0

    def __call__(self, thread: int) -> None:
        """Do it, on the thread of this number; an error is kept for the asking thread to raise."""
        self.thread = thread
        try:
            if self._probe is not None:
                self.resident_bytes = resident_bytes(self._pieces, self._files, self._probe)
            self.start_ns = perf_counter_ns()
            self.calls = fill(self._pieces, self._files, self._buffers)
            self.end_ns = perf_counter_ns()
        except Exception as error:  # noqa: BLE001 - the asking thread raises it, a helper must live on
            self.error = error


def add_up(layer: int, request: tuple[int, int], nbytes: int, jobs: list[ReadJob]) -> ExpertRead:
    """What the jobs of one expert add up to; the thread is that of the first piece."""
    expert, slot = request
    resident_bytes = [job.resident_bytes for job in jobs if job.resident_bytes is not None]
    return ExpertRead(
        layer,
        expert,
        slot,
        nbytes,
        min(job.start_ns for job in jobs),
        max(job.end_ns for job in jobs),
        jobs[0].thread,
        sum(job.calls for job in jobs),
        sum(resident_bytes) / nbytes if len(resident_bytes) == len(jobs) else None,
    )
