"""Take the routed experts of a loaded mlx_lm model to fewer bits, from the values its present bits stand for.

`mx` is MLX's own quantiser. `requantise` is the original engine's way: scale and bias from the group's minimum and
maximum, nothing made exact (`repack_experts_2bit.py` of danveloski/flash-moe).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import mlx.core as mx


class Way(StrEnum):
    """How the coarser values are found."""

    MX = "mx"
    REQUANTISE = "requantise"


def minmax(values: mx.array, bits: int, group_size: int) -> tuple[mx.array, mx.array, mx.array]:
    """Packed words, and scales and biases as the values have them, of the min-max grid. Shapes: values [..., D]."""
    groups = values.reshape(*values.shape[:-1], -1, group_size)
    low, high = groups.min(-1, keepdims=True), groups.max(-1, keepdims=True)
    levels = 2**bits - 1
    scale = mx.maximum((high - low) / levels, 1e-10)
    codes = mx.clip(mx.round((groups - low) / scale), 0, levels).astype(mx.uint32)
    per_word = 32 // bits
    shifts = mx.arange(per_word, dtype=mx.uint32) * bits
    words = mx.left_shift(codes.reshape(*values.shape[:-1], -1, per_word), shifts).sum(-1).astype(mx.uint32)
    return words, scale.squeeze(-1), low.squeeze(-1)


def apply(model: Any, bits: int, way: Way) -> None:
    """Replace the expert weights in place; call before the model is cast to float32."""
    for layer in model.layers:
        for name in ("gate_proj", "up_proj", "down_proj"):
            module = layer.mlp.switch_mlp[name]
            size = module.group_size
            values = mx.dequantize(
                module.weight,
                module.scales.astype(mx.float32),
                module.biases.astype(mx.float32),
                group_size=size,
                bits=module.bits,
            )
            if way is Way.MX:
                words, scales, biases = mx.quantize(values.astype(mx.bfloat16), group_size=size, bits=bits)
            else:
                words, *pair = minmax(values, bits, size)
                scales, biases = (part.astype(mx.bfloat16) for part in pair)
            module.weight, module.scales, module.biases, module.bits = words, scales, biases, bits
            mx.eval(module.parameters())
