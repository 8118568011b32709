"""`MlxOps` with the one-row quantized products of a decode step done by the kernels of this folder.

Everything else (prefill, 3, 5, 6 and 8 bits, matrices that are not quantized) stays with MLX's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from flashmoe_nb.errors import UnsupportedError
from flashmoe_nb.ops.metal.launch import ARITHMETIC, Tiling, matvec, supports, swiglu
from flashmoe_nb.ops.metal.run import GpuKernels, platform_here
from flashmoe_nb.ops.mlx import MlxOps
from flashmoe_nb.ops.mlx_slots import MlxSlotBank, StackedLinear

if TYPE_CHECKING:
    from flashmoe_nb.ops.metal.run import Kernels
    from flashmoe_nb.ops.protocol import Linear, SlotBank, WavePlan

GPU_OPS = tuple(f"{platform}_{form}" for platform in ("metal", "cuda") for form in ARITHMETIC)
"""Names for `fm.open(ops=...)`."""


class GpuOps(MlxOps):
    """`Ops` on our own kernels.

    Args:
        name: one of GPU_OPS.
        dtype: of activations.
        kernels: what runs the launches.
        tiling: how the work is cut.
    """

    def __init__(self, name: str, dtype: str, kernels: Kernels, tiling: Tiling | None = None) -> None:
        super().__init__(dtype)
        self.name = name
        self._form = name.partition("_")[2]
        self._kernels = kernels
        self._tiling = tiling or Tiling()
        self._first = mx.zeros((1,), dtype=mx.uint32)
        mx.eval(self._first)

    def __repr__(self) -> str:
        return f"<GpuOps {self.name}, {self.dtype} on {self.device}>"

    def linear(self, x: mx.array, w: Linear) -> mx.array:
        """A resident matrix is a bank of one slot."""
        if x.shape[0] != 1 or w.scales is None or w.quant_biases is None:
            return super().linear(x, w)
        stacked = StackedLinear(w.weight[None], w.scales[None], w.quant_biases[None], w.bits, w.group_size)
        if not supports(stacked):
            return super().linear(x, w)
        y = self._kernels.run(matvec(x, self._first, stacked, self._first, self._form, self._tiling))
        return y if w.bias is None else y + w.bias

    def run_experts(self, x: mx.array, weights: mx.array, bank: SlotBank, plan: WavePlan) -> mx.array:
        """For one token: SwiGLU over the slots in one kernel, down_proj in a second, the weighted sum in MLX."""
        assert isinstance(bank, MlxSlotBank)
        gate, up, down = (bank.projection(name) for name in ("gate_proj", "up_proj", "down_proj"))
        if x.shape[0] != 1 or not (_alike(gate, up) and supports(gate) and supports(down)):
            return super().run_experts(x, weights, bank, plan)
        slots, tokens = mx.array(plan.slots), mx.array(plan.tokens)
        hidden = self._kernels.run(swiglu(x, tokens.astype(mx.uint32), gate, up, slots, self._form, self._tiling))
        pairs = mx.arange(len(plan.slots), dtype=mx.uint32)
        y = self._kernels.run(matvec(hidden, pairs, down, slots, self._form, self._tiling))
        chosen: mx.array = weights[tokens, mx.array(plan.ranks)][:, None]
        return (y * chosen).sum(axis=0, keepdims=True)


def open_gpu_ops(name: str, dtype: str) -> GpuOps:
    """The back end of this name.

    Raises:
        UnsupportedError: MLX's default device is not the GPU that the name says.
    """
    assert name in GPU_OPS
    wanted, here = name.partition("_")[0], platform_here()
    if here != wanted:
        found = here or str(mx.default_device())
        remedy = f'ops="{here}_{name.partition("_")[2]}" or ops="mlx"' if here else 'ops="mlx"'
        raise UnsupportedError(f'ops="{name}" needs MLX on {wanted}, its default device here is {found}: use {remedy}')
    return GpuOps(name, dtype, GpuKernels())


def _alike(gate: StackedLinear, up: StackedLinear) -> bool:
    """Whether one kernel can take both."""
    return (gate.bits, gate.group_size, gate.weight.shape) == (up.bits, up.group_size, up.weight.shape)
