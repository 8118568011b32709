"""Usage against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.stats_usage import coverage, entropy_bits, gini, usage_counts
from tests.observe.choices import choices, made_choices

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12).filter(any).map(np.array)


@given(made=choices())
def test_usage_counts_every_choice(made: tuple[np.ndarray, int]):
    ids, num_experts = made
    expected = [[(ids[:, layer] == e).sum() for e in range(num_experts)] for layer in range(ids.shape[1])]
    assert usage_counts(ids, num_experts).tolist() == np.array(expected).tolist()


def test_usage_counts_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch):
    from flashmoe_nb.observe import stats_usage

    ids = made_choices(100, 3, 16, 4)
    whole = usage_counts(ids, 16)
    monkeypatch.setattr(stats_usage, "_BLOCK", 50)
    np.testing.assert_array_equal(usage_counts(ids, 16), whole)


def test_an_expert_beyond_the_model_is_refused():
    with pytest.raises(OptionError, match="num_experts"):
        usage_counts(np.array([[[7]]]), 7)


@given(counts=COUNTS)
def test_gini_is_half_the_mean_difference_over_the_mean(counts: np.ndarray):
    apart = np.abs(counts[:, None] - counts[None]).mean()
    assert gini(counts) == pytest.approx(apart / (2 * counts.mean()), abs=1e-12)


@given(counts=COUNTS)
def test_entropy_is_that_of_the_shares(counts: np.ndarray):
    shares = [count / counts.sum() for count in counts if count]
    assert entropy_bits(counts) == pytest.approx(-sum(share * np.log2(share) for share in shares), abs=1e-9)


@given(counts=COUNTS, share=st.sampled_from([0.1, 0.5, 0.8, 0.9, 1.0]))
def test_coverage_is_the_fewest_experts_that_reach_the_share(counts: np.ndarray, share: float):
    ordered = sorted(counts.tolist(), reverse=True)
    fewest = next(n for n in range(1, len(ordered) + 1) if sum(ordered[:n]) >= share * sum(ordered) - 1e-6)
    assert coverage(counts, [share]).tolist() == [fewest]


def test_even_and_lonely_use_are_the_two_ends():
    even, lonely = np.full(8, 5), np.eye(8, dtype=int)[3]
    assert (gini(even), entropy_bits(even), coverage(even, [0.5])[0]) == (0, 3, 4)
    assert (gini(lonely), entropy_bits(lonely), coverage(lonely, [0.5])[0]) == (7 / 8, 0, 1)


def test_no_choice_at_all_is_unknown_not_even():
    assert np.isnan(gini(np.zeros(4, int)))
    assert np.isnan(entropy_bits(np.zeros(4, int)))
    assert coverage(np.zeros(4, int)).tolist() == [0, 0, 0]
