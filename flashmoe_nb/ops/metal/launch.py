"""One call of a kernel, worked out and not yet made: which body, which arrays, how many threads.

Knows shapes and the kernels' template, not which device runs them: MLX takes a `Launch` on a GPU, the tests' emulator
takes the same one on a CPU. Source of the two forms: flash-moe `shaders.metal` (its v3 kernel and its naive one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import mlx.core as mx

if TYPE_CHECKING:
    from flashmoe_nb.ops.mlx_slots import StackedLinear

ARITHMETIC = ("fma", "naive")
"""fma(q, s*x, b*x), the original's "+12 %", against (q*s + b)*x."""
BITS = (2, 4)
GROUP_SIZES = (32, 64, 128)
SIMD_WIDTH = 32
"""Lanes of an Apple simdgroup, and of a CUDA warp."""

TemplateArg = int | bool | mx.Dtype


@dataclass(frozen=True, slots=True)
class Tiling:
    """How the work is cut. 4 rows a simdgroup is MLX's own choice; nobody has tuned ours on a Mac."""

    rows: int = 4
    """Output rows of one simdgroup: an activation is read from threadgroup memory once for all of them."""
    simdgroups: int = 4
    """Of one threadgroup, 32 threads each; they share the tile."""
    tile: int = 2048
    """Activations in threadgroup memory at a time, as float32: 8 KiB of the 32 that a threadgroup may have."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel call."""

    body: str
    """Name of the source file, without suffix."""
    inputs: tuple[tuple[str, mx.array], ...]
    template: tuple[tuple[str, TemplateArg], ...]
    grid: tuple[int, int, int]
    """Threads, always whole threadgroups: Metal would cut the last one short, CUDA would not."""
    threadgroup: tuple[int, int, int]
    output_shape: tuple[int, int]
    output_dtype: mx.Dtype


def supports(w: StackedLinear) -> bool:
    """Whether the kernels can take this matrix: 2 or 4 bits, a group size they know, whole words a group."""
    return w.scales is not None and w.biases is not None and w.bits in BITS and w.group_size in GROUP_SIZES


def matvec(x: mx.array, x_rows: mx.array, w: StackedLinear, slots: mx.array, form: str, tiling: Tiling) -> Launch:
    """Row x_rows[p] of x through the matrix in slot slots[p].

    Shapes: x [R, D], x_rows and slots [P] uint32, w.weight [S, N, words]; output [P, N] of x's dtype.
    """
    assert w.scales is not None
    assert w.biases is not None
    arrays = (("weight", w.weight), ("scales", w.scales), ("biases", w.biases))
    return _launch("matvec", arrays, (x, x_rows, slots), w, form, tiling)


def swiglu(
    x: mx.array, x_rows: mx.array, gate: StackedLinear, up: StackedLinear, slots: mx.array, form: str, tiling: Tiling
) -> Launch:
    """silu(gate x) * (up x) for row x_rows[p] of x and the two matrices in slot slots[p]. Shapes: as `matvec`."""
    assert (gate.bits, gate.group_size, gate.weight.shape) == (up.bits, up.group_size, up.weight.shape)
    arrays: list[tuple[str, mx.array]] = []
    for name, w in (("gate", gate), ("up", up)):
        assert w.scales is not None
        assert w.biases is not None
        arrays += [(f"{name}_weight", w.weight), (f"{name}_scales", w.scales), (f"{name}_biases", w.biases)]
    return _launch("swiglu", tuple(arrays), (x, x_rows, slots), gate, form, tiling)


def _launch(
    body: str,
    arrays: tuple[tuple[str, mx.array], ...],
    rows: tuple[mx.array, mx.array, mx.array],
    w: StackedLinear,
    form: str,
    tiling: Tiling,
) -> Launch:
    assert supports(w)
    assert form in ARITHMETIC
    x, x_rows, slots = rows
    out_dim, words = w.weight.shape[1:]
    assert words * 32 // w.bits == x.shape[1]
    threads = tiling.simdgroups * SIMD_WIDTH
    threadgroups = -(-out_dim // (tiling.rows * tiling.simdgroups))
    template = (
        ("T", x.dtype),
        ("BITS", w.bits),
        ("GROUP", w.group_size),
        ("FMA", form == "fma"),
        ("ROWS", tiling.rows),
        ("SIMDGROUPS", tiling.simdgroups),
        ("TILE", tiling.tile),
    )
    return Launch(
        body,
        (*arrays, ("x", x), ("x_rows", x_rows), ("slots", slots)),
        template,
        (threadgroups * threads, slots.shape[0], 1),
        (threads, 1, 1),
        (slots.shape[0], out_dim),
        x.dtype,
    )
