"""Products with packed weights against dequantized ones in float64: every width, group, scale dtype and row count."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashmoe_nb.ops.cpu import CpuOps
from flashmoe_nb.ops.cpu_matrix import QuantizedMatrix
from flashmoe_nb.ops.kernels.packing import lanes_for, packing
from tests.ops.kernels.matrices import quantized, relative

BITS, GROUPS, SCALES = (2, 3, 4, 5, 6, 8), (32, 64, 128), ("F32", "BF16", "F16")
TOLERANCE = 1e-6
"""Of the largest value: float32 sums over up to 4096 terms."""


@pytest.mark.parametrize("scale_dtype", SCALES)
@pytest.mark.parametrize("group_size", GROUPS)
@pytest.mark.parametrize("bits", BITS)
def test_product_of_one_few_and_many_rows_is_the_dequantized_one(bits: int, group_size: int, scale_dtype: str) -> None:
    case = quantized(bits, group_size, scale_dtype, 37, 3 * group_size)
    ops = CpuOps(n_threads=2)
    prepared = ops.prepare(case.linear)
    x = np.random.default_rng(bits).normal(size=(40, 3 * group_size)).astype(np.float32)
    for n_rows in (1, 2, 4, 7, 40):
        expected = x[:n_rows].astype(np.float64) @ case.dense.T
        assert relative(ops.linear(x[:n_rows], prepared), expected) <= TOLERANCE, n_rows


@pytest.mark.parametrize("bits", BITS)
def test_product_of_large_matrix_is_shared_out_without_loss(bits: int) -> None:
    """Rows that no tile and no thread divides, and more bytes than one thread takes alone."""
    case = quantized(bits, 64, "BF16", 1021, 1024)
    ops, alone = CpuOps(n_threads=3), CpuOps(n_threads=1)
    prepared = ops.prepare(case.linear)
    x = np.random.default_rng(1).normal(size=(41, 1024)).astype(np.float32)
    for n_rows in (1, 3, 41):
        found = ops.linear(x[:n_rows], prepared)
        assert relative(found, x[:n_rows].astype(np.float64) @ case.dense.T) <= TOLERANCE
        np.testing.assert_array_equal(found[:, :1021], alone.linear(x[:n_rows], prepared)[:, :1021])


@settings(max_examples=30)
@given(
    bits=st.sampled_from(BITS),
    group_size=st.sampled_from(GROUPS),
    groups=st.integers(1, 9),
    out_dim=st.integers(1, 70),
    n_rows=st.integers(1, 9),
    seed=st.integers(0, 2**16),
)
def test_product_holds_for_any_shape(
    bits: int, group_size: int, groups: int, out_dim: int, n_rows: int, seed: int
) -> None:
    case = quantized(bits, group_size, "F32", out_dim, groups * group_size, seed)
    ops = CpuOps(n_threads=2)
    x = np.random.default_rng(seed).normal(size=(n_rows, groups * group_size)).astype(np.float32)
    expected = x.astype(np.float64) @ case.dense.T
    scale = np.abs(x).max() * np.abs(case.dense).max() * x.shape[1]
    assert np.abs(ops.linear(x, ops.prepare(case.linear)) - expected).max() <= TOLERANCE * scale


def test_wrong_group_size_would_be_seen() -> None:
    """Negative control: the tolerance is far below what a shifted group does."""
    case = quantized(4, 64, "F32", 37, 256)
    ops = CpuOps(n_threads=1)
    scales = np.roll(case.linear.scales, 1, axis=1)
    x = np.random.default_rng(0).normal(size=(1, 256)).astype(np.float32)
    found = ops.linear(x, ops.prepare(dataclasses.replace(case.linear, scales=scales)))
    assert relative(found, x @ case.dense.T) > 1000 * TOLERANCE


@pytest.mark.parametrize("bits", BITS)
def test_embedding_gives_the_dequantized_rows(bits: int) -> None:
    case = quantized(bits, 32, "BF16", 50, 96)
    ops = CpuOps(n_threads=1)
    ids = np.array([7, 49, 0, 7], np.int32)
    np.testing.assert_allclose(ops.embed(ops.prepare(case.linear), ids), case.dense[ids], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_matrix_that_is_not_quantized_multiplies(dtype: str) -> None:
    case = quantized(8, 32, "F32", 11, 64)
    weight = case.dense.astype(dtype)
    ops = CpuOps(n_threads=1)
    plain = ops.prepare(dataclasses.replace(case.linear, weight=weight, scales=None, quant_biases=None))
    x = np.random.default_rng(2).normal(size=(3, 64)).astype(np.float32)
    assert relative(ops.linear(x, plain), x @ weight.astype(np.float64).T) <= TOLERANCE


def test_non_finite_scale_reaches_the_result() -> None:
    """Damage must stay visible."""
    case = quantized(4, 64, "F16", 9, 128)
    case.linear.scales[3, 1] = np.nan
    case.linear.scales[5, 0] = np.inf
    ops = CpuOps(n_threads=1)
    y = ops.linear(np.ones((1, 128), np.float32), ops.prepare(case.linear))
    assert not np.isfinite(y[0, [3, 5]]).any()
    assert np.isfinite(np.delete(y[0], [3, 5])).all()


@pytest.mark.parametrize("bits", BITS)
def test_fields_of_a_unit_cover_each_bit_once(bits: int) -> None:
    unit = packing(bits)
    seen = [8 * unit.words[field.word][0] + field.shift for field in unit.fields]
    assert seen == list(range(0, 8 * unit.unit_bytes, bits))
    assert all(in_dim // unit.unit_weights % lanes_for(bits, in_dim) == 0 for in_dim in range(32, 1024, 32))


class _NoCrew:
    """Takes down what work it is asked to lead, and leaves the asker alone with it."""

    words = 0

    def __init__(self) -> None:
        self.asked: list[int] = []

    def lead(self, n_threads: int, work_bytes: int) -> int:
        self.asked.append(work_bytes)
        return 1


def test_fewer_bits_call_for_as_many_threads_as_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """By bytes alone a 2-bit matrix would wake nobody where a 4-bit one of the same shape does, and take longer."""
    crew = _NoCrew()
    monkeypatch.setattr("flashmoe_nb.ops.cpu_matrix.crew", lambda: crew)
    ops, x = CpuOps(n_threads=2), np.ones((1, 1024), np.float32)
    for bits in (2, 3, 4, 8):
        ops.linear(x, ops.prepare(quantized(bits, 64, "F32", 512, 1024).linear))
    two, three, four, eight = crew.asked
    assert two == three == four
    assert eight == 2 * four


@pytest.mark.parametrize("bias_dtype", SCALES)
@pytest.mark.parametrize("scale_dtype", SCALES)
def test_biases_may_be_of_another_dtype_than_scales(scale_dtype: str, bias_dtype: str) -> None:
    """MLX takes such checkpoints; read with the dtype of the scales, the biases would be other numbers, or nobody's."""
    case = quantized(4, 64, scale_dtype, 37, 192, bias_dtype=bias_dtype)
    ops = CpuOps(n_threads=1)
    prepared = ops.prepare(case.linear)
    x = np.random.default_rng(0).normal(size=(5, 192)).astype(np.float32)
    for n_rows in (1, 5):
        assert relative(ops.linear(x[:n_rows], prepared), x[:n_rows].astype(np.float64) @ case.dense.T) <= TOLERANCE
    assert relative(ops.embed(prepared, np.array([36, 0])), case.dense[[36, 0]]) <= TOLERANCE


def test_matrix_of_unlike_scales_and_biases_is_not_made() -> None:
    """In dtype, or in how their rows lie: kernels are told of the scales alone."""
    case = quantized(4, 64, "F32", 37, 192).linear
    assert case.quant_biases is not None
    for biases in (case.quant_biases.astype(np.float16), np.repeat(case.quant_biases, 2, axis=1)[:, ::2]):
        with pytest.raises(AssertionError):
            QuantizedMatrix(case.weight, case.scales, biases, 192, 4, 64)
