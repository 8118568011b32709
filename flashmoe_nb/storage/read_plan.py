"""How one expert is read: which bytes of which file fill which buffers, in as few calls as the disk layout allows.

Neighbouring ranges become one piece; a very large component becomes several, so that threads can share it.
Knows ranges and buffer numbers, not files, threads or slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.storage.positional import as_bytes

if TYPE_CHECKING:
    from flashmoe_nb.storage.record import ByteRange

SPLIT_BYTES = 8 << 20
"""A component larger than this is read in pieces of this size: a dense MLP of a 9B model has components of 25 MB."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Contiguous bytes of one file that fill buffers `first` to `last`, the latter not included."""

    file: int
    offset: int
    nbytes: int
    first: int
    last: int
    skip_bytes: int = -1
    """Where in the buffer `first` this piece of a split component begins; -1: the buffers are filled whole."""

    def fill(self, buffers: tuple[memoryview, ...]) -> tuple[memoryview, ...]:
        """The memory this piece is read into."""
        if self.skip_bytes < 0:
            return buffers[self.first : self.last]
        return (as_bytes(buffers[self.first])[self.skip_bytes : self.skip_bytes + self.nbytes],)


def plan_reads(ranges: tuple[ByteRange, ...], *, split: bool) -> tuple[Piece, ...]:
    """Join neighbours, and split large components when `split`.

    Args:
        ranges: one per component, in component order.
        split: whether there are threads to share a component.
    """
    pieces: list[Piece] = []
    for number, part in enumerate(ranges):
        if split and part.nbytes > SPLIT_BYTES:
            pieces += (
                Piece(part.file, part.offset + at, min(SPLIT_BYTES, part.nbytes - at), number, number + 1, at)
                for at in range(0, part.nbytes, SPLIT_BYTES)
            )
        elif pieces and _continues(pieces[-1], part):
            last = pieces.pop()
            pieces.append(Piece(last.file, last.offset, last.nbytes + part.nbytes, last.first, number + 1))
        else:
            pieces.append(Piece(part.file, part.offset, part.nbytes, number, number + 1))
    return tuple(pieces)


def _continues(piece: Piece, part: ByteRange) -> bool:
    return piece.skip_bytes < 0 and piece.file == part.file and piece.offset + piece.nbytes == part.offset
