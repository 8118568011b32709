"""An mlx_lm model's projections as plain float32 products: the same values, several times faster on a CPU.

MLX's quantised CPU kernels are scalar, and its gather reads an expert's weights once a row; here every matrix goes
through BLAS and the rows of an expert are multiplied together. Only the order of sums differs.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
from mlx.nn.layers.base import Module
from mlx.nn.layers.linear import Linear
from mlx.nn.layers.quantized import QuantizedLinear
from mlx.utils import tree_unflatten
from mlx_lm.models import gated_delta


class GroupedExperts(Module):
    """Stands in for `switch_mlp`."""

    def __init__(self, switch: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._weights = [_dense(switch[name]) for name in ("gate_proj", "up_proj", "down_proj")]

    def __call__(self, x: mx.array, indices: mx.array) -> mx.array:
        """Shapes: x [..., D], indices [..., K] -> [..., K, D]."""
        gate_proj, up_proj, down_proj = self._weights
        chosen = np.array(indices).reshape(-1)
        rows = np.array(x.astype(mx.float32)).reshape(-1, x.shape[-1])
        order = np.argsort(chosen, kind="stable")
        tokens = order // indices.shape[-1]
        ends = np.searchsorted(chosen[order], np.arange(len(gate_proj) + 1))
        out = np.empty((len(chosen), rows.shape[1]), np.float32)
        for expert in np.flatnonzero(np.diff(ends)):
            mine = slice(ends[expert], ends[expert + 1])
            given = rows[tokens[mine]]
            gate = given @ gate_proj[expert].T
            inner = gate / (1 + np.exp(-gate)) * (given @ up_proj[expert].T)
            out[order[mine]] = inner @ down_proj[expert].T
        return mx.array(out.reshape(*indices.shape, -1))


def _dense(module: Any) -> np.ndarray:
    if "scales" not in module:
        return np.array(module.weight.astype(mx.float32))
    scales, biases = module.scales.astype(mx.float32), module.biases.astype(mx.float32)
    return np.array(mx.dequantize(module.weight, scales, biases, group_size=module.group_size, bits=module.bits))


def delta_rule(
    q: mx.array,
    k: mx.array,
    v: mx.array,
    g: mx.array,
    beta: mx.array,
    state: mx.array | None,
    mask: mx.array | None = None,
) -> tuple[mx.array, mx.array]:
    """`mlx_lm`'s `gated_delta_ops` for scalar decay, in NumPy.

    Shapes:
        q, k: [B, T, Hk, Dk]; v: [B, T, Hv, Dv]; g, beta: [B, T, Hv]; state [B, Hv, Dv, Dk]; mask [B, T].
    """
    repeats = v.shape[2] // k.shape[2]
    keys, queries = (np.repeat(np.array(part.astype(mx.float32)), repeats, 2)[..., None, :] for part in (k, q))
    values, decay, rate = (np.array(part.astype(mx.float32)) for part in (v, g, beta))
    assert state is not None, "gated_delta_update makes the first state"
    held = np.array(state.astype(mx.float32))
    kept = np.ones(decay.shape[:2], bool) if mask is None else np.array(mask)
    out = np.empty_like(values)
    for t in range(values.shape[1]):
        fresh = held * decay[:, t, :, None, None]
        delta = (values[:, t] - (fresh * keys[:, t]).sum(-1)) * rate[:, t, :, None]
        fresh += delta[..., None] * keys[:, t]
        out[:, t] = (fresh * queries[:, t]).sum(-1)
        held = fresh if kept[:, t].all() else np.where(kept[:, t, None, None, None], fresh, held)
    return mx.array(out).astype(v.dtype), mx.array(held)


class ShiftedConv(Module):
    """A causal depthwise convolution as a sum of shifted products: MLX's grouped convolution is slow on a CPU."""

    def __init__(self, weight: mx.array) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._taps = weight[..., 0].T  # [C, k, 1] -> [k, C]

    def __call__(self, x: mx.array) -> mx.array:
        """Shapes: x [B, T + k - 1, C] -> [B, T, C]."""
        taps = len(self._taps)
        time = x.shape[1] - taps + 1
        total = x[:, :time] * self._taps[0]
        for i in range(1, taps):
            total = total + x[:, i : i + time] * self._taps[i]
        return total


def plain_linear(model: Any) -> None:
    """Replace quantised projections by the float32 matrices they stand for and the experts by grouped products.

    mlx_lm's delta recurrence is replaced too, for the whole process.
    """
    gated_delta.gated_delta_ops = delta_rule  # type: ignore[assignment]
    for layer in model.layers:
        layer.mlp.switch_mlp = GroupedExperts(layer.mlp.switch_mlp)
        if layer.is_linear:
            layer.linear_attn.conv1d = ShiftedConv(layer.linear_attn.conv1d.weight.astype(mx.float32))
    found = []
    for name, module in model.named_modules():
        if isinstance(module, QuantizedLinear):
            weight = mx.array(_dense(module))
            linear = Linear(weight.shape[1], weight.shape[0], bias=False)
            linear.weight = weight
            found.append((name, linear))
    model.update_modules(tree_unflatten(found))
    mx.eval(model.parameters())
