"""Effects and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.rerun.effect import Effect, Verdict, effect, t95


def test_twice_as_fast_is_a_gain_of_one():
    found = effect([10, 20, 30], [5, 10, 15])
    assert (found.gain, found.low, found.high) == pytest.approx((1, 1, 1))
    assert found.verdict is Verdict.FASTER
    assert effect([5, 10], [10, 20]).verdict is Verdict.SLOWER


def test_pairs_cancel_what_falls_on_both():
    """The machine slows down threefold half way; both ways suffer alike."""
    base = [10, 11, 30, 33, 10]
    assert effect(base, [time * 0.9 for time in base]).verdict is Verdict.FASTER
    assert effect(base, [27, 9, 9.9, 29.7, 9]).verdict is Verdict.UNCLEAR


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        base = rng.lognormal(0, 0.1, 5)
        found = effect(base, base / 1.2 * rng.lognormal(0, 0.05, 5))
        inside += found.low <= 0.2 <= found.high
    assert 0.93 <= inside / 2000 <= 0.97


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.5, Verdict.FASTER), (-0.5, -0.01, Verdict.SLOWER), (-0.05, 0.05, Verdict.NO_DIFFERENCE),
     (-0.3, 0.05, Verdict.UNCLEAR)],
)  # fmt: skip
def test_a_verdict_follows_the_interval(low: float, high: float, verdict: Verdict):
    assert Effect((low + high) / 2, low, high).verdict is verdict


def test_no_interval_comes_from_one_pair():
    with pytest.raises(OptionError, match="2 or more"):
        effect([1], [1])
    with pytest.raises(OptionError, match="3 and 2"):
        effect([1, 2, 3], [1, 2])


def test_what_is_beyond_measure_is_not_printed_to_the_digit():
    assert str(Effect(0.1, -0.05, 400.0)) == "+10.0% [-5.0%, > +1000%]"


def test_t_falls_towards_the_normal():
    assert t95(4) == 2.776
    assert math.isclose(t95(100), 2.0)
