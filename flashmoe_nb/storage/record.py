"""The layout of one expert: its components in fixed order, where each lies in a record, and where to read it.

A record is gate_proj, up_proj, down_proj, each as weight, scales, biases (or weight alone when not quantized), in that
order and without gaps, padded at the end to whole 16 KiB pages. That order and the missing gaps make it byte-compatible
with the original engine's `packed_experts/layer_NN.bin` (repack_experts.py of danveloper/flash-moe). Knows no files and
no arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE_BYTES = 16 * 1024
"""Records are whole multiples of this: the page of Apple silicon, four pages of x86."""

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
PARTS = ("weight", "scales", "biases")

DTYPE_BYTES = {"U32": 4, "F32": 4, "BF16": 2, "F16": 2}
"""Element sizes by safetensors dtype name, for everything a checkpoint of ours may hold."""


@dataclass(frozen=True, slots=True)
class Component:
    """One array of one expert, e.g. `gate_proj.scales`.

    Shapes: `shape` is per expert: [I, D*bits/32] for a packed gate_proj weight, [I, D/group_size] for its scales.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    """Bytes from the start of the record."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        count = DTYPE_BYTES[self.dtype]
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """The components of one expert and the size of its record; equal layouts can share slots."""

    components: tuple[Component, ...]

    @classmethod
    def of(cls, parts: Iterable[tuple[str, str, tuple[int, ...]]]) -> RecordLayout:
        """Lay out (name, dtype, shape) triples one after the other."""
        components: list[Component] = []
        offset = 0
        for name, dtype, shape in parts:
            components.append(Component(name, dtype, shape, offset))
            offset += components[-1].nbytes
        return cls(tuple(components))

    @property
    def payload_bytes(self) -> int:
        """Bytes of all components, without the padding."""
        return self.components[-1].offset + self.components[-1].nbytes

    @property
    def record_bytes(self) -> int:
        """Bytes from one packed record to the next: the payload rounded up to whole 16 KiB pages."""
        return -(-self.payload_bytes // PAGE_BYTES) * PAGE_BYTES


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Where bytes lie: `nbytes` at `offset` of file number `file` of a store."""

    file: int
    offset: int
    nbytes: int
