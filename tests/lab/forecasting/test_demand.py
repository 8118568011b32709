"""Hit rates from routing: exact where the trace tells, careful where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.forecasting.demand import Routing, expected_hits, hit_rate, shipped_routing, unseen_hits
from flashmoe_nb.observe.stats_cache import lru_curve, stack_depths

EXPERTS = 32


def routing(tokens: int = 200, seed: int = 0, experts: int = EXPERTS) -> Routing:
    rng, shares = np.random.default_rng(seed), 1 / np.arange(1, experts + 1)
    ids = [[rng.choice(experts, 4, replace=False, p=shares / shares.sum()) for _ in range(3)] for _ in range(tokens)]
    return Routing("made up", np.array(ids), experts)


@pytest.mark.parametrize("capacity", [4, 9, 17, 32])
def test_from_an_empty_cache_it_is_the_lru_curve(capacity: int):
    made = routing()
    found = hit_rate([made], capacity / EXPERTS, 4, tokens=200)
    assert found.mean == pytest.approx(lru_curve(made.expert_ids, EXPERTS)[:, capacity].mean())


def test_once_settled_a_long_trace_hits_as_its_later_part_does():
    made = routing(600)
    settled = lru_curve(made.expert_ids, EXPERTS, warmup=300)[:, 12].mean()
    assert hit_rate([made], 12 / EXPERTS, 4).mean == pytest.approx(settled, abs=0.002)


def test_a_short_trace_does_not_count_first_uses_as_misses_where_all_fit():
    made = routing(24, experts=256)
    assert hit_rate([made], 1.0, 4).mean == pytest.approx(1.0)
    assert hit_rate([made], 1.0, 4, tokens=24).mean < 0.8  # from an empty cache they are


def test_what_a_full_cache_cannot_hold_is_missed():
    """More was used since than fits: no chance. Room for all but one of the rest: nearly sure."""
    depths = stack_depths(np.arange(40).reshape(10, 1, 4), 64)
    none, all_fit = unseen_hits(depths, 3.0, 64), unseen_hits(depths, 64.0, 64)
    assert none[1:].max() == 0
    assert all_fit.min() == 1
    assert unseen_hits(depths, 40.0, 64)[9, 0, 0] == pytest.approx((40 - 36) / (64 - 36))


def test_a_capacity_between_two_is_a_mixture_of_them():
    depths = stack_depths(routing().expert_ids, EXPERTS)
    low, high = (expected_hits(depths, capacity).mean() for capacity in (7.0, 8.0))
    assert expected_hits(depths, 7.25).mean() == pytest.approx(0.75 * low + 0.25 * high)


def test_more_room_hits_more_and_fewer_experts_hit_more():
    rates = [hit_rate([routing()], held, 4).mean for held in (0.1, 0.3, 0.6, 1.0)]
    assert rates == sorted(rates)
    assert hit_rate([routing()], 0.3, 2).mean > hit_rate([routing()], 0.3, 4).mean


def test_the_spread_covers_another_text():
    """Rates of other samples of the same habits, against the interval one of them states."""
    stated = hit_rate([routing(80)], 0.3, 4)
    others = [hit_rate([routing(80, seed)], 0.3, 4).mean for seed in range(1, 21)]
    inside = sum(abs(other - stated.mean) < 1.645 * stated.spread for other in others)
    assert inside >= 16
    assert stated.spread < 0.1


def test_traces_that_differ_make_the_spread_wider():
    flat = Routing("flat", np.random.default_rng(1).integers(0, EXPERTS, (200, 3, 4)), EXPERTS)
    assert hit_rate([routing(), flat], 0.3, 4).spread > 2 * hit_rate([routing()], 0.3, 4).spread


def test_traces_that_do_not_fit_are_refused():
    with pytest.raises(OptionError, match="top_k=8"):
        hit_rate([routing()], 0.3, 8)
    with pytest.raises(OptionError, match="10 decoded tokens"):
        hit_rate([routing(10)], 0.3, 4)


def test_the_shipped_traces_hit_as_other_engines_report():
    """Published for K=4 at 17 % of the experts: 52 to 71 %; LRU of 64 and 128 of 512 about 67 and 81 %."""
    shipped = shipped_routing()
    assert len(shipped) >= 5
    assert 0.5 < hit_rate(shipped, 0.17, 4).mean < 0.8
    assert 0.6 < hit_rate(shipped, 128 / 512, 4).mean < 0.9
