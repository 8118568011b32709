"""SwiGLU of one token over K expert slots, fused: the gate and up rows of all experts, then the down rows of all.

Both passes are shared out over threads by rows, whatever slot they are in. Knows the addresses of slots, not experts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import carray

from flashmoe_nb.ops.kernels.address import call_at, float_pointer, keep, peek
from flashmoe_nb.ops.kernels.compiled import compiled, kernel
from flashmoe_nb.ops.kernels.crew import share
from flashmoe_nb.ops.kernels.layers import SAFE, sigmoid
from flashmoe_nb.ops.kernels.quantized import MATRIX_WORDS, QuantizedKernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_HEAD = 11
"""Words of a task before the addresses of its matrices, three for each pair: gate, up, down."""


class Form(NamedTuple):
    """Addresses and sizes of one projection's kernels, as compiled code takes them."""

    prepare: int
    kernel: int
    token_floats: int
    n_vectors: int


def form_of(kernels: QuantizedKernels, in_dim: int) -> Form:
    """Of one projection of a bank."""
    n_vectors = in_dim // kernels.form.vector_weights
    return Form(kernels.prepare, kernels.one_token, n_vectors * kernels.form.vector_floats, n_vectors)


@kernel(fastmath=SAFE)
def _gate_up(task: int, _x: int, _y: int, start: int, stop: int) -> None:
    """Rows start to stop of silu(gate) * up, counted through all pairs."""
    width, n_pairs = peek(task, 1), peek(task, 0)
    gate, up, gate_x, up_x = peek(task, 3), peek(task, 4), peek(task, 6), peek(task, 7)
    hidden = carray(float_pointer(peek(task, 8)), (2, n_pairs, width))
    row = start
    while row < stop:
        pair, first = row // width, row % width
        last = min(width, first + stop - row)
        half = hidden[1, pair]
        call_at(gate, peek(task, _HEAD + 3 * pair), gate_x, hidden[0, pair].ctypes.data, first, last)
        call_at(up, peek(task, _HEAD + 3 * pair + 1), up_x, half.ctypes.data, first, last)
        for i in range(first, last):
            hidden[0, pair, i] = hidden[0, pair, i] * sigmoid(hidden[0, pair, i]) * half[i]
        row += last - first


@kernel(fastmath=SAFE)
def _down(task: int, ready: int, out: int, start: int, stop: int) -> None:
    """Rows start to stop of the weighted sum over all pairs."""
    n_pairs, n_rows, down, pair_bytes = peek(task, 0), peek(task, 2), peek(task, 5), peek(task, 9)
    weights = carray(float_pointer(peek(task, 10)), n_pairs)
    y = carray(float_pointer(out), (n_pairs + 1, n_rows))  # the sum first, then each pair's own rows
    y[0, start:stop] = 0.0
    for pair in range(n_pairs):
        own = y[pair + 1]
        call_at(down, peek(task, _HEAD + 3 * pair + 2), ready + pair * pair_bytes, own.ctypes.data, start, stop)
        for row in range(start, stop):
            y[0, row] += weights[pair] * own[row]


GATE_UP, DOWN = _gate_up.address, _down.address


@compiled(nogil=True)
def run_token(
    x: Floats,
    weights: Floats,
    slots: NDArray[np.uint32],
    ranks: NDArray[np.int32],
    table: int,
    forms: tuple[Form, Form, Form],
    kernels: tuple[int, int],
    crew: tuple[int, int],
) -> Floats:
    """Weighted sum of the experts in `slots`. Shapes: x [1, D], weights [1, K], slots and ranks [P], result [1, D].

    Args:
        x: hidden state.
        weights: of the token's K experts.
        slots: of the pairs.
        ranks: which of the K weights each pair has.
        table: address of the matrices [S, 3, MATRIX_WORDS] of a bank.
        forms: of gate_proj, up_proj and down_proj.
        kernels: GATE_UP and DOWN.
        crew: address of its words, and threads.
    """
    gate, up, down = forms
    n_pairs, matrix_bytes = len(slots), 8 * MATRIX_WORDS
    width, hidden_size = peek(table, 3), peek(table + 2 * matrix_bytes, 3)
    task = np.empty(_HEAD + 3 * n_pairs, np.int64)
    ready_x = np.empty(gate.token_floats + up.token_floats, np.float32)
    hidden, ready = np.empty(2 * n_pairs * width, np.float32), np.empty((n_pairs, down.token_floats), np.float32)
    chosen, y = np.empty(n_pairs, np.float32), np.empty((n_pairs + 1, hidden_size), np.float32)
    gate_x, up_x = ready_x.ctypes.data, ready_x.ctypes.data
    call_at(gate.prepare, table, x.ctypes.data, gate_x, 0, gate.n_vectors)
    if up.prepare != gate.prepare:
        up_x = gate_x + 4 * gate.token_floats
        call_at(up.prepare, table, x.ctypes.data, up_x, 0, up.n_vectors)
    task[0], task[1], task[2] = n_pairs, width, hidden_size
    task[3], task[4], task[5] = gate.kernel, up.kernel, down.kernel
    task[6], task[7], task[8] = gate_x, up_x, hidden.ctypes.data
    task[9], task[10] = 4 * down.token_floats, chosen.ctypes.data
    for pair in range(n_pairs):
        chosen[pair] = weights[0, ranks[pair]]
        for part in range(3):
            task[_HEAD + 3 * pair + part] = table + (3 * np.int64(slots[pair]) + part) * matrix_bytes
    words, n_threads = crew
    at = task.ctypes.data
    share(words, n_threads, kernels[0], at, 0, 0, n_pairs * width)
    for pair in range(n_pairs):
        call_at(down.prepare, at, hidden.ctypes.data + 4 * pair * width, ready[pair].ctypes.data, 0, down.n_vectors)
    share(words, n_threads, kernels[1], at, ready.ctypes.data, y.ctypes.data, hidden_size)
    keep((ready_x, hidden, ready, chosen, task))
    return y[:1].copy()
