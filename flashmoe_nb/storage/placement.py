"""Where each component of a layer's experts lies, for every form a checkpoint may store them in.

Works on headers only. That the components agree with one another is checked in `expert_shapes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.storage.naming import ExpertForm
from flashmoe_nb.storage.record import PARTS, PROJECTIONS

if TYPE_CHECKING:
    from flashmoe_nb.storage.naming import LayerExperts
    from flashmoe_nb.storage.safetensors_index import CheckpointIndex, TensorEntry


@dataclass(frozen=True, slots=True)
class Placed:
    """One component of all experts of a layer; expert e starts at `starts[e]`, or at `starts[0] + e * stride_bytes`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    """Of one expert."""
    key: str
    """Named in errors; the first expert's where each has its own."""
    num_experts: int
    nbytes: int
    """Of one expert."""
    starts: tuple[tuple[int, int], ...]
    """(file, offset): one, or one per expert."""
    stride_bytes: int
    """0 when every expert has its own start."""


def place_layer(source: LayerExperts, index: CheckpointIndex) -> tuple[Placed, ...]:
    """The components of one layer in record order.

    Raises:
        CheckpointError: a tensor is missing, or has the wrong number of axes.
    """
    if source.form is ExpertForm.FUSED:
        return _place_fused(source, index)
    if source.form is ExpertForm.SEPARATE:
        return _place_separate(source, index)
    return _place_stacked(source, index)


def _require(source: LayerExperts, part: str, index: CheckpointIndex) -> TensorEntry:
    """The tensor of a part, or an error that names a neighbour of the same layer."""
    key = source.keys.get(part)
    if key is None:
        near = next(iter(source.keys.values()))
        mode = ", or is quantized in a mode other than affine" if part.endswith(".biases") else ""
        reason = f"the checkpoint is not whole{mode}"
        raise CheckpointError(f"layer {source.layer} has {near}, but no {part}: {reason}")
    return index.entries[key]


def _place_stacked(source: LayerExperts, index: CheckpointIndex) -> tuple[Placed, ...]:
    placed: list[Placed] = []
    for projection in PROJECTIONS:
        quantized = any(f"{projection}.{part}" in source.keys for part in PARTS[1:])
        for part in PARTS if quantized else PARTS[:1]:
            name = f"{projection}.{part}"
            entry = _require(source, name, index)
            dense = source.form is ExpertForm.DENSE
            _check_rank(entry, 2 if dense else 3)
            num_experts, shape = (1, entry.shape) if dense else (entry.shape[0], entry.shape[1:])
            nbytes = entry.nbytes // num_experts
            start = (entry.file, entry.offset)
            placed.append(Placed(name, entry.dtype, shape, entry.name, num_experts, nbytes, (start,), nbytes))
    return tuple(placed)


def _place_fused(source: LayerExperts, index: CheckpointIndex) -> tuple[Placed, ...]:
    """gate_up_proj [E, 2I, D]: an expert's gate rows lie before its up rows."""
    gate_up, down = (_require(source, part, index) for part in ("gate_up_proj", "down_proj"))
    for entry in (gate_up, down):
        _check_rank(entry, 3)
    num_experts, rows, columns = gate_up.shape
    if rows % 2:
        raise CheckpointError(f"tensor {gate_up.name} is {list(gate_up.shape)}: its rows are no two equal halves")
    stride = gate_up.nbytes // num_experts
    placed = [
        Placed(
            f"{projection}.weight",
            gate_up.dtype,
            (rows // 2, columns),
            gate_up.name,
            num_experts,
            stride // 2,
            ((gate_up.file, gate_up.offset + half * (stride // 2)),),
            stride,
        )
        for half, projection in enumerate(PROJECTIONS[:2])
    ]
    nbytes = down.nbytes // down.shape[0]
    start = (down.file, down.offset)
    placed.append(
        Placed("down_proj.weight", down.dtype, down.shape[1:], down.name, down.shape[0], nbytes, (start,), nbytes),
    )
    return tuple(placed)


def _place_separate(source: LayerExperts, index: CheckpointIndex) -> tuple[Placed, ...]:
    num_experts = 1 + max(int(part.partition(".")[0]) for part in source.keys)
    placed: list[Placed] = []
    for projection in PROJECTIONS:
        entries = [_require(source, f"{expert}.{projection}.weight", index) for expert in range(num_experts)]
        first = entries[0]
        for entry in entries:
            _check_rank(entry, 2)
            if (entry.dtype, entry.shape) != (first.dtype, first.shape):
                raise CheckpointError(
                    f"tensor {entry.name} is {entry.dtype} {list(entry.shape)}, "
                    f"{first.name} is {first.dtype} {list(first.shape)}: experts of a layer must be alike",
                )
        starts = tuple((entry.file, entry.offset) for entry in entries)
        name = f"{projection}.weight"
        placed.append(Placed(name, first.dtype, first.shape, first.name, num_experts, first.nbytes, starts, 0))
    return tuple(placed)


def _check_rank(entry: TensorEntry, rank: int) -> None:
    if len(entry.shape) != rank or 0 in entry.shape:
        raise CheckpointError(f"tensor {entry.name} is {list(entry.shape)}, expected {rank} axes, none of them empty")
