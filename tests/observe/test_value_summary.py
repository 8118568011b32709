"""One array at a glance: numbers that a plain calculation gives, and slices that never leave out in silence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flashmoe_nb.observe.value_summary import MOST_COLUMNS, MOST_ROWS, N_BINS, N_TOP, summarise

RNG = np.random.default_rng(0)


def test_statistics_are_those_of_numpy() -> None:
    values = RNG.normal(3, 2, (4, 7, 11)).astype(np.float32)
    values[0, 0, :3] = 0
    found = summarise("delta", values)
    wide = values.astype(np.float64)
    assert (found.shape, found.dtype, found.n_values, found.n_not_finite, found.n_zero) == (
        (4, 7, 11),
        "float32",
        308,
        0,
        3,
    )
    expected = [wide.min(), wide.max(), wide.mean(), wide.std(), np.sqrt((wide**2).mean())]
    np.testing.assert_allclose([found.minimum, found.maximum, found.mean, found.std, found.rms], expected)
    assert found.histogram.sum() == 308
    assert len(found.histogram) == N_BINS
    assert (found.rows, found.columns, found.folded) == (28, 11, False)
    np.testing.assert_array_equal(found.slice, values.reshape(28, 11))


def test_top_entries_are_the_largest_magnitudes_and_where_they_lie() -> None:
    values = RNG.normal(size=(1, 300)).astype(np.float32)
    values[0, 17], values[0, 250] = -9, 8
    found = summarise("mixer", values)
    assert len(found.top_value) == N_TOP
    assert found.top_value[:2].tolist() == [-9, 8]
    assert found.top_index[:2].tolist() == [[0, 17], [0, 250]]
    for place, value in zip(found.top_index, found.top_value, strict=True):
        assert values[tuple(place)] == value


@pytest.mark.parametrize("n", [65, 128, 2048, 2050])
def test_a_vector_is_folded_and_nothing_is_lost(n: int) -> None:
    values = np.arange(n, dtype=np.float32)
    found = summarise("combine", values[None])
    assert found.folded
    flat = np.concatenate([summarise("combine", values, first_row=row).slice[0] for row in range(found.rows)])
    np.testing.assert_array_equal(flat[:n], values)
    assert np.isnan(flat[n:]).all()


def test_a_slice_of_a_large_value_starts_where_it_is_asked_to() -> None:
    values = np.arange(100 * 300, dtype=np.float32).reshape(100, 300)
    assert summarise("conv", values).slice.shape == (MOST_ROWS, MOST_COLUMNS)
    found = summarise("conv", values, first_row=90)
    np.testing.assert_array_equal(found.slice, values[90:, :MOST_COLUMNS])
    assert (summarise("conv", values, first_row=10**6).first_row, summarise("x", values, first_row=-4).first_row) == (
        99,
        0,
    )


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((1, 5), np.float32),
        np.full((2, 3), np.nan, np.float32),
        np.array([1.0, np.inf, -np.inf, np.nan], np.float32),
        np.array(4.0, np.float32),
        np.arange(10, dtype=np.int64)[None],
    ],
    ids=["zero", "nan", "some", "scalar", "ids"],
)
def test_odd_values_have_summaries_that_json_takes(values: np.ndarray) -> None:
    found = summarise("odd", values)
    finite = values[np.isfinite(values)]
    assert found.n_not_finite == values.size - finite.size
    assert found.histogram.sum() == finite.size
    json.dumps(found.facts(), allow_nan=False)
    assert len(found.top_value) == min(N_TOP, values.size)
