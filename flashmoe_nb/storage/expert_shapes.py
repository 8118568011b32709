"""Do the tensors of one layer's experts agree with one another? Asked before a byte of them is read.

D and I follow from the row counts of down_proj and gate_proj, and with them every column count, the bits and the group
size. Knows shapes and dtypes only; what config.json says about quantization is compared elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from flashmoe_nb.config import SUPPORTED_BITS, SUPPORTED_GROUP_SIZES
from flashmoe_nb.errors import CheckpointError, UnsupportedError
from flashmoe_nb.storage.record import DTYPE_BYTES, PROJECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flashmoe_nb.storage.placement import Placed

_WORD_BITS = 32
_FLOATS = ("F32", "BF16", "F16")


def check_layer(layer: int, placed: tuple[Placed, ...]) -> None:
    """Check all components of one layer.

    Raises:
        CheckpointError: two tensors contradict each other; both are named with their shapes.
        UnsupportedError: a dtype, bit width or group size not implemented.
    """
    first = placed[0]
    for part in placed:
        if part.dtype not in DTYPE_BYTES:
            msg = f"tensor {part.key} has dtype {part.dtype}, supported for experts are {', '.join(DTYPE_BYTES)}: "
            raise UnsupportedError(msg + "convert the original weights with mlx-lm, affine")
        if part.num_experts != first.num_experts:
            msg = (
                f"layer {layer}: tensor {part.key} holds {part.num_experts} experts {_stacked(part)}, "
                f"{first.key} holds {first.num_experts} {_stacked(first)}: the shards belong to different models"
            )
            raise CheckpointError(msg)
    parts = {part.name: part for part in placed}
    gate, up, down = (parts[f"{projection}.weight"] for projection in PROJECTIONS)
    if gate.shape[0] != up.shape[0]:
        _contradict(layer, up, gate, "both must have one row per intermediate value")
    for projection, rows_of_input in zip(PROJECTIONS, (down, down, gate), strict=True):
        if f"{projection}.scales" in parts:
            _check_quantized(layer, parts, projection, rows_of_input)
        else:
            _check_plain(layer, parts[f"{projection}.weight"], rows_of_input)


def _check_plain(layer: int, weight: Placed, rows_of_input: Placed) -> None:
    if weight.dtype not in _FLOATS:
        msg = (
            f"layer {layer}: tensor {weight.key} is {weight.dtype} without scales, expected {', '.join(_FLOATS)}: "
            "a quantized tensor needs its scales and biases; is a shard missing?"
        )
        raise CheckpointError(msg)
    if weight.shape[1] != rows_of_input.shape[0]:
        _contradict(layer, weight, rows_of_input, "columns of the one must be rows of the other")


def _check_quantized(layer: int, parts: Mapping[str, Placed], projection: str, rows_of_input: Placed) -> None:
    weight, scales, biases = (parts[f"{projection}.{part}"] for part in ("weight", "scales", "biases"))
    if weight.dtype != "U32":
        msg = f"layer {layer}: tensor {weight.key} has scales, so it must be U32, but it is {weight.dtype}: "
        raise CheckpointError(msg + "the shards are of different conversions; convert the original weights again")
    if (scales.shape, scales.dtype) != (biases.shape, biases.dtype) or scales.dtype not in _FLOATS:
        _contradict(layer, scales, biases, "scales and biases must be alike, and floats")
    if scales.shape[0] != weight.shape[0]:
        _contradict(layer, scales, weight, "both must have the same rows")
    in_dim, groups = rows_of_input.shape[0], scales.shape[1]
    weight_bits = weight.shape[1] * _WORD_BITS
    if weight_bits % in_dim or in_dim % groups:
        what = f"{weight_bits // _WORD_BITS} columns and {groups} groups do not divide over {in_dim} inputs"
        _contradict(layer, weight, scales, f"{what} ({rows_of_input.key})")
    bits, group_size = weight_bits // in_dim, in_dim // groups
    if bits not in SUPPORTED_BITS or group_size not in SUPPORTED_GROUP_SIZES:
        msg = (
            f"layer {layer}: tensors {weight.key} {list(weight.shape)} and {scales.key} {list(scales.shape)} "
            f"with {in_dim} inputs make {bits} bits in groups of {group_size}: supported are {SUPPORTED_BITS} bits and "
            f"groups of {SUPPORTED_GROUP_SIZES}; convert the original weights to one of these"
        )
        raise UnsupportedError(msg)


def _stacked(part: Placed) -> str:
    return str([part.num_experts, *part.shape])


def _contradict(layer: int, one: Placed, other: Placed, why: str) -> NoReturn:
    msg = (
        f"layer {layer}: tensor {one.key} is {one.dtype} {list(one.shape)} per expert, "
        f"{other.key} is {other.dtype} {list(other.shape)}: {why}; the shards belong to different models"
    )
    raise CheckpointError(msg)
