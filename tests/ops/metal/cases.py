"""Random quantized matrices with every width, group and dtype, and what their products must be."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from flashmoe_nb.ops.metal import Launch, Tiling, matvec, swiglu
from flashmoe_nb.ops.mlx_slots import StackedLinear

Floats = NDArray[np.float64]

DTYPES = (mx.float32, mx.bfloat16, mx.float16)
ROUNDING = {mx.float32: 2.0**-24, mx.bfloat16: 2.0**-8, mx.float16: 2.0**-11}
"""Half a unit in the last place of a result, relative."""
SUMMING = 2.0**-20
"""Of float32 sums, relative to the sum of the terms' sizes: some rounding steps of 2^-24 each in every term."""
SMALL = Tiling(rows=3, simdgroups=2, tile=288)
"""Several tiles and a last one cut short, rows that no simdgroup fills, two simdgroups: all edges in small matrices."""
N_SLOTS, N_ROWS = 3, 3


@dataclass(frozen=True)
class Case:
    """One instance of the kernels."""

    bits: int
    group_size: int
    scale_dtype: mx.Dtype
    dtype: mx.Dtype
    form: str

    def __str__(self) -> str:
        kinds = [str(kind).rpartition(".")[2] for kind in (self.scale_dtype, self.dtype)]
        return f"{self.bits}bit-g{self.group_size}-{'-'.join(kinds)}-{self.form}"


def every_case(form: str) -> list[Case]:
    """2 widths x 3 groups x 3 dtypes of scales x 3 of activations."""
    return [Case(*choice, form) for choice in product((4, 2), (32, 64, 128), DTYPES, DTYPES)]


def matrices(case: Case, out_dim: int, in_dim: int, seed: int, n_slots: int = N_SLOTS) -> StackedLinear:
    """Random bits, scales and biases; the biases do not follow the scales, so that neither can stand for the other."""
    words, groups = in_dim * case.bits // 32, in_dim // case.group_size
    keys = mx.random.split(mx.random.key(seed), 3)
    halves = mx.random.randint(0, 2**16, (n_slots, out_dim, 2 * words), key=keys[0]).astype(mx.uint16)
    scales = mx.random.uniform(0.01, 0.05, (n_slots, out_dim, groups), key=keys[1]).astype(case.scale_dtype)
    biases = mx.random.uniform(-0.3, 0.1, (n_slots, out_dim, groups), key=keys[2]).astype(case.scale_dtype)
    return StackedLinear(halves.view(mx.uint32), scales, biases, case.bits, case.group_size)


def activations(case: Case, in_dim: int, n_rows: int = N_ROWS) -> mx.array:
    """Normal, in the case's dtype. Shapes: [n_rows, in_dim]."""
    return mx.random.normal((n_rows, in_dim), key=mx.random.key(7)).astype(case.dtype)


def indices(*values: int) -> mx.array:
    """As the kernels take them."""
    return mx.array(values, dtype=mx.uint32)


SLOTS, X_ROWS = (2, 0, 2, 1), (0, 2, 1, 1)
"""Four pairs: a slot twice, a row twice, neither in order."""


def matvec_launch(case: Case, out_dim: int, in_dim: int, tiling: Tiling = SMALL) -> Launch:
    """Over four pairs."""
    w = matrices(case, out_dim, in_dim, seed=1)
    return matvec(activations(case, in_dim), indices(*X_ROWS), w, indices(*SLOTS), case.form, tiling)


def swiglu_launch(case: Case, out_dim: int, in_dim: int, tiling: Tiling = SMALL) -> Launch:
    """Over four pairs."""
    gate, up = matrices(case, out_dim, in_dim, seed=1), matrices(case, out_dim, in_dim, seed=2)
    return swiglu(activations(case, in_dim), indices(*X_ROWS), gate, up, indices(*SLOTS), case.form, tiling)


def exact_product(launch: Launch, prefix: str = "") -> tuple[Floats, Floats]:
    """What the matrices give by `mx.dequantize` and float64 sums, and how far rounding may go. Shapes: both [P, N]."""
    arrays, template = dict(launch.inputs), dict(launch.template)
    weight, scales, biases = (arrays[f"{prefix}{part}"] for part in ("weight", "scales", "biases"))
    wide = scales.astype(mx.float32), biases.astype(mx.float32)
    options = {"group_size": template["GROUP"], "bits": template["BITS"]}
    full = _numpy(mx.dequantize(weight, *wide, **options))
    sizes = _numpy(mx.dequantize(weight, wide[0], mx.abs(wide[1]), **options))
    slots, x_rows = (np.array(arrays[name]) for name in ("slots", "x_rows"))
    x = _numpy(arrays["x"])[x_rows]
    exact, size = (np.einsum("pni,pi->pn", w[slots], v) for w, v in ((full, x), (sizes, np.abs(x))))
    return exact, SUMMING * size


def exact_swiglu(launch: Launch) -> tuple[Floats, Floats]:
    """As `exact_product`; the slope of silu is at most 1.1."""
    (gate, gate_bound), (up, up_bound) = exact_product(launch, "gate_"), exact_product(launch, "up_")
    silu = gate / (1 + np.exp(-gate))
    return silu * up, 1.1 * gate_bound * np.abs(up) + (np.abs(silu) + gate_bound) * up_bound + 2.0**-20 * np.abs(
        silu * up
    )


def expected(launch: Launch) -> tuple[Floats, Floats]:
    """The exact result of a launch and the bound on the difference, with the rounding to the output's dtype."""
    exact, bound = exact_swiglu(launch) if launch.body == "swiglu" else exact_product(launch)
    return exact, bound + ROUNDING[launch.output_dtype] * np.abs(exact)


def _numpy(x: mx.array) -> Floats:
    return np.array(x.astype(mx.float32), dtype=np.float64)


def worst(y: mx.array, launch: Launch) -> float:
    """Largest difference as a share of what is allowed; NaN counts as infinitely far."""
    exact, bound = expected(launch)
    return float(np.nan_to_num(np.abs(_numpy(y) - exact) / bound, nan=np.inf, posinf=np.inf).max())
