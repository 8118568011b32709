"""MLX's built-in product against our two forms, in one run: what `flashmoe bench kernels` prints on a GPU.

Many matrices take turns, so that none is still in a cache when it comes round again, and the variants take turns too,
so that a machine that warms up or slows down does so for all of them.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from flashmoe_nb.ops.metal.launch import ARITHMETIC, Tiling, matvec
from flashmoe_nb.ops.metal.run import GpuKernels, platform_here
from flashmoe_nb.ops.mlx_slots import StackedLinear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flashmoe_nb.ops.metal.run import Kernels

SHAPES = ((1024, 4096), (4096, 1024), (12288, 4096))
"""[out_dim, in_dim]: an expert's gate_proj and down_proj, and the delta net's qkv projection, of the 397B model."""
ROTATED_BYTES = 256 * 2**20
"""Bytes of the matrices that take turns, several times the last-level cache of any machine this is for."""


@dataclass(frozen=True, slots=True)
class KernelTiming:
    """One variant on one shape."""

    variant: str
    out_dim: int
    in_dim: int
    bits: int
    group_size: int
    dtype: str
    """Of activations and scales."""
    n_matrices: int
    """Evaluated at a time: the sync at the end is shared by so many products."""
    samples_ns: tuple[int, ...]
    """Time of one product, one entry a round."""
    weight_bytes: int
    """Packed weights, scales and biases of one product."""
    max_error: float
    """Largest difference from the product with dequantized weights in float32, as a share of its largest value."""

    @property
    def median_ns(self) -> int:
        """Of all rounds."""
        return int(statistics.median(self.samples_ns))

    @property
    def gb_per_s(self) -> float:
        """Packed bytes over the median, GB = 10^9."""
        return self.weight_bytes / self.median_ns

    def __str__(self) -> str:
        return (
            f"[{self.out_dim}, {self.in_dim}] {self.bits} bits, groups of {self.group_size}, {self.dtype}: "
            f"{self.variant} {self.median_ns / 1000:.1f} us, {self.gb_per_s:.1f} GB/s, error {self.max_error:.1e}"
        )


def kernel_variants(
    *,
    bits: int = 4,
    group_size: int = 64,
    dtype: mx.Dtype = mx.bfloat16,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    rounds: int = 20,
    rotated_bytes: int = ROTATED_BYTES,
    tiling: Tiling | None = None,
    kernels: Kernels | None = None,
) -> list[KernelTiming]:
    """Time every variant that this machine can run; without a GPU that is the built-in one alone.

    Args:
        bits: 2 or 4.
        group_size: 32, 64 or 128.
        dtype: of activations, scales and biases.
        shapes: [out_dim, in_dim] each.
        rounds: samples of each variant, interleaved, after one that is not counted.
        rotated_bytes: packed matrices that take turns.
        tiling: how our kernels cut the work.
        kernels: what runs ours; None takes this machine's GPU if it has one.
    """
    if kernels is None and platform_here() is not None:
        kernels = GpuKernels()
    timings: list[KernelTiming] = []
    for out_dim, in_dim in shapes:
        bank = _matrices(out_dim, in_dim, bits, group_size, dtype, rotated_bytes)
        x = mx.random.normal((1, in_dim), key=mx.random.key(1)).astype(dtype)
        mx.eval(x, bank.weight, bank.scales, bank.biases)
        timings += _compare(_variants(x, bank, kernels, tiling or Tiling()), x, bank, rounds)
    return timings


def _matrices(
    out_dim: int, in_dim: int, bits: int, group_size: int, dtype: mx.Dtype, rotated_bytes: int
) -> StackedLinear:
    """Random bits are random weights: nothing has to be quantized, or fit in memory unpacked."""
    words, groups = in_dim * bits // 32, in_dim // group_size
    matrix_bytes = out_dim * (4 * words + 2 * groups * dtype.size)
    count = max(2, -(-rotated_bytes // matrix_bytes))
    halves = mx.random.randint(0, 2**16, (count, out_dim, 2 * words), key=mx.random.key(0)).astype(mx.uint16)
    scales = mx.random.uniform(0.001, 0.01, (count, out_dim, groups), key=mx.random.key(2)).astype(dtype)
    biases = -scales * ((2**bits - 1) / 2)
    return StackedLinear(halves.view(mx.uint32), scales, biases.astype(dtype), bits, group_size)


def _variants(
    x: mx.array, bank: StackedLinear, kernels: Kernels | None, tiling: Tiling
) -> dict[str, Callable[[int], mx.array]]:
    """The products by name; each takes the number of a matrix."""
    assert bank.scales is not None
    assert bank.biases is not None
    slots = [mx.array([slot], dtype=mx.uint32) for slot in range(bank.weight.shape[0])]
    matrices = [(bank.weight[i], bank.scales[i], bank.biases[i]) for i in range(len(slots))]
    mx.eval(slots, matrices)

    def built_in(slot: int) -> mx.array:
        return mx.quantized_matmul(x, *matrices[slot], transpose=True, group_size=bank.group_size, bits=bank.bits)

    def ours(runner: Kernels, form: str) -> Callable[[int], mx.array]:
        return lambda slot: runner.run(matvec(x, slots[0], bank, slots[slot], form, tiling))

    variants: dict[str, Callable[[int], mx.array]] = {"mlx": built_in}
    if kernels is not None:
        variants |= {form: ours(kernels, form) for form in ARITHMETIC}
    return variants


def _compare(
    variants: dict[str, Callable[[int], mx.array]], x: mx.array, bank: StackedLinear, rounds: int
) -> list[KernelTiming]:
    assert bank.scales is not None
    assert bank.biases is not None
    count, out_dim = bank.weight.shape[:2]
    samples: dict[str, list[int]] = {name: [] for name in variants}
    for _ in range(1 + rounds):
        for name, product in variants.items():
            start_ns = time.perf_counter_ns()
            mx.eval([product(slot) for slot in range(count)])
            samples[name].append((time.perf_counter_ns() - start_ns) // count)
    errors = {name: _error(product(count - 1), x, bank) for name, product in variants.items()}
    weight_bytes = (bank.weight.nbytes + bank.scales.nbytes + bank.biases.nbytes) // count
    dtype = str(x.dtype).rpartition(".")[2]
    return [
        KernelTiming(
            name,
            out_dim,
            x.shape[1],
            bank.bits,
            bank.group_size,
            dtype,
            count,
            tuple(samples[name][1:]),
            weight_bytes,
            errors[name],
        )
        for name in variants
    ]


def _error(y: mx.array, x: mx.array, bank: StackedLinear) -> float:
    """Against the last matrix, dequantized to float32."""
    assert bank.scales is not None
    assert bank.biases is not None
    scales, biases = (part[-1].astype(mx.float32) for part in (bank.scales, bank.biases))
    matrix = mx.dequantize(bank.weight[-1], scales, biases, bank.group_size, bank.bits)
    exact = x.astype(mx.float32) @ matrix.T
    share = mx.abs(y.astype(mx.float32) - exact).max() / mx.abs(exact).max()
    return float(np.array(share))
