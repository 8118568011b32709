"""The gated delta rule written two other ways, to compare with the fused kernel in `delta`.

The original engine replaced a scalar loop by BLAS calls and took 64 % off the rule's time. One token; out of place, as
`Ops.delta_update` is. Source: arXiv 2412.06464, equation 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.ops.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@compiled()
def delta_scalar(
    query: Floats, key: Floats, value: Floats, decay: Floats, beta: Floats, memory: Floats
) -> tuple[Floats, Floats]:
    """Step by step, one number at a time: strict order of additions keeps the compiler from making vectors.

    Shapes: query and key [Hk, Dk], value [Hv, Dv], decay and beta [Hv], memory [Hv, Dv, Dk]; result [Hv, Dv], memory.
    """
    n_heads, n_values, width = memory.shape
    per_key = n_heads // key.shape[0]
    out, updated = np.empty((n_heads, n_values), np.float32), np.empty_like(memory)
    for head in range(n_heads):
        key_head = head // per_key
        for row in range(n_values):
            read = np.float32(0.0)
            for i in range(width):
                updated[head, row, i] = memory[head, row, i] * decay[head]
                read += updated[head, row, i] * key[key_head, i]
            written = (value[head, row] - read) * beta[head]
            answer = np.float32(0.0)
            for i in range(width):
                updated[head, row, i] += written * key[key_head, i]
                answer += updated[head, row, i] * query[key_head, i]
            out[head, row] = answer
    return out, updated


def delta_blas(
    query: Floats, key: Floats, value: Floats, decay: Floats, beta: Floats, memory: Floats
) -> tuple[Floats, Floats]:
    """Scale, matrix-vector product, outer product, matrix-vector product, head by head. Shapes as `delta_scalar`."""
    n_heads = memory.shape[0]
    per_key = n_heads // key.shape[0]
    out, updated = np.empty(value.shape, np.float32), memory * decay[:, None, None]
    for head in range(n_heads):
        head_key, head_memory = key[head // per_key], updated[head]
        written = (value[head] - head_memory @ head_key) * beta[head]
        head_memory += np.multiply.outer(written, head_key)
        out[head] = head_memory @ query[head // per_key]
    return out, updated
