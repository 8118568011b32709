"""What every place that holds experts offers: for each layer the layout of an expert, and where its bytes lie.

A store answers questions about files; it opens nothing for reading and moves no expert bytes (`reader.py` does).
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.storage.record import ByteRange, RecordLayout

_MOST_SHARED = 0.05
"""Up to this share of a record's pages may be shared, and its residency still means the record."""


class ExpertStore(Protocol):
    """Experts of a checkpoint on disk, by layer and number."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What `ByteRange.file` counts."""

    @property
    def kind(self) -> str:
        """How the experts lie: "in-place" or "packed"."""

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that have experts here, in order."""

    def layout(self, layer: int) -> RecordLayout:
        """The components of one expert; the same object for layers that are laid out alike."""

    def num_experts(self, layer: int) -> int:
        """How many experts the layer has; 1 for a dense MLP."""

    def ranges(self, layer: int, expert: int) -> tuple[ByteRange, ...]:
        """One range per component, in component order."""

    def shares_pages(self, layer: int) -> bool:
        """True when one page of memory can hold bytes of two experts: then residency per expert is not exact."""


def tells_experts_apart(store: ExpertStore, layer: int) -> bool:
    """Whether so few pages of an expert also hold a neighbour's bytes that what is resident of it is its own."""
    if not store.shares_pages(layer):
        return True
    layout = store.layout(layer)
    return 2 * len(layout.components) * mmap.PAGESIZE <= _MOST_SHARED * layout.payload_bytes
