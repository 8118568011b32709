"""Expert slots in numpy memory: preadv writes into the very pages the kernels read.

Every slot begins on a page and every component on a cache line. The pages are private: a process forked off has copies
of them from its first write on, and the system counts them as allocated, not as shared. Knows shapes and bytes, not
experts or files.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.ops.cpu_arrays import DTYPES, address_of
from flashmoe_nb.ops.cpu_matrix import Matrix, PlainMatrix, QuantizedMatrix
from flashmoe_nb.ops.kernels.experts import Form, form_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.ops.protocol import ComponentSpec

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
_LINE = 64


class CpuSlotBank:
    """S slots of one record layout."""

    shared = True

    def __init__(self, components: Sequence[ComponentSpec], n_slots: int, in_dims: tuple[int, int, int]) -> None:
        self.n_slots = n_slots
        self.nbytes = n_slots * sum(component.nbytes for component in components)
        self.slot_bytes = self.nbytes // max(1, n_slots)
        offsets, end = {}, 0
        for component in components:
            offsets[component.name] = end
            end += -(-component.nbytes // _LINE) * _LINE
        stride = -(-end // mmap.PAGESIZE) * mmap.PAGESIZE
        pages = mmap.mmap(-1, max(1, n_slots) * stride, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory = np.frombuffer(pages, np.uint8)  # keeps them
        self._arrays: list[dict[str, NDArray[np.generic]]] = []
        self._buffers = []
        for start in range(0, n_slots * stride, stride):
            parts = {c.name: memory[start + offsets[c.name] :][: c.nbytes] for c in components}
            self._buffers.append(tuple(part.data for part in parts.values()))
            self._arrays.append({c.name: parts[c.name].view(DTYPES[c.dtype]).reshape(c.shape) for c in components})
        self._matrices = [self._of_slot(slot, in_dims) for slot in range(n_slots)]
        self._table = self._make_table()
        self.table = address_of(self._table) if self._table is not None else 0
        """Address of the matrices as kernels take them, 0 where not all are quantized."""
        self.forms = self._make_forms(in_dims) if self.table else None

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        """Writable bytes of one slot, one view per component."""
        return self._buffers[slot]

    def matrices(self, slot: int) -> tuple[Matrix, ...]:
        """gate_proj, up_proj and down_proj of the expert that is in a slot now."""
        return self._matrices[slot]

    def _of_slot(self, slot: int, in_dims: tuple[int, int, int]) -> tuple[Matrix, ...]:
        arrays = self._arrays[slot]
        made: list[Matrix] = []
        for name, in_dim in zip(PROJECTIONS, in_dims, strict=True):
            weight, scales = arrays[f"{name}.weight"], arrays.get(f"{name}.scales")
            if scales is None:
                made.append(PlainMatrix(weight))
                continue
            bits, group_size = 32 * weight.shape[-1] // in_dim, in_dim // scales.shape[-1]
            made.append(
                QuantizedMatrix(weight.view(np.uint32), scales, arrays[f"{name}.biases"], in_dim, bits, group_size)
            )
        return tuple(made)

    def _quantized(self, slot: int) -> list[QuantizedMatrix]:
        return [matrix for matrix in self._matrices[slot] if isinstance(matrix, QuantizedMatrix)]

    def _make_table(self) -> NDArray[np.int64] | None:
        if len(self._quantized(0)) < len(PROJECTIONS):
            return None
        rows = [[matrix.words for matrix in self._quantized(slot)] for slot in range(self.n_slots)]
        return np.array(rows, np.int64)

    def _make_forms(self, in_dims: tuple[int, int, int]) -> tuple[Form, Form, Form]:
        gate, up, down = (
            form_of(matrix.kernels, in_dim) for matrix, in_dim in zip(self._quantized(0), in_dims, strict=True)
        )
        return gate, up, down
