"""The forward pass on a CPU: numpy float32, eager, with compiled kernels that read packed weights where they lie.

The default where there is no GPU. Same results as `mlx` within float32 rounding. Knows arrays, not files, names or
layers. OpenBLAS, which multiplies where rows are many, has threads of its own; they are idle while the kernels run.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.ops.cpu_arrays import BFLOAT16, DTYPES, KVBuffer, to_float32
from flashmoe_nb.ops.cpu_attention import attention
from flashmoe_nb.ops.cpu_matrix import PlainMatrix, QuantizedMatrix
from flashmoe_nb.ops.cpu_slots import CpuSlotBank
from flashmoe_nb.ops.heap import forget_code, trim_heap
from flashmoe_nb.ops.kernels import layers
from flashmoe_nb.ops.kernels.attention import attend
from flashmoe_nb.ops.kernels.crew import crew
from flashmoe_nb.ops.kernels.delta import delta_update
from flashmoe_nb.ops.kernels.experts import DOWN, GATE_UP, run_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.ops.protocol import ComponentSpec, Linear, SlotBank, WavePlan

    Floats = NDArray[np.float32]

_MOST_THREADS = 8
"""More do not read memory faster on the machines we know; set `n_threads` where they do."""
_SHARED_BYTES = 256 * 1024
"""Experts of a token smaller than this together are multiplied on the calling thread."""
_ATTENDED_VALUES = 2**19
"""Keys of a layer from which a kernel is quicker than numpy, and on a busy machine far quicker: BLAS waits for all its
threads. 1,024 positions of 2 heads of 256."""


class CpuOps:
    """`Ops` in numpy and numba.

    Args:
        n_threads: cores the kernels may use; None takes those this process may run on, 8 at most.
    """

    name = "cpu"
    keeps_scales = True
    lazy = False
    dtype = "float32"

    def __init__(self, n_threads: int | None = None) -> None:
        self.n_threads = n_threads or min(_MOST_THREADS, usable_cores())
        self.device = f"CPU, {self.n_threads} thread{'s' if self.n_threads > 1 else ''}"

    def __repr__(self) -> str:
        return f"<CpuOps float32 on {self.device}, numba {version('numba')}>"

    # -- memory ------------------------------------------------------------------------------------------------------
    def tensor(self, dtype: str, shape: tuple[int, ...], fill: Callable[[memoryview], None]) -> NDArray[Any]:
        """bfloat16 keeps its bits, see `cpu_arrays`."""
        result = np.empty(shape, DTYPES[dtype])
        fill(result.reshape(-1).view(np.uint8).data)
        return result

    def cast(self, x: NDArray[Any], dtype: str | None = None) -> Floats:
        """To float32, the only dtype of this back end."""
        assert dtype in {None, "float32"}, dtype
        return to_float32(x)

    def constant(self, values: Floats) -> Floats:
        """As it is."""
        return np.array(values, np.float32)

    def zeros(self, shape: tuple[int, ...], dtype: str | None = None) -> Floats:
        """float32."""
        assert dtype in {None, "float32"}, dtype
        return np.zeros(shape, np.float32)

    def prepare(self, w: Linear) -> Linear:
        """Scales stay in the dtype of the checkpoint; kernels are compiled here, not in the first token.

        Biases of another dtype than their scales make both float32: kernels read the two in one step.
        """
        if w.scales is None or w.quant_biases is None:
            weight = to_float32(w.weight)
            return replace(w, weight=weight, prepared=PlainMatrix(weight))
        scales, biases = w.scales, w.quant_biases
        if scales.dtype != biases.dtype:
            scales, biases = to_float32(scales), to_float32(biases)
        made = QuantizedMatrix(w.weight, scales, biases, w.in_dim, w.bits, w.group_size)
        return replace(w, scales=scales, quant_biases=biases, prepared=made)

    def slot_bank(
        self, components: Sequence[ComponentSpec], n_slots: int, in_dims: tuple[int, int, int]
    ) -> CpuSlotBank:
        """Slots that preadv can write and kernels can read."""
        return CpuSlotBank(components, n_slots, in_dims)

    def evaluate(self, *values: object) -> None:
        """Nothing is ever left to compute."""

    def to_numpy(self, x: NDArray[Any]) -> NDArray[Any]:
        """As it is, bfloat16 and float16 widened."""
        return to_float32(x) if x.dtype in (BFLOAT16, np.float16) else np.asarray(x)

    def release(self) -> None:
        """The C library's free pages, and the compiler's code."""
        trim_heap()
        forget_code("libllvmlite")

    # -- elementwise and shape ---------------------------------------------------------------------------------------
    def add(self, x: Floats, y: Floats) -> Floats:
        """Sum."""
        return x + y

    def gate(self, x: Floats, gate: Floats) -> Floats:
        """X * sigmoid(gate)."""
        result: Floats = layers.gate(_rows(x), _rows(gate))
        return result.reshape(x.shape)

    def swiglu(self, gate: Floats, up: Floats) -> Floats:
        """silu(gate) * up."""
        result: Floats = layers.swiglu(_rows(gate), _rows(up))
        return result.reshape(gate.shape)

    def split(self, x: Floats, sizes: Sequence[int]) -> tuple[Floats, ...]:
        """Views."""
        ends = np.cumsum(sizes).tolist()
        return tuple(x[..., end - size : end] for size, end in zip(sizes, ends, strict=True))

    def reshape(self, x: Floats, shape: tuple[int, ...]) -> Floats:
        """A view where the layout allows."""
        return x.reshape(shape)

    def concat(self, parts: Sequence[Floats]) -> Floats:
        """Join along the last axis."""
        return np.concatenate(parts, axis=-1)

    def last_row(self, x: Floats) -> Floats:
        """x[-1:]."""
        return x[-1:]

    # -- layers ------------------------------------------------------------------------------------------------------
    def embed(self, table: Linear, ids: NDArray[np.int32]) -> Floats:
        """Dequantize only the rows asked for."""
        rows: Floats = table.prepared.rows(ids)
        return rows

    def linear(self, x: Floats, w: Linear) -> Floats:
        """See `cpu_matrix`."""
        y: Floats = w.prepared.product(_floats(x), self.n_threads)
        return y if w.bias is None else y + w.bias

    def rms_norm(self, x: Floats, weight: Floats, eps: float) -> Floats:
        """One pass for the mean, one for the values."""
        result: Floats = layers.rms_norm(_rows(x), weight, eps)
        return result.reshape(x.shape)

    def gated_rms_norm(self, x: Floats, gate: Floats, weight: Floats, eps: float) -> Floats:
        """Fused."""
        result: Floats = layers.gated_rms_norm(_rows(x), _rows(gate), weight, eps)
        return result.reshape(x.shape)

    def rope(self, x: Floats, rotary_dim: int, theta: float, scale: float, offset: int) -> Floats:
        """Angles in float64."""
        result: Floats = layers.rope(_floats(x), _frequencies(rotary_dim, theta, scale), offset)
        return result

    def kv_write(self, buffer: KVBuffer | None, new: Floats, length: int, capacity: int) -> KVBuffer:
        """In place where nobody has written yet; else into a copy."""
        n_tokens, n_heads, head_dim = new.shape
        if buffer is None or buffer.written != length or buffer.shape[1] < capacity:
            held = 0 if buffer is None else buffer.shape[1]
            buffer = KVBuffer.with_room(buffer, length, (n_heads, max(capacity, held), head_dim))
        buffer[:, length : length + n_tokens] = new.swapaxes(0, 1)
        buffer.written = length + n_tokens
        return buffer

    def attention(self, queries: Floats, keys: KVBuffer, values: KVBuffer, length: int, scale: float) -> Floats:
        """One position over many goes through a kernel; a prefill, and what is little work, through numpy."""
        n_shared, _, head_dim = keys.shape
        if queries.shape[0] > 1 or n_shared * length * head_dim < _ATTENDED_VALUES:
            return attention(queries, keys, values, length, scale)
        return attend(_floats(queries[0]), keys, values, length, scale, self.n_threads)[None]

    def causal_conv(self, x: Floats, tail: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """Fused with its SiLU."""
        result: tuple[Floats, Floats] = layers.causal_conv(_floats(x), _floats(tail), _floats(weight.T))
        return result

    def decay_beta(self, a: Floats, b: Floats, a_log: Floats, dt_bias: Floats) -> tuple[Floats, Floats]:
        """Fused."""
        result: tuple[Floats, Floats] = layers.decay_beta(_floats(a), _floats(b), a_log, dt_bias)
        return result

    def l2_normalize(self, x: Floats, scale: float) -> Floats:
        """Over the last axis."""
        result: Floats = layers.l2_normalize(_rows(x), scale)
        return result.reshape(x.shape)

    def delta_update(
        self, qkv: tuple[Floats, Floats, Floats], decay: Floats, beta: Floats, memory: Floats
    ) -> tuple[Floats, Floats]:
        """Fused, heads shared out."""
        return delta_update(qkv, decay, beta, memory, self.n_threads)

    def route(self, logits: Floats, top_k: int, *, normalize: bool) -> tuple[NDArray[np.uint32], Floats]:
        """Of equally likely experts the lower id."""
        result: tuple[NDArray[np.uint32], Floats] = layers.route(_floats(logits), top_k, normalize)
        return result

    def run_experts(self, x: Floats, weights: Floats, bank: SlotBank, plan: WavePlan) -> Floats:
        """One token goes through all slots in one compiled call, several go through slot after slot."""
        assert isinstance(bank, CpuSlotBank)
        if x.shape[0] > 1 or bank.forms is None:
            return self._slot_by_slot(_floats(x), weights, bank, plan)
        team = crew()
        nbytes = len(plan.slots) * bank.slot_bytes
        n_threads = team.lead(1 if nbytes < _SHARED_BYTES else self.n_threads, nbytes)
        try:
            result: Floats = run_token(
                _floats(x),
                _floats(weights),
                plan.slots,
                plan.ranks,
                bank.table,
                bank.forms,
                (GATE_UP, DOWN),
                (team.words, n_threads),
            )
        finally:
            if n_threads > 1:
                team.leave()
        return result

    def _slot_by_slot(self, x: Floats, weights: Floats, bank: CpuSlotBank, plan: WavePlan) -> Floats:
        total = np.zeros(x.shape, np.float32)
        slots, first = np.unique(plan.slots, return_index=True)
        for slot, start, stop in zip(slots.tolist(), first, [*first[1:], len(plan.slots)], strict=True):
            gate, up, down = bank.matrices(slot)
            tokens = plan.tokens[start:stop]
            rows = x[tokens]
            hidden = self.swiglu(gate.product(rows, self.n_threads), up.product(rows, self.n_threads))
            y = down.product(hidden, self.n_threads) * weights[tokens, plan.ranks[start:stop]][:, None]
            if (tokens[1:] == tokens[:-1]).any():  # a patched router may name an expert twice; pairs lie by token
                np.add.at(total, tokens, y)
            else:
                total[tokens] += y
        return total


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _floats(x: NDArray[Any]) -> Floats:
    """As kernels read memory; what a patch sends may be float64, or a view."""
    return np.ascontiguousarray(x, np.float32)


def _rows(x: NDArray[Any]) -> Floats:
    """Shapes: [..., n] to [R, n], contiguous."""
    return _floats(x).reshape(-1, x.shape[-1])


@cache
def _frequencies(rotary_dim: int, theta: float, scale: float) -> NDArray[np.float64]:
    exponents = np.arange(0, rotary_dim, 2, dtype=np.float64) / rotary_dim
    return scale * theta**-exponents
