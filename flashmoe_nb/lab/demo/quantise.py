"""MLX's affine quantisation in torch: the same formula, the same packing, and a straight-through version to train with.

Source: mlx `mlx/backend/cpu/quantized.cpp` (`quantize`): the larger end of a group becomes exact, the scale is then
rounded so that zero is exact too. Scales and biases are bfloat16, as in a bfloat16 checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Precision:
    """Bits and group size of one tensor."""

    bits: int
    group_size: int


EXPERTS = DENSE = Precision(4, 32)
ROUTER = Precision(8, 64)  # mlx_lm fixes the router and the shared gate to 8 bits in groups of 64


def affine(weight: Tensor, precision: Precision) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, scales and biases of bfloat16 weights.

    Shapes:
        weight: [..., D]; codes [..., D] float32 whole numbers; scales, biases [..., D / group_size] bfloat16.
    """
    groups = weight.to(torch.bfloat16).float().reshape(*weight.shape[:-1], -1, precision.group_size)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    levels = 2**precision.bits - 1
    low_is_larger = low.abs() > high.abs()
    scale = ((high - low) / levels).clamp(min=1e-7)
    scale = torch.where(low_is_larger, scale, -scale)
    edge = torch.where(low_is_larger, low, high)
    steps = (edge / scale).round()
    scale = torch.where(steps != 0, edge / steps, scale)
    bias = torch.where(steps == 0, torch.zeros_like(edge), edge)
    # MLX packs with the float32 scale and bias and only then stores them as bfloat16.
    codes = ((groups - bias) / scale).round().clamp(0, levels)
    return codes.flatten(-2), scale.squeeze(-1).to(torch.bfloat16), bias.squeeze(-1).to(torch.bfloat16)


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes to little-endian 32-bit words, as int32 with the bits of MLX's uint32."""
    per_word = 32 // bits
    shifts = torch.arange(per_word, device=codes.device) * bits
    words = (codes.to(torch.int64).reshape(*codes.shape[:-1], -1, per_word) << shifts).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def unpack(words: Tensor, bits: int) -> Tensor:
    """The codes that `pack` put into words of 32 bits, as float32."""
    shifts = torch.arange(32 // bits, device=words.device) * bits
    codes = (words.view(torch.int32).to(torch.int64)[..., None] >> shifts) & (2**bits - 1)
    flat: Tensor = codes.flatten(-2)
    return flat.float()


def values(codes: Tensor, scales: Tensor, biases: Tensor) -> Tensor:
    """What codes stand for, in float32. Shapes: codes [..., D], scales and biases [..., D / group_size]."""
    groups = codes.reshape(*scales.shape, -1)
    return (groups * scales.float()[..., None] + biases.float()[..., None]).flatten(-2)


def rounded(weight: Tensor, precision: Precision) -> Tensor:
    """The weights that a quantised checkpoint stands for, in bfloat16."""
    return values(*affine(weight, precision)).to(torch.bfloat16)


_rounded_fused = torch.compile(rounded, dynamic=True)


class StraightThrough(torch.autograd.Function):
    """Quantised weights forward, the gradient of the unquantised ones backward."""

    @staticmethod
    def forward(_ctx: Any, weight: Tensor, bits: int, group_size: int) -> Tensor:
        """Round to the quantised grid."""
        precision = Precision(bits, group_size)
        if not weight.is_cuda:
            return rounded(weight, precision)
        # One flat shape for every tensor, so that one compilation serves all.
        return _rounded_fused(weight.reshape(-1, group_size), precision).view(weight.shape)

    @staticmethod
    def backward(_ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        """Pass the gradient on."""
        return grads[0].float(), None, None
