"""Drawing a token: exact supports of top_p and min_p, true frequencies, seeds, and extremes without overflow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from flashmoe_nb.engine.sampling import Sampler, log_softmax
from flashmoe_nb.errors import OptionError

Floats = NDArray[np.float32]

LOGITS = np.log(np.array([0.05, 0.4, 0.3, 0.15, 0.1], np.float32))
vectors = arrays(np.float32, st.integers(1, 40), elements=st.floats(-50, 50, width=32))


def _drawn(sampler: Sampler, logits: Floats, n: int = 400, seed: int = 0) -> list[int]:
    rng = np.random.default_rng(seed)
    return [sampler.draw(logits, rng) for _ in range(n)]


@given(vectors)
def test_log_softmax_sums_to_one(logits: Floats) -> None:
    assert np.exp(log_softmax(logits)).sum() == pytest.approx(1)


@given(vectors, st.floats(0.05, 20), st.floats(0.01, 1), st.floats(0, 0.99), st.integers(0, 2**31))
def test_draw_stays_in_the_nucleus(logits: Floats, temperature: float, top_p: float, min_p: float, seed: int) -> None:
    sampler = Sampler(temperature, top_p, min_p)
    probabilities = np.exp(log_softmax(logits.astype(np.float64) / temperature))
    drawn = sampler.draw(logits, np.random.default_rng(seed))
    assert probabilities[drawn] >= min_p * probabilities.max() * (1 - 1e-9)
    likelier = probabilities[probabilities > probabilities[drawn] * (1 + 1e-9)].sum()
    assert likelier <= top_p + 1e-9
    assert sampler.draw(logits, np.random.default_rng(seed)) == drawn


@given(vectors)
def test_temperature_zero_takes_the_likeliest(logits: Floats) -> None:
    assert Sampler().draw(logits, np.random.default_rng(0)) == int(np.argmax(logits))


def test_frequencies_are_the_probabilities() -> None:
    n = 20_000
    counts = np.bincount(_drawn(Sampler(1.0), LOGITS, n), minlength=5)
    np.testing.assert_allclose(counts / n, np.exp(LOGITS), atol=0.015)


def test_temperature_sharpens_and_flattens() -> None:
    """Negative control of the test above: another temperature gives other frequencies."""
    n = 20_000
    cold = np.bincount(_drawn(Sampler(0.5), LOGITS, n), minlength=5) / n
    squared = np.exp(2 * LOGITS) / np.exp(2 * LOGITS).sum()
    np.testing.assert_allclose(cold, squared, atol=0.015)
    assert abs(cold[1] - 0.4) > 0.1


@pytest.mark.parametrize(
    ("options", "support"),
    [
        ({"top_p": 0.39}, {1}),
        ({"top_p": 0.41}, {1, 2}),
        ({"top_p": 0.69}, {1, 2}),
        ({"top_p": 0.71}, {1, 2, 3}),
        ({"top_p": 1e-9}, {1}),
        ({"min_p": 0.74}, {1, 2}),
        ({"min_p": 0.76}, {1}),
        ({"min_p": 0.2}, {1, 2, 3, 4}),
        ({"min_p": 0.3, "top_p": 0.8}, {1, 2}),
        ({}, {0, 1, 2, 3, 4}),
    ],
)
def test_supports_are_exact(options: dict[str, float], support: set[int]) -> None:
    assert set(_drawn(Sampler(1.0, **options), LOGITS)) == support


@pytest.mark.parametrize("temperature", [1e-45, 1e-38, 1e-8, 1e30, float("inf")])
def test_extreme_temperatures_draw_something_sensible(temperature: float) -> None:
    drawn = set(_drawn(Sampler(temperature), np.array([-80.0, 90.0, 3.0], np.float32), 200))
    assert drawn == ({1} if temperature < 1 else {0, 1, 2})


def test_ties_take_the_first() -> None:
    assert Sampler().draw(np.zeros(5, np.float32), np.random.default_rng(0)) == 0


def test_other_seed_gives_other_draws() -> None:
    assert _drawn(Sampler(1.0), LOGITS, seed=1) == _drawn(Sampler(1.0), LOGITS, seed=1)
    assert _drawn(Sampler(1.0), LOGITS, seed=1) != _drawn(Sampler(1.0), LOGITS, seed=2)


@pytest.mark.parametrize("options", [{"temperature": -1}, {"top_p": 1.1}, {"top_p": 0}, {"min_p": 1}, {"min_p": -0.1}])
def test_values_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="expected temperature >= 0"):
        Sampler(**options)
