"""Quantized products as GPU kernels of our own, in two forms of the same sum, beside MLX's built-in ones.

docs/kernels.md says what was emulated, what ran on a GPU and what never has.
"""

from flashmoe_nb.ops.metal.launch import ARITHMETIC, Launch, Tiling, matvec, supports, swiglu
from flashmoe_nb.ops.metal.ops import GPU_OPS, GpuOps, open_gpu_ops
from flashmoe_nb.ops.metal.run import GpuKernels, platform_here
from flashmoe_nb.ops.metal.variants import KernelTiming, kernel_variants

__all__ = [
    "ARITHMETIC",
    "GPU_OPS",
    "GpuKernels",
    "GpuOps",
    "KernelTiming",
    "Launch",
    "Tiling",
    "kernel_variants",
    "matvec",
    "open_gpu_ops",
    "platform_here",
    "supports",
    "swiglu",
]
