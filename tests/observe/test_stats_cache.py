"""Hit rates against caches that are simulated one access after the other, and against the best there can be."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.stats_cache import (
    belady_rates,
    fifo_rates,
    lfu_rates,
    lru_curve,
    lru_rates,
    next_use,
    stack_depths,
    static_curve,
)
from tests.observe.choices import choices, made_choices, sticky_choices

Leaver = Callable[[set[int], list[list[int]], int, list[int]], int]
"""(who may leave, all tokens, the one at hand, order of arrival) -> who leaves."""


def played(tokens: list[list[int]], capacity: int, leaver: Leaver, warmup: int = 0) -> int:
    """Hits of one layer, one token after the other."""
    held: list[int] = []  # in order of arrival
    hits = 0
    for at, chosen in enumerate(tokens):
        hits += sum(expert in held for expert in chosen) if at >= warmup else 0
        held += [expert for expert in chosen if expert not in held]
        while len(held) > capacity:
            held.remove(leaver(set(held) - set(chosen), tokens, at, held))
    return hits


def last_use(tokens: list[list[int]], at: int, expert: int) -> tuple[int, int]:
    used = max(n for n in range(at + 1) if expert in tokens[n])
    return used, -tokens[used].index(expert)


def least_recent(may: set[int], tokens: list[list[int]], at: int, held: list[int]) -> int:
    return min(may, key=lambda expert: last_use(tokens, at, expert))


def first_in(may: set[int], tokens: list[list[int]], at: int, held: list[int]) -> int:
    return next(expert for expert in held if expert in may)


def least_frequent(may: set[int], tokens: list[list[int]], at: int, held: list[int]) -> int:
    return min(may, key=lambda e: (sum(e in token for token in tokens[: at + 1]), last_use(tokens, at, e)))


def wanted_last(may: set[int], tokens: list[list[int]], at: int, held: list[int]) -> int:
    def when(expert: int) -> int:
        return next((n for n in range(at + 1, len(tokens)) if expert in tokens[n]), len(tokens))

    return max(may, key=lambda expert: (when(expert), expert))


def best_possible(tokens: list[list[int]], capacity: int) -> int:
    """Most hits of any policy, by trying every set that could be kept."""
    from itertools import combinations

    @cache
    def most(at: int, held: frozenset[int]) -> int:
        if at == len(tokens):
            return 0
        chosen = frozenset(tokens[at])
        rest = (held | chosen) - chosen
        room = min(capacity - len(chosen), len(rest))
        kept = (frozenset(some) | chosen for some in combinations(sorted(rest), room))
        return len(held & chosen) + max(most(at + 1, some) for some in kept)

    return most(0, frozenset())


@pytest.mark.parametrize(
    ("rates", "leaver"),
    [
        (lru_rates, least_recent),
        (fifo_rates, first_in),
        (lfu_rates, least_frequent),
        (belady_rates, wanted_last),
    ],
)
@given(made=choices(), warmup=st.integers(0, 1))
def test_hit_rates_are_those_of_a_cache_played_access_by_access(
    rates: Callable[..., np.ndarray], leaver: Leaver, made: tuple[np.ndarray, int], warmup: int
):
    ids, num_experts = made
    capacities = list(range(ids.shape[-1], num_experts + 1))
    expected = [
        [played(ids[:, layer].tolist(), capacity, leaver, warmup) for layer in range(ids.shape[1])]
        for capacity in capacities
    ]
    found = rates(ids, num_experts, capacities, warmup=warmup)
    np.testing.assert_allclose(found * ids[warmup:, 0].size, expected, atol=1e-9)


@given(made=choices(most_tokens=7))
def test_belady_is_the_best_any_policy_can_do(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    capacities = list(range(ids.shape[-1], num_experts + 1))
    expected = [
        [best_possible(ids[:, layer].tolist(), capacity) for layer in range(ids.shape[1])] for capacity in capacities
    ]
    np.testing.assert_allclose(belady_rates(ids, num_experts, capacities) * ids[:, 0].size, expected, atol=1e-9)


@given(made=choices())
def test_belady_is_never_below_the_others(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    capacities = list(range(ids.shape[-1], num_experts + 1))
    best = belady_rates(ids, num_experts, capacities)
    for rates in (lru_rates, fifo_rates, lfu_rates):
        assert (best >= rates(ids, num_experts, capacities) - 1e-12).all()


def test_lru_falls_short_of_belady_where_choices_go_round():
    ids = np.array([[[n % 3]] for n in range(30)])
    assert lru_rates(ids, 3, [2])[0, 0] == 0
    assert belady_rates(ids, 3, [2])[0, 0] > 0.4


@given(made=choices())
def test_the_lru_curve_rises_and_ends_at_all_but_first_uses(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    curve = lru_curve(ids, num_experts)
    assert (np.diff(curve, axis=1) >= 0).all()
    assert (curve[:, 0] == 0).all()
    firsts = [len(np.unique(ids[:, layer])) for layer in range(ids.shape[1])]
    np.testing.assert_allclose((1 - curve[:, -1]) * ids[:, 0].size, firsts)


def test_warm_up_tells_the_steady_rate_from_the_lifetime_rate():
    ids = sticky_choices(400, 2, 64, 4)
    assert (lru_curve(ids, 64, warmup=200)[:, 64] > lru_curve(ids, 64)[:, 64]).all()


@given(made=choices())
def test_next_use_is_found_by_looking_ahead(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    found = next_use(ids, num_experts)
    for token, layer, rank in np.ndindex(ids.shape):
        ahead = (n for n in range(token + 1, len(ids)) if ids[token, layer, rank] in ids[n, layer])
        assert found[token, layer, rank] == next(ahead, len(ids))


@given(made=choices())
def test_the_static_curve_counts_the_busiest_of_the_training_part(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    train, test = ids[: len(ids) // 2], ids[len(ids) // 2 :]
    curve = static_curve(train, test, num_experts)
    for layer in range(ids.shape[1]):
        uses = [int((train[:, layer] == expert).sum()) for expert in range(num_experts)]
        order = sorted(range(num_experts), key=lambda expert: -uses[expert])
        for capacity in range(num_experts + 1):
            hits = np.isin(test[:, layer], order[:capacity]).sum()
            assert curve[layer, capacity] * test[:, 0].size == pytest.approx(hits)


def test_a_first_use_has_no_depth():
    assert stack_depths(np.array([[[2, 0]], [[0, 1]], [[2, 0]]]), 3).tolist() == [[[-1, -1]], [[1, -1]], [[2, 0]]]


@pytest.mark.parametrize("capacity", [1, 9])
def test_capacities_that_cannot_be_are_refused(capacity: int):
    with pytest.raises(OptionError, match=f"capacity {capacity} is outside 2"):
        belady_rates(made_choices(5, 1, 8, 2), 8, [4, capacity])
