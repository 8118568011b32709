"""Locality against counting by hand, and against choices that have none."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.schema import NO_EXPERT
from flashmoe_nb.observe.stats_cache import belady_rates, lru_curve
from flashmoe_nb.observe.stats_locality import (
    FIRST_USE,
    coactivation,
    coactivation_lift,
    information_bits,
    layer_information,
    layer_overlap,
    reuse_distance,
    token_overlap,
)
from flashmoe_nb.observe.stats_predict import previous_token
from tests.observe.choices import choices, made_choices, sticky_choices


@given(made=choices())
def test_token_overlap_is_the_share_of_experts_in_common(made: tuple[np.ndarray, int]):
    ids, _ = made
    for layer, found in enumerate(token_overlap(ids, shuffles=1).measured):
        shares = [len(set(a) & set(b)) / len(a) for a, b in zip(ids[1:, layer], ids[:-1, layer], strict=True)]
        assert found == pytest.approx(np.mean(shares))


def test_sticky_choices_overlap_more_than_shuffled_and_random_ones_do_not():
    sticky = token_overlap(sticky_choices(500, 3, 64, 4))
    assert (sticky.measured > sticky.shuffled + 0.3).all()
    busy = token_overlap(made_choices(4000, 3, 64, 4, skew=2.0))
    assert (busy.measured > 3 * 4 / 64).all()  # well above chance, yet only because some experts are busy
    np.testing.assert_allclose(busy.measured, busy.shuffled, atol=0.02)


@given(made=choices())
def test_reuse_distance_is_found_by_looking_back(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    found = reuse_distance(ids, num_experts)
    for token, layer, rank in np.ndindex(ids.shape):
        back = (token - n for n in range(token - 1, -1, -1) if ids[token, layer, rank] in ids[n, layer])
        assert found[token, layer, rank] == next(back, FIRST_USE)


@given(made=choices())
def test_layer_overlap_counts_numbers_in_common(made: tuple[np.ndarray, int]):
    ids, _ = made
    expected = [
        np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(ids[:, n], ids[:, n + 1], strict=True)])
        for n in range(ids.shape[1] - 1)
    ]
    np.testing.assert_allclose(layer_overlap(ids), expected)


@given(made=choices())
def test_coactivation_counts_pairs(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    layer = ids[:, 0]
    pairs = Counter(pair for token in layer.tolist() for pair in combinations(sorted(token), 2))
    found = coactivation(layer, num_experts)
    for a, b in combinations(range(num_experts), 2):
        assert found[a, b] == found[b, a] == pairs[a, b]
    assert np.diagonal(found).tolist() == [int((layer == expert).sum()) for expert in range(num_experts)]


def test_lift_finds_the_pair_that_goes_together_and_nothing_in_random_choices():
    rng = np.random.default_rng(1)
    rest = np.argsort(rng.random((6000, 14)), axis=1) + 2
    pair = np.where(rng.random((6000, 1)) < 0.3, [[0, 1]], rest[:, :2])
    lift = coactivation_lift(np.concatenate([pair, rest[:, 2:4]], axis=1), 16)
    assert lift[0, 1] == np.nanmax(lift)
    assert lift[0, 1] > 3
    even = coactivation_lift(np.argsort(rng.random((20_000, 16)), axis=1)[:, :4], 16)
    np.testing.assert_allclose(even[~np.eye(16, dtype=bool)], 1, atol=0.1)
    assert np.isnan(np.diagonal(even)).all()


@given(made=choices())
def test_layer_information_is_that_of_a_table_of_pairs(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    found = layer_information(ids, num_experts).measured
    for layer in range(ids.shape[1] - 1):
        table = np.zeros((num_experts, num_experts))
        for token in ids:
            for a in token[layer]:
                for b in token[layer + 1]:
                    table[a, b] += 1
        p = table / table.sum()
        bits = sum(p[a, b] * np.log2(p[a, b] / (p[a].sum() * p[:, b].sum())) for a, b in np.argwhere(p > 0))
        assert found[layer] == pytest.approx(bits, abs=1e-9)


def test_layer_information_stands_out_from_its_control_only_where_layers_agree():
    alone = made_choices(3000, 2, 16, 1, skew=0.0)
    tied = alone.copy()
    tied[:, 1] = (tied[:, 0] * 5 + 3) % 16
    found = layer_information(tied, 16)
    assert found.measured[0] == pytest.approx(4, abs=0.05)
    assert found.shuffled[0] < 0.2
    apart = layer_information(alone, 16)
    assert apart.measured[0] == pytest.approx(apart.shuffled[0], abs=0.03)


def test_information_is_the_whole_label_or_nothing():
    assert information_bits(np.eye(8)) == pytest.approx(3)
    assert information_bits(np.ones((8, 8))) == pytest.approx(0)
    assert information_bits(np.zeros((3, 3))) == 0


@pytest.mark.parametrize(
    "measure",
    [
        token_overlap,
        layer_overlap,
        previous_token,
        lambda ids: reuse_distance(ids, 8),
        lambda ids: layer_information(ids, 8),
        lambda ids: coactivation(ids[:, 0], 8),
        lambda ids: lru_curve(ids, 8),
        lambda ids: belady_rates(ids, 8, [4]),
    ],
)
def test_tokens_that_chose_fewer_experts_are_refused(measure: Callable[[np.ndarray], object]):
    ids = made_choices(6, 2, 8, 3)
    measure(ids)
    ids[4, 0, 2] = NO_EXPERT
    with pytest.raises(OptionError, match=r"token (3|4) chose fewer than 3 experts"):  # 3: seen from the token before
        measure(ids)


@pytest.mark.parametrize("lag", [0, 6])
def test_a_lag_without_pairs_is_refused(lag: int):
    with pytest.raises(OptionError, match=f"lag is {lag} in 6 tokens"):
        token_overlap(made_choices(6, 2, 8, 3), lag=lag)
