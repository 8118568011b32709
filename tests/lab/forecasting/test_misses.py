"""What a missing byte costs, told apart from what a read costs anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.lab.forecasting.misses import curve, curve_error, settled_waves, waves_of
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from pathlib import Path


ADDED = (0.0, 4e6, 6e6, 7e6, 8e6)
"""Concave: reads that miss together are read beside each other."""
WARM = [(0.0, 1e6)] * 8


def _waves(noise: float, counts: tuple[int, ...] = (0, 1, 2, 3, 4), count: int = 200) -> list[tuple[float, float]]:
    rng = np.random.default_rng(0)
    missing = rng.choice(counts, count)
    return [(float(n), 1e6 + ADDED[n] + noise * rng.standard_normal()) for n in missing]


def test_the_curve_is_what_misses_add():
    assert curve(WARM, _waves(0), 4) == pytest.approx(ADDED)
    assert curve(WARM, _waves(5e5), 4) == pytest.approx(ADDED, rel=0.05, abs=1e5)


def test_counts_nobody_saw_lie_between_and_beyond_those_seen():
    found = curve(WARM, _waves(0, (1, 3)), 4)
    assert found[2] == pytest.approx((ADDED[1] + ADDED[3]) / 2)
    assert found[3] < found[4] < 2 * found[3]
    assert curve(WARM, [(0.0, 9e6)] * 9, 4) == (0,) * 5


def test_more_misses_never_cost_less():
    found = curve([(0.0, 6e6)], [(1.0, 9e6), (1.0, 9e6), (2.0, 7e6), (2.0, 7e6)], 2)
    assert found == (0, 3e6, 3e6)
    assert curve([(0.0, 9e6)], [(1.0, 1e6)] * 3, 1) == (0, 0)  # a disturbed warm run


def test_the_error_of_the_curve_follows_the_noise():
    errors = [curve_error(WARM, _waves(noise), ADDED) for noise in (0, 1e5, 4e6)]
    assert errors[0] == pytest.approx(0, abs=1e-9)
    assert errors[0] < errors[1] < errors[2] < 1


def test_a_wave_is_the_reads_of_one_layer_of_one_token(tmp_path: Path):
    synthesize("tiny", tmp_path / "tiny", dtype="float32", progress=False)
    with fm.open(tmp_path / "tiny", top_k=3, ops="cpu") as engine:
        session = engine.session()
        engine.warm()
        with fm.record(session, measure_residency=True) as trace:
            for token in (1, 2, 3, 4):
                session.feed([token])
            found, settled = waves_of(trace[:]), settled_waves(trace[:])
    assert len(found) == 4 * 4
    assert settled == found[2 * 4 :]  # half of the tokens, not of some number of waves
    assert all(missing == 0 and spent > 0 for missing, spent in found)
