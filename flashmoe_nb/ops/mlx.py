"""The forward pass in MLX: lazy, on Metal, CUDA or CPU, and the reference for every other back end.

Knows arrays, not files, names or layers. The maths follows the published models (transformers `modeling_qwen3_next.py`)
and is checked against mlx-lm and transformers in tests/oracle.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from flashmoe_nb.ops.heap import trim_heap
from flashmoe_nb.ops.mlx_slots import DTYPES, MlxSlotBank, StackedLinear, bytes_of, of_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.ops.protocol import ComponentSpec, Linear, SlotBank, WavePlan

_ACTIVATIONS = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
_SCORE_BYTES = 64 * 2**20
"""Attention scores held at once; longer prefill chunks go through in tiles of rows."""
_DELTA_BYTES = 32 * 2**20
"""Delta-net memories that may be in flight: MLX allocates up to a hundred operations ahead of the one that runs."""


class MlxOps:
    """`Ops` on MLX's default device."""

    name = "mlx"
    keeps_scales = False
    lazy = True

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._dtype = _ACTIVATIONS[dtype]
        self.device = str(mx.default_device().type).rpartition(".")[2].upper()
        if mx.metal.is_available():
            self.device = "GPU (Metal)"
        elif self.device == "GPU":
            self.device = "GPU (CUDA)"

    def __repr__(self) -> str:
        return f"<MlxOps {self.dtype} on {self.device}, MLX {version('mlx')}>"

    # -- memory ------------------------------------------------------------------------------------------------------
    def tensor(self, dtype: str, shape: tuple[int, ...], fill: Callable[[memoryview], None]) -> mx.array:
        """Read straight into MLX memory."""
        result = mx.zeros(shape, dtype=DTYPES[dtype])
        mx.eval(result)
        view = bytes_of(result)
        if view.readonly:
            copy = np.empty(len(view), np.uint8)
            fill(copy.data)
            return of_bytes(copy, DTYPES[dtype], shape)
        fill(view)
        return result

    def cast(self, x: mx.array, dtype: str | None = None) -> mx.array:
        """Evaluated, so that the source can be freed."""
        result = x.astype(_ACTIVATIONS[dtype] if dtype else self._dtype)
        mx.eval(result)
        return result

    def constant(self, values: NDArray[np.float32]) -> mx.array:
        """Copied from numpy."""
        return mx.array(values)

    def zeros(self, shape: tuple[int, ...], dtype: str | None = None) -> mx.array:
        """Evaluated zeros."""
        result = mx.zeros(shape, dtype=_ACTIVATIONS[dtype] if dtype else self._dtype)
        mx.eval(result)
        return result

    def prepare(self, w: Linear) -> Linear:
        """Floating parts in the activation dtype."""
        if w.scales is None or w.quant_biases is None:
            return replace(w, weight=self.cast(w.weight))
        return replace(w, scales=self.cast(w.scales), quant_biases=self.cast(w.quant_biases))

    def slot_bank(
        self, components: Sequence[ComponentSpec], n_slots: int, in_dims: tuple[int, int, int]
    ) -> MlxSlotBank:
        """Slots that preadv can write and MLX can read."""
        return MlxSlotBank(components, n_slots, in_dims)

    def evaluate(self, *values: object) -> None:
        """`mx.eval` searches tuples and skips what is no array."""
        mx.eval(values)

    def to_numpy(self, x: mx.array) -> NDArray[Any]:
        """bfloat16 and float16 become float32."""
        if mx.issubdtype(x.dtype, mx.floating):
            x = x.astype(mx.float32)
        return np.array(x)

    def release(self) -> None:
        """Empty MLX's buffer cache, and the C library's."""
        mx.clear_cache()
        trim_heap()

    # -- elementwise and shape ---------------------------------------------------------------------------------------
    def add(self, x: mx.array, y: mx.array) -> mx.array:
        """Sum."""
        return x + y

    def gate(self, x: mx.array, gate: mx.array) -> mx.array:
        """X * sigmoid(gate)."""
        return x * mx.sigmoid(gate)

    def swiglu(self, gate: mx.array, up: mx.array) -> mx.array:
        """silu(gate) * up."""
        return gate * mx.sigmoid(gate) * up

    def split(self, x: mx.array, sizes: Sequence[int]) -> tuple[mx.array, ...]:
        """Cut the last axis."""
        return tuple(mx.split(x, np.cumsum(sizes)[:-1].tolist(), axis=-1))

    def reshape(self, x: mx.array, shape: tuple[int, ...]) -> mx.array:
        """Same values in another shape."""
        return x.reshape(shape)

    def concat(self, parts: Sequence[mx.array]) -> mx.array:
        """Join along the last axis."""
        return mx.concatenate(list(parts), axis=-1)

    def last_row(self, x: mx.array) -> mx.array:
        """x[-1:]."""
        return x[-1:]

    # -- layers ------------------------------------------------------------------------------------------------------
    def embed(self, table: Linear, ids: NDArray[np.int32]) -> mx.array:
        """Gather packed rows, then dequantize only those."""
        rows = mx.array(ids)
        packed: mx.array = table.weight[rows]
        if table.scales is None or table.quant_biases is None:
            return packed
        scales, biases = table.scales[rows], table.quant_biases[rows]
        return mx.dequantize(packed, scales, biases, table.group_size, table.bits).astype(self._dtype)

    def linear(self, x: mx.array, w: Linear) -> mx.array:
        """One product, quantized or not."""
        y: mx.array
        if w.scales is None:
            y = x @ w.weight.T
        else:
            y = mx.quantized_matmul(
                x, w.weight, w.scales, w.quant_biases, transpose=True, group_size=w.group_size, bits=w.bits
            )
        return y if w.bias is None else y + w.bias

    def rms_norm(self, x: mx.array, weight: mx.array, eps: float) -> mx.array:
        """MLX's fused kernel."""
        return mx.fast.rms_norm(x, weight, eps)

    def gated_rms_norm(self, x: mx.array, gate: mx.array, weight: mx.array, eps: float) -> mx.array:
        """The norm in the activation dtype, the gate in float32."""
        normed = mx.fast.rms_norm(x, weight, eps).astype(mx.float32)
        wide = gate.astype(mx.float32)
        return (normed * (wide * mx.sigmoid(wide))).astype(x.dtype)

    def rope(self, x: mx.array, rotary_dim: int, theta: float, scale: float, offset: int) -> mx.array:
        """MLX wants heads before tokens."""
        by_head = x.swapaxes(0, 1)[None]
        turned = mx.fast.rope(by_head, rotary_dim, traditional=False, base=theta, scale=scale, offset=offset)
        return turned[0].swapaxes(0, 1)

    def kv_write(self, buffer: mx.array | None, new: mx.array, length: int, capacity: int) -> mx.array:
        """MLX writes in place when nobody else holds the buffer, and copies when a fork does."""
        by_head = new.swapaxes(0, 1)
        n_heads, _, head_dim = by_head.shape
        held = 0 if buffer is None else buffer.shape[1]
        if held < capacity:
            room = mx.zeros((n_heads, capacity - held, head_dim), dtype=new.dtype)
            buffer = room if buffer is None else mx.concatenate([buffer, room], axis=1)
        assert buffer is not None
        return mx.slice_update(buffer, by_head, mx.array([length]), axes=[1])

    def attention(self, queries: mx.array, keys: mx.array, values: mx.array, length: int, scale: float) -> mx.array:
        """In tiles of rows, so that the scores stay small."""
        n_tokens, n_heads, head_dim = queries.shape
        rows = max(1, _SCORE_BYTES // (4 * n_heads * length))
        tiles = []
        for start in range(0, n_tokens, rows):
            tile = queries[start : start + rows].swapaxes(0, 1)[None]
            seen = length - n_tokens + start + tile.shape[2]
            mask = "causal" if tile.shape[2] > 1 else None
            attended = mx.fast.scaled_dot_product_attention(
                tile, keys[None, :, :seen], values[None, :, :seen], scale=scale, mask=mask
            )
            tiles.append(attended[0].swapaxes(0, 1).reshape(-1, n_heads * head_dim))
            if n_tokens > rows:
                mx.eval(tiles[-1])
        return tiles[0] if len(tiles) == 1 else mx.concatenate(tiles, axis=0)

    def causal_conv(self, x: mx.array, tail: mx.array, weight: mx.array) -> tuple[mx.array, mx.array]:
        """One product a tap, in float32; a prefill evaluates tap by tap, to hold one product at a time."""
        n_tokens, n_taps = x.shape[0], weight.shape[1]
        padded = mx.concatenate([tail, x], axis=0)
        wide = weight.astype(mx.float32)
        total = padded[:n_tokens].astype(mx.float32) * wide[:, 0]
        for tap in range(1, n_taps):
            if n_tokens > 1:
                mx.eval(total)
            total = total + padded[tap : tap + n_tokens].astype(mx.float32) * wide[:, tap]
        new_tail = mx.contiguous(padded[n_tokens:])
        if n_tokens > 1:
            mx.eval(new_tail)  # nothing else would before the pass ends, and until then it holds all of `padded`
        return (total * mx.sigmoid(total)).astype(x.dtype), new_tail

    def decay_beta(self, a: mx.array, b: mx.array, a_log: mx.array, dt_bias: mx.array) -> tuple[mx.array, mx.array]:
        """softplus(x) = log(1 + e^x) as logaddexp(x, 0)."""
        rate = mx.logaddexp(a + dt_bias, mx.array(0.0, dtype=a.dtype)).astype(mx.float32)
        return mx.exp(-mx.exp(a_log) * rate), mx.sigmoid(b).astype(mx.float32)

    def l2_normalize(self, x: mx.array, scale: float) -> mx.array:
        """Through rms_norm: the mean is the sum over n."""
        width = x.shape[-1]
        normed: mx.array = mx.fast.rms_norm(x, None, 1e-6 / width)
        factor: float = scale * width**-0.5
        return normed * factor

    def delta_update(
        self, qkv: tuple[mx.array, mx.array, mx.array], decay: mx.array, beta: mx.array, memory: mx.array
    ) -> tuple[mx.array, mx.array]:
        """Token after token."""
        queries, keys, values = (part.astype(mx.float32) for part in qkv)
        n_tokens, n_keys, shape = values.shape[0], keys.shape[1], memory.shape
        grouped = (n_keys, shape[0] // n_keys)  # each key head serves this many value heads in a row
        values, decay, beta = (x.reshape(n_tokens, *grouped, -1) for x in (values, decay, beta))
        queries, keys = queries[:, :, None, :, None], keys[:, :, None, :, None]  # [T, Hk, 1, Dk, 1]
        memory = memory.reshape(*grouped, *shape[1:])
        tokens_at_once = max(1, _DELTA_BYTES // (4 * memory.nbytes))  # a token makes four arrays of this size
        out: list[mx.array] = []
        for t in range(n_tokens):
            if t and t % tokens_at_once == 0:
                mx.eval(out[-tokens_at_once:], memory)
            memory = memory * decay[t][..., None]
            read = (memory @ keys[t])[..., 0]  # [Hk, r, Dv]
            written = (values[t] - read) * beta[t]
            memory = memory + written[..., None] * keys[t].swapaxes(-1, -2)
            out.append((memory @ queries[t])[..., 0])
        return mx.stack(out).reshape(n_tokens, *shape[:2]).astype(qkv[0].dtype), memory.reshape(shape)

    def route(self, logits: mx.array, top_k: int, *, normalize: bool) -> tuple[mx.array, mx.array]:
        """Softmax in float32 as the published router does."""
        probabilities = mx.softmax(logits, axis=-1, precise=True)
        ids = mx.argpartition(-probabilities, top_k - 1, axis=-1)[:, :top_k]
        weights = mx.take_along_axis(probabilities, ids, axis=-1)
        order = mx.argsort(-weights, axis=-1)
        ids, weights = mx.take_along_axis(ids, order, axis=-1), mx.take_along_axis(weights, order, axis=-1)
        return ids, weights / weights.sum(axis=-1, keepdims=True) if normalize else weights

    def run_experts(self, x: mx.array, weights: mx.array, bank: SlotBank, plan: WavePlan) -> mx.array:
        """Gathered products over the slots: row p of the pairs goes through slot p."""
        assert isinstance(bank, MlxSlotBank)
        slots, tokens = mx.array(plan.slots), mx.array(plan.tokens)
        rows = x[tokens][:, None, :]  # [P, 1, D]
        gate = _slot_product(rows, bank.projection("gate_proj"), slots)
        up = _slot_product(rows, bank.projection("up_proj"), slots)
        y = _slot_product(self.swiglu(gate, up), bank.projection("down_proj"), slots)[:, 0]  # [P, D]
        y = y * weights[tokens, mx.array(plan.ranks)][:, None]
        if x.shape[0] == 1:
            return y.sum(axis=0, keepdims=True)
        padded = mx.concatenate([y, mx.zeros((1, y.shape[1]), dtype=y.dtype)], axis=0)
        return padded[mx.array(plan.gather)].sum(axis=1)  # [T, M, D] -> [T, D]


def _slot_product(rows: mx.array, w: StackedLinear, slots: mx.array) -> mx.array:
    """Shapes: rows [P, 1, in], result [P, 1, out]."""
    if w.scales is None:
        return mx.gather_mm(rows, w.weight.astype(rows.dtype).swapaxes(-1, -2), rhs_indices=slots, sorted_indices=True)
    assert w.biases is not None
    return mx.gather_qmm(
        rows,
        w.weight,
        w.scales.astype(rows.dtype),
        w.biases.astype(rows.dtype),
        rhs_indices=slots,
        transpose=True,
        group_size=w.group_size,
        bits=w.bits,
        sorted_indices=True,
    )
