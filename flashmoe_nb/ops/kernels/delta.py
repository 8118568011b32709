"""The gated delta rule: every row of a head's memory goes through all tokens alone, in one pass over it.

Decay, read, correction and query are one loop each over a row that stays in the first-level cache; rows are
independent, so heads are shared out over threads. Source: arXiv 2412.06464, equation 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import carray

from flashmoe_nb.ops.cpu_arrays import address_of
from flashmoe_nb.ops.kernels.address import float_pointer, peek
from flashmoe_nb.ops.kernels.compiled import kernel
from flashmoe_nb.ops.kernels.crew import crew, share
from flashmoe_nb.ops.kernels.layers import SAFE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_PARALLEL_VALUES = 1 << 16
"""Memory values times tokens below which one thread does it all."""


@kernel(fastmath=SAFE)
def _update(task: int, _x: int, _y: int, start: int, stop: int) -> None:
    """Heads start to stop. `task`: addresses of q, k, v, decay, beta, memory, new memory, out; T, Hk, Hv, Dv, Dk."""
    n_tokens, n_keys, n_heads = peek(task, 8), peek(task, 9), peek(task, 10)
    n_values, width = peek(task, 11), peek(task, 12)
    queries = carray(float_pointer(peek(task, 0)), (n_tokens, n_keys, width))
    keys = carray(float_pointer(peek(task, 1)), (n_tokens, n_keys, width))
    values = carray(float_pointer(peek(task, 2)), (n_tokens, n_heads, n_values))
    decays = carray(float_pointer(peek(task, 3)), (n_tokens, n_heads))
    betas = carray(float_pointer(peek(task, 4)), (n_tokens, n_heads))
    memory = carray(float_pointer(peek(task, 5)), (n_heads, n_values, width))
    updated = carray(float_pointer(peek(task, 6)), (n_heads, n_values, width))
    out = carray(float_pointer(peek(task, 7)), (n_tokens, n_heads, n_values))
    for head in range(start, stop):
        key_head = head * n_keys // n_heads
        for row in range(n_values):
            new = updated[head, row]
            for i in range(width):
                new[i] = memory[head, row, i]
            for token in range(n_tokens):
                decay, key, query = decays[token, head], keys[token, key_head], queries[token, key_head]
                read = np.float32(0.0)
                for i in range(width):
                    new[i] *= decay
                    read += new[i] * key[i]
                written = (values[token, head, row] - read) * betas[token, head]
                answer = np.float32(0.0)
                for i in range(width):
                    new[i] += written * key[i]
                    answer += new[i] * query[i]
                out[token, head, row] = answer


def delta_update(
    qkv: tuple[Floats, Floats, Floats], decay: Floats, beta: Floats, memory: Floats, n_threads: int
) -> tuple[Floats, Floats]:
    """S <- decay*S; S <- S + beta*(v - S k) k^T; o = S q. Shapes as `Ops.delta_update`."""
    queries, keys, values = (np.ascontiguousarray(part, np.float32) for part in qkv)
    decay, beta, memory = (np.ascontiguousarray(part, np.float32) for part in (decay, beta, memory))
    n_tokens, n_heads, n_values = values.shape
    updated, out = np.empty_like(memory), np.empty(values.shape, np.float32)
    arrays = (queries, keys, values, decay, beta, memory, updated, out)
    addresses = [address_of(array) for array in arrays]
    task = np.array([*addresses, n_tokens, keys.shape[1], n_heads, n_values, keys.shape[2]], np.int64)
    team = crew()
    n_threads = team.lead(n_threads if memory.size * n_tokens >= _PARALLEL_VALUES else 1, memory.nbytes * n_tokens)
    try:
        share(team.words, n_threads, _update.address, address_of(task), 0, 0, n_heads)
    finally:
        if n_threads > 1:
            team.leave()
    return out, updated
