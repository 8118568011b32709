"""Random quantized matrices for the kernel tests, with MLX's own dequantization as what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from flashmoe_nb.ops import Linear
from flashmoe_nb.ops.cpu_arrays import BFLOAT16

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {"F32": mx.float32, "BF16": mx.bfloat16, "F16": mx.float16}


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix as `Linear` holds it before `prepare`, and as plain numbers."""

    linear: Linear
    dense: NDArray[np.float64]


def quantized(
    bits: int,
    group_size: int,
    scale_dtype: str,
    out_dim: int,
    in_dim: int,
    seed: int = 0,
    *,
    bias_dtype: str | None = None,
) -> Quantized:
    """Seeded; scales and biases rounded to `scale_dtype`, or biases to their own, before dequantization."""
    dtypes = scale_dtype, bias_dtype or scale_dtype
    weight = mx.random.normal((out_dim, in_dim), key=mx.random.key(seed))
    packed, scales, biases = mx.quantize(weight, group_size=group_size, bits=bits)
    rounded = [part.astype(_KINDS[dtype]) for part, dtype in zip((scales, biases), dtypes, strict=True)]
    wide = [part.astype(mx.float32) for part in rounded]
    dense = np.array(mx.dequantize(packed, *wide, group_size=group_size, bits=bits)).astype(np.float64)
    parts = [_as_read(part, dtype) for part, dtype in zip(rounded, dtypes, strict=True)]
    return Quantized(Linear(np.array(packed), *parts, None, out_dim, in_dim, bits, group_size), dense)


def _as_read(part: mx.array, dtype: str) -> NDArray[np.generic]:
    """What `CpuOps.tensor` makes of these bytes."""
    return np.array(part.view(mx.uint16)).view(BFLOAT16) if dtype == "BF16" else np.array(part)


def relative(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Largest difference over the largest value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())
