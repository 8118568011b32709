"""Other ways to bring an expert's bytes into a slot than the engine's own reader: one small class each.

A way turns (layer, expert) into jobs that fill the slot's buffers; jobs of one expert may run on several threads. Knows
stores and bytes; keeps no cache. `swapped.py` puts a way into an open engine.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from flashmoe_nb.errors import OptionError, ReadError
from flashmoe_nb.storage.positional import as_bytes, read_exactly
from flashmoe_nb.storage.read_plan import plan_reads
from flashmoe_nb.storage.record import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flashmoe_nb.storage import ExpertStore
    from flashmoe_nb.storage.read_plan import Piece

    Buffers = tuple[memoryview, ...]
    Job = Callable[[], int]
    """Fills its part and returns the system calls it took."""

_F_NOCACHE = 48
"""Of macOS, sys/fcntl.h."""
_DIRECT_BYTES = 4096
"""What offsets and lengths of direct reads must be multiples of; 512 would do on some disks."""


class Way(Protocol):
    """How one expert's bytes are brought."""

    def jobs(self, layer: int, expert: int, buffers: Buffers) -> list[Job]:
        """Calls that together fill the buffers."""

    def close(self) -> None:
        """Give files and memory back."""


class Plain:
    """preadv, as the engine's own reader does, with a hint of one's choice about read-ahead."""

    def __init__(self, store: ExpertStore, *, advice: int | None = None) -> None:
        self._store = store
        self._fds = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in store.files]
        if advice is not None:
            for fd in self._fds:
                os.posix_fadvise(fd, 0, 0, advice)

    def jobs(self, layer: int, expert: int, buffers: Buffers) -> list[Job]:
        """One for the whole record."""
        pieces = self.pieces(layer, expert)
        return [lambda: sum(self.read(piece, piece.fill(buffers), 0, piece.nbytes) for piece in pieces)]

    def pieces(self, layer: int, expert: int) -> tuple[Piece, ...]:
        """What lies together on disk."""
        return plan_reads(self._store.ranges(layer, expert), split=False)

    def read(self, piece: Piece, into: Sequence[memoryview], start: int, end: int) -> int:
        """Bytes `start` to `end` of a piece."""
        return read_exactly(
            self._fds[piece.file], into, piece.offset + start, end - start, self._store.files[piece.file]
        )

    def close(self) -> None:
        """Give files and memory back."""
        for fd in self._fds:
            os.close(fd)


class Chunked(Plain):
    """Each record cut into chunks of whole pages that threads share."""

    def __init__(self, store: ExpertStore, n_chunks: int) -> None:
        super().__init__(store)
        self._n_chunks = n_chunks

    def jobs(self, layer: int, expert: int, buffers: Buffers) -> list[Job]:
        """One a chunk."""
        jobs: list[Job] = []
        for piece in self.pieces(layer, expert):
            size = -(-piece.nbytes // self._n_chunks // PAGE_BYTES) * PAGE_BYTES or PAGE_BYTES
            size = max(PAGE_BYTES, size)
            for start in range(0, piece.nbytes, size):
                end = min(start + size, piece.nbytes)
                jobs.append(self._job(piece, cut(piece.fill(buffers), start, end), start, end))
        return jobs

    def _job(self, piece: Piece, into: Sequence[memoryview], start: int, end: int) -> Job:
        return lambda: self.read(piece, into, start, end)


class Mapped:
    """Files mapped into memory and copied from: a fault for each page that is not resident."""

    def __init__(self, store: ExpertStore, *, advice: int | None = None, will_need: bool = False) -> None:
        self._store, self._will_need = store, will_need
        self._maps: list[mmap.mmap] = []
        for path in store.files:
            with path.open("rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
            if advice is not None:
                self._maps[-1].madvise(advice)
        self._views = [np.frombuffer(mapped, np.uint8) for mapped in self._maps]

    def jobs(self, layer: int, expert: int, buffers: Buffers) -> list[Job]:
        """One for the whole record."""

        def copy() -> int:
            for part, buffer in zip(self._store.ranges(layer, expert), buffers, strict=True):
                if self._will_need:
                    first = part.offset // mmap.PAGESIZE * mmap.PAGESIZE
                    self._maps[part.file].madvise(mmap.MADV_WILLNEED, first, part.offset + part.nbytes - first)
                view = self._views[part.file][part.offset : part.offset + part.nbytes]
                np.copyto(np.frombuffer(as_bytes(buffer), np.uint8), view)
            return 0

        return [copy]

    def close(self) -> None:
        """Give files and memory back."""
        self._views = []
        for mapped in self._maps:
            mapped.close()


class Direct:
    """Past the page cache: O_DIRECT into an aligned buffer and a copy from there; on macOS F_NOCACHE.

    What is resident already stays so, and F_NOCACHE even reads it from there.
    """

    def __init__(self, store: ExpertStore) -> None:
        """Open the files.

        Raises:
            OptionError: the file system does not offer direct reads.
        """
        self._store, self._own = store, threading.local()
        flag = 0 if sys.platform == "darwin" else os.O_DIRECT
        try:
            self._fds = [os.open(path, os.O_RDONLY | os.O_CLOEXEC | flag) for path in store.files]
        except OSError as error:
            msg = f"{store.files[0]} cannot be read past the page cache ({error.strerror}): this file system does not "
            raise OptionError(msg + "offer direct reads; put the pack on a local disk") from error
        if sys.platform == "darwin":
            for fd in self._fds:
                fcntl.fcntl(fd, _F_NOCACHE, 1)

    def jobs(self, layer: int, expert: int, buffers: Buffers) -> list[Job]:
        """One for the whole record."""
        pieces = plan_reads(self._store.ranges(layer, expert), split=False)
        return [lambda: sum(self._read(piece, piece.fill(buffers)) for piece in pieces)]

    def _read(self, piece: Piece, into: Sequence[memoryview]) -> int:
        first = piece.offset // _DIRECT_BYTES * _DIRECT_BYTES
        end = piece.offset + piece.nbytes
        length = -(-(end - first) // _DIRECT_BYTES) * _DIRECT_BYTES
        staging = self._staging(length)
        got = 0
        calls = 0
        while first + got < end:
            count = os.preadv(self._fds[piece.file], [staging[got:length]], first + got)
            calls += 1
            if count == 0 or (count % _DIRECT_BYTES and first + got + count < end):
                path = self._store.files[piece.file]
                msg = (
                    f"{path}: expected {piece.nbytes:,} bytes at {piece.offset:,}, direct reads gave {got + count:,}: "
                )
                raise ReadError(msg + "the file was cut short; open the model again")
            got += count
        at = piece.offset - first
        for buffer in into:
            target = as_bytes(buffer)
            target[:] = staging[at : at + target.nbytes]
            at += target.nbytes
        return calls

    def _staging(self, nbytes: int) -> memoryview:
        """Of this thread, on a page boundary."""
        held: memoryview | None = getattr(self._own, "memory", None)
        if held is None or held.nbytes < nbytes:
            held = self._own.memory = memoryview(mmap.mmap(-1, nbytes))
        return held

    def close(self) -> None:
        """Give files and memory back."""
        for fd in self._fds:
            os.close(fd)


def cut(buffers: Sequence[memoryview], start: int, end: int) -> list[memoryview]:
    """The memory that bytes `start` to `end` of all buffers together go to."""
    parts, first = [], 0
    for buffer in buffers:
        low, high = max(start - first, 0), min(end - first, buffer.nbytes)
        if low < high:
            parts.append(as_bytes(buffer)[low:high])
        first += buffer.nbytes
    return parts
