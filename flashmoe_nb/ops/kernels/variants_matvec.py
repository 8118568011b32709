"""Two ways to write a quantized product, to compare: the naive form and the one with fused multiply-adds.

The original engine found `fma(q, s*x, b*x)` 12 % quicker than `(q*s + b) * x` on a GPU. Both are here as plain loops,
so that the comparison can be made on any CPU; the back end itself uses neither (see `tile`): it takes scale and bias
out of the loop over a group. Bits that divide a byte, one thread.
Source: the original's CLAUDE.md, "FMA-optimized dequant".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.ops.kernels.compiled import compiled
from flashmoe_nb.ops.kernels.layers import SAFE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bytes = NDArray[np.uint8]


def split_fields(x: Floats, bits: int) -> Floats:
    """Activations in the order of a byte's fields. Shapes: x [in_dim], result [8/bits, in_dim*bits/8]."""
    return np.ascontiguousarray(x.reshape(-1, 8 // bits).T)


@compiled(fastmath=SAFE)
def matvec_naive(weight: Bytes, scales: Floats, biases: Floats, x: Floats, bits: int) -> Floats:
    """Each weight is dequantized, then multiplied: (q*s + b) * x.

    Shapes: weight [out_dim, in_dim*bits/8], scales and biases [out_dim, groups], x as `split_fields` gives it, result
    [out_dim].
    """
    n_rows, n_groups = scales.shape
    n_fields, group_bytes = x.shape[0], weight.shape[1] // n_groups
    mask = np.uint8((1 << bits) - 1)
    y = np.empty(n_rows, np.float32)
    for row in range(n_rows):
        total = np.float32(0.0)
        for group in range(n_groups):
            scale, bias, start = scales[row, group], biases[row, group], group * group_bytes
            for field in range(n_fields):
                shift = np.uint8(field * bits)
                for i in range(start, start + group_bytes):
                    value = np.float32((weight[row, i] >> shift) & mask)
                    total += (value * scale + bias) * x[field, i]
        y[row] = total
    return y


@compiled(fastmath=SAFE)
def matvec_fma(weight: Bytes, scales: Floats, biases: Floats, x: Floats, bits: int) -> Floats:
    """One multiply-add a weight, once scale and bias have met the activation: fma(q, s*x, b*x). Shapes as above."""
    n_rows, n_groups = scales.shape
    n_fields, group_bytes = x.shape[0], weight.shape[1] // n_groups
    mask = np.uint8((1 << bits) - 1)
    y = np.empty(n_rows, np.float32)
    for row in range(n_rows):
        total = np.float32(0.0)
        for group in range(n_groups):
            scale, bias, start = scales[row, group], biases[row, group], group * group_bytes
            for field in range(n_fields):
                shift = np.uint8(field * bits)
                for i in range(start, start + group_bytes):
                    value = np.float32((weight[row, i] >> shift) & mask)
                    total += value * (scale * x[field, i]) + bias * x[field, i]
        y[row] = total
    return y
