"""Every way a product or the delta rule is written gives the same numbers; what differs is the time they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from flashmoe_nb.ops.kernels.delta import delta_update
from flashmoe_nb.ops.kernels.variants_delta import delta_blas, delta_scalar
from flashmoe_nb.ops.kernels.variants_matvec import matvec_fma, matvec_naive, split_fields
from tests.ops.kernels.matrices import quantized, relative

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

MATVECS = {"naive": matvec_naive, "fma": matvec_fma}
DELTAS = {"scalar": delta_scalar, "blas": delta_blas}
TOLERANCE = 2e-6
"""Of the largest value."""


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("name", MATVECS)
def test_matvec_variant_is_the_dequantized_product(name: str, bits: int) -> None:
    found, expected = _product(MATVECS[name], bits)
    assert relative(found, expected) <= TOLERANCE


@pytest.mark.parametrize("name", MATVECS)
def test_matvec_of_shifted_activations_would_be_seen(name: str) -> None:
    """Negative control: fields taken in another order."""
    found, expected = _product(MATVECS[name], 4, lambda x: np.ascontiguousarray(x[::-1]))
    assert relative(found, expected) > 1000 * TOLERANCE


@pytest.mark.parametrize("heads", [(2, 2), (2, 6)])
@pytest.mark.parametrize("name", DELTAS)
def test_delta_variant_is_the_fused_rule(name: str, heads: tuple[int, int]) -> None:
    inputs, memory = _delta_inputs(*heads)
    out, updated = DELTAS[name](*inputs, memory)
    expected_out, expected = _fused(inputs, memory)
    assert relative(out, expected_out) <= TOLERANCE
    assert relative(updated, expected) <= TOLERANCE


@pytest.mark.parametrize("name", DELTAS)
def test_delta_variant_leaves_the_memory_it_was_given(name: str) -> None:
    """Forks share it."""
    inputs, memory = _delta_inputs(2, 4)
    before = memory.copy()
    DELTAS[name](*inputs, memory)
    np.testing.assert_array_equal(memory, before)


def test_delta_without_its_correction_would_be_seen() -> None:
    """Negative control: adding the value without taking off what the key already recalls."""
    (query, key, value, decay, beta), memory = _delta_inputs(2, 4)
    added = memory * decay[:, None, None] + (value * beta[:, None])[..., None] * np.repeat(key, 2, 0)[:, None]
    assert relative(added, _fused((query, key, value, decay, beta), memory)[1]) > 1000 * TOLERANCE


def _product(
    matvec: Callable[..., Floats], bits: int, change: Callable[[Floats], Floats] = lambda x: x
) -> tuple[Floats, NDArray[np.float64]]:
    case = quantized(bits, 64, "F32", 37, 320)
    x = np.random.default_rng(bits).normal(size=320).astype(np.float32)
    linear = case.linear
    weight = linear.weight.view(np.uint8)
    found = matvec(weight, linear.scales, linear.quant_biases, change(split_fields(x, bits)), bits)
    return found, case.dense @ x


def _delta_inputs(n_keys: int, n_heads: int) -> tuple[tuple[Floats, ...], Floats]:
    rng = np.random.default_rng(n_heads)
    shapes = ((n_keys, 32), (n_keys, 32), (n_heads, 24), (n_heads, 24, 32))
    query, key, value, memory = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    decay, beta = (rng.uniform(0.1, 1, n_heads).astype(np.float32) for _ in range(2))
    return (query, key / np.linalg.norm(key, axis=1, keepdims=True), value, decay, beta), memory


def _fused(inputs: tuple[Floats, ...], memory: Floats) -> tuple[Floats, Floats]:
    """The kernel of the back end, for one token."""
    query, key, value, decay, beta = (part[None] for part in inputs)
    out, updated = delta_update((query, key, value), decay, beta, memory, 1)
    return out[0], updated
