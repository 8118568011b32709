"""What a missing byte costs, told apart from what a read costs anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.lab.forecasting.misses import slope, slope_error, waves_of
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from pathlib import Path


def _waves(per_byte: float, noise: float, count: int = 80) -> list[tuple[float, float]]:
    rng = np.random.default_rng(0)
    missing = rng.integers(0, 5, count) * 1e6
    return [(byte, 500_000 + per_byte * byte + noise * rng.standard_normal()) for byte in missing.tolist()]


def test_the_slope_is_what_a_byte_adds():
    warm = [(0.0, 500_000.0)] * 8
    assert slope(warm, _waves(1.5, 0)) == pytest.approx(1.5)
    assert slope(warm, _waves(1.5, 20_000)) == pytest.approx(1.5, rel=0.02)
    assert slope(warm, [(0.0, 600_000.0)]) == 0  # nothing missing, nothing learnt
    assert slope([(0.0, 9e6)], _waves(1.5, 0)) == 0  # a disturbed warm run: never less than nothing


def test_the_error_of_the_slope_follows_the_noise():
    warm = [(0.0, 500_000.0)] * 8
    assert slope_error(warm, _waves(1.5, 0)) == pytest.approx(0, abs=1e-9)
    assert slope_error(warm, _waves(1.5, 1e5)) < slope_error(warm, _waves(1.5, 4e6)) < 2


def test_a_wave_is_the_reads_of_one_layer_of_one_token(tmp_path: Path):
    synthesize("tiny", tmp_path / "tiny", dtype="float32", progress=False)
    with fm.open(tmp_path / "tiny", top_k=3, ops="cpu") as engine:
        session = engine.session()
        engine.warm()
        with fm.record(session, measure_residency=True) as trace:
            for token in (1, 2, 3):
                session.feed([token])
            found = waves_of(trace[:])
    assert len(found) == 3 * 4
    assert all(missing == 0 and spent > 0 for missing, spent in found)
