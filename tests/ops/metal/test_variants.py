"""The comparison that `flashmoe bench kernels` prints: what is timed and what is reported, not how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx
import pytest

from flashmoe_nb.ops.metal import kernel_variants, platform_here

if TYPE_CHECKING:
    from tests.ops.metal.emulation import Emulator

SHAPES = [(8, 64), (5, 128)]


@pytest.mark.parametrize("bits", [4, 2])
def test_every_variant_is_timed_on_every_shape_and_is_right(bits: int, emulator: Emulator):
    timings = kernel_variants(
        bits=bits, dtype=mx.float32, shapes=SHAPES, rounds=3, rotated_bytes=2000, kernels=emulator
    )
    assert [(t.variant, t.out_dim, t.in_dim) for t in timings] == [
        (variant, *shape) for shape in SHAPES for variant in ("mlx", "fma", "naive")
    ]
    for timing in timings:
        assert len(timing.samples_ns) == 3
        assert timing.max_error < 1e-5
        assert timing.n_matrices * timing.weight_bytes >= 2000
        assert timing.weight_bytes == timing.out_dim * timing.in_dim * (bits / 8 + 2 * 4 / 64)
        assert timing.gb_per_s == timing.weight_bytes / timing.median_ns


def test_without_a_gpu_only_the_built_in_product_is_timed():
    if platform_here() is not None:
        pytest.skip("there is a GPU here")
    assert {t.variant for t in kernel_variants(shapes=SHAPES, rounds=1, rotated_bytes=0)} == {"mlx"}
