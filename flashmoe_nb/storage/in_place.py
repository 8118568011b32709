"""Experts read where they lie in the checkpoint's own shards: no second copy of the model on disk.

Takes stacked MLX experts, the stacked and the per-expert form of Hugging Face, and dense MLPs as one expert a layer.
Components of one expert may lie in different shards and start at odd bytes. Knows headers only, no values.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.storage.expert_shapes import check_layer
from flashmoe_nb.storage.placement import Placed, place_layer
from flashmoe_nb.storage.record import ByteRange, RecordLayout

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.storage.naming import NameMap
    from flashmoe_nb.storage.safetensors_index import CheckpointIndex


@dataclass(frozen=True, slots=True)
class _Layer:
    layout: RecordLayout
    num_experts: int
    shares_pages: bool
    strided: tuple[tuple[int, int, int, int], ...]
    """(file, base, stride, nbytes) per component; empty when every expert has its own tensors."""
    listed: tuple[tuple[ByteRange, ...], ...]
    """Ranges per expert; empty when strided."""


@dataclass(frozen=True, slots=True)
class InPlaceStore:
    """The experts of a checkpoint folder, unmoved."""

    files: tuple[Path, ...] = field(repr=False)
    layers: tuple[int, ...]
    _by_layer: dict[int, _Layer] = field(repr=False)
    kind: Literal["in-place"] = "in-place"

    @classmethod
    def from_index(
        cls,
        index: CheckpointIndex,
        names: NameMap,
        *,
        num_experts: int | None = None,
        include_dense: bool = True,
    ) -> InPlaceStore:
        """Lay out every layer that has experts.

        Args:
            index: of the checkpoint folder.
            names: of the same index.
            num_experts: what the config says; checked for routed layers when given.
            include_dense: offer dense MLP layers as one expert each.

        Raises:
            CheckpointError: tensors that are missing, or whose shapes or dtypes contradict one another.
            UnsupportedError: a dtype or quantization mode not known here.
        """
        sources = {**(names.dense if include_dense else {}), **names.experts}
        interned: dict[RecordLayout, RecordLayout] = {}
        by_layer: dict[int, _Layer] = {}
        for number in sorted(sources):
            placed = place_layer(sources[number], index)
            check_layer(number, placed)
            if num_experts is not None and number in names.experts and placed[0].num_experts != num_experts:
                raise CheckpointError(
                    f"tensor {placed[0].key} holds {placed[0].num_experts} experts, config.json says {num_experts}: "
                    "the shards and the config belong to different models",
                )
            layout = RecordLayout.of((part.name, part.dtype, part.shape) for part in placed)
            by_layer[number] = _lay_out(placed, interned.setdefault(layout, layout))
        return cls(index.files, tuple(by_layer), by_layer)

    def layout(self, layer: int) -> RecordLayout:
        """The components of one expert."""
        return self._by_layer[layer].layout

    def num_experts(self, layer: int) -> int:
        """How many experts the layer's tensors stack; 1 for a dense MLP."""
        return self._by_layer[layer].num_experts

    def ranges(self, layer: int, expert: int) -> tuple[ByteRange, ...]:
        """One range per component, wherever it lies."""
        found = self._by_layer[layer]
        assert 0 <= expert < found.num_experts, f"expert {expert} of {found.num_experts} in layer {layer}"
        if found.listed:
            return found.listed[expert]
        return tuple(ByteRange(file, base + expert * stride, nbytes) for file, base, stride, nbytes in found.strided)

    def shares_pages(self, layer: int) -> bool:
        """True nearly always: stacked tensors rarely start, or step, by whole pages."""
        return self._by_layer[layer].shares_pages


def _lay_out(placed: tuple[Placed, ...], layout: RecordLayout) -> _Layer:
    num_experts = placed[0].num_experts
    shares_pages = num_experts > 1 and any(
        value % mmap.PAGESIZE
        for part in placed
        for value in (part.nbytes, part.stride_bytes, *(offset for _, offset in part.starts))
    )
    if all(len(part.starts) == 1 for part in placed):
        strided = tuple((*part.starts[0], part.stride_bytes, part.nbytes) for part in placed)
        return _Layer(layout, num_experts, shares_pages, strided, ())
    listed = tuple(
        tuple(ByteRange(*part.starts[expert], part.nbytes) for part in placed) for expert in range(num_experts)
    )
    return _Layer(layout, num_experts, shares_pages, (), listed)
