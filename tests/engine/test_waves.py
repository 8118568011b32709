"""Waves: every (token, column) pair goes through its own expert exactly once, whatever the slot count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from flashmoe_nb.model.waves import plan_waves

Ids = NDArray[np.int64]


@st.composite
def _routings(draw: st.DrawFn) -> tuple[Ids, int, int]:
    """Expert ids [T, K], distinct in a row, and a slot count of K or more."""
    num_experts = draw(st.integers(1, 24))
    top_k = draw(st.integers(1, num_experts))
    n_tokens = draw(st.integers(1, 20))
    rows = [draw(st.permutations(range(num_experts)))[:top_k] for _ in range(n_tokens)]
    return np.array(rows), draw(st.integers(top_k, num_experts)), num_experts


@given(_routings())
def test_waves_cover_each_pair_exactly_once(case: tuple[Ids, int, int]) -> None:
    ids, n_slots, _ = case
    waves = plan_waves(ids, n_slots)
    seen = np.zeros(ids.shape, int)
    for wave in waves:
        assert 1 <= len(wave.experts) <= n_slots
        seen[wave.tokens, wave.ranks] += 1
        np.testing.assert_array_equal(ids[wave.tokens, wave.ranks], np.array(wave.experts)[wave.positions])
    assert (seen == 1).all()
    read = [expert for wave in waves for expert in wave.experts]
    assert read == sorted(set(ids.ravel().tolist()))  # each expert once, ascending


@given(_routings())
def test_plan_sums_up_what_dense_arithmetic_does(case: tuple[Ids, int, int]) -> None:
    """The sum over waves and slots, as `run_experts` walks the plan, is the sum over each token's own experts."""
    ids, n_slots, num_experts = case
    rng = np.random.default_rng(ids.size)
    value_of = rng.normal(size=num_experts)
    weights = rng.normal(size=ids.shape)
    total = np.zeros(len(ids))
    for wave in plan_waves(ids, n_slots):
        slots = rng.permutation(n_slots)[: len(wave.experts)]
        bank = np.full(n_slots, np.nan)
        bank[slots] = value_of[list(wave.experts)]
        plan = wave.plan(slots.tolist())
        assert (np.diff(plan.slots.astype(int)) >= 0).all()  # gather_qmm is told that they are sorted
        y = np.append(bank[plan.slots] * weights[plan.tokens, plan.ranks], 0.0)
        total += y[plan.gather].sum(axis=1)
    np.testing.assert_allclose(total, (value_of[ids] * weights).sum(axis=1), atol=1e-9)


@given(_routings())
def test_gather_holds_each_pair_of_a_token_once(case: tuple[Ids, int, int]) -> None:
    ids, n_slots, _ = case
    for wave in plan_waves(ids, n_slots):
        plan = wave.plan(range(len(wave.experts)))
        n_pairs = len(plan.tokens)
        real = plan.gather[plan.gather < n_pairs]
        assert sorted(real.tolist()) == list(range(n_pairs))
        for token, row in enumerate(plan.gather):
            assert (plan.tokens[row[row < n_pairs]] == token).all()


def test_lost_pair_would_be_seen() -> None:
    """Negative control: leaving one wave out changes the sum."""
    ids = np.array([[0, 1], [2, 3], [1, 3]])
    waves = plan_waves(ids, 2)
    assert len(waves) == 2
    total = np.zeros(3)
    for wave in waves[:-1]:
        plan = wave.plan([0, 1])
        total += np.append(np.ones(len(plan.tokens)), 0.0)[plan.gather].sum(axis=1)
    assert total.tolist() == [2, 0, 1]


@pytest.mark.parametrize(("n_slots", "n_waves"), [(1, 8), (3, 3), (8, 1), (100, 1)])
def test_wave_count_is_experts_over_slots(n_slots: int, n_waves: int) -> None:
    assert len(plan_waves(np.arange(8)[:, None], n_slots)) == n_waves


def test_token_that_names_an_expert_twice_reads_it_once() -> None:
    """A patched router may; both pairs go through the one slot."""
    (wave,) = plan_waves(np.array([[3, 1, 3]]), 4)
    assert wave.experts == (1, 3)
    plan = wave.plan([2, 0])
    assert plan.slots.tolist() == [0, 0, 2]
    assert sorted(plan.ranks.tolist()) == [0, 1, 2]
    assert plan.ranks[-1] == 1
    assert plan.gather.tolist() == [[0, 1, 2]]
