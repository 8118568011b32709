import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.observe.prediction import drawn_from
from flashmoe_nb.observe.router import router_summary


@given(st.integers(0, 2**32), st.integers(2, 40), st.data())
def test_router_summary_is_that_of_one_row_after_the_other(seed: int, num_experts: int, data: st.DataObject):
    top_k = data.draw(st.integers(1, num_experts))
    logits = np.random.default_rng(seed).normal(size=(2, 3, num_experts)).astype(np.float32) * 4
    ids = np.argsort(-logits, axis=-1)[..., :top_k]
    found = router_summary(logits, ids)
    for at in np.ndindex(2, 3):
        p = np.exp(logits[at].astype(float))
        p /= p.sum()
        ranked = np.sort(logits[at])[::-1]
        assert found.entropy[at] == pytest.approx(-(p * np.log(p)).sum(), rel=1e-3, abs=1e-5)
        assert found.kept_mass[at] == pytest.approx(p[ids[at]].sum(), rel=1e-4)
        if top_k == num_experts:
            assert found.margin[at] == np.inf
        else:
            assert found.margin[at] == pytest.approx(ranked[top_k - 1] - ranked[top_k], rel=1e-4, abs=1e-5)


def test_kept_mass_follows_a_choice_made_by_hand():
    logits = np.array([[3.0, 2.0, 1.0, 0.0]], np.float32)
    best, worst = (router_summary(logits, np.array([ids])) for ids in ((0, 1), (2, 3)))
    assert best.kept_mass[0] + worst.kept_mass[0] == pytest.approx(1)
    assert best.kept_mass[0] > worst.kept_mass[0]
    assert (best.margin[0], worst.margin[0]) == (1, -3)


def test_margins_of_a_tie_and_entropy_of_an_even_router():
    summary = router_summary(np.zeros((1, 8), np.float32), np.array([[0, 1]]))
    assert summary.margin[0] == 0
    assert summary.entropy[0] == pytest.approx(np.log(8))


@pytest.mark.parametrize("vocabulary", [3, 5, 511, 512, 513, 5000])
def test_likeliest_tokens_are_those_of_a_full_sort(vocabulary: int):
    many = np.random.default_rng(0).normal(size=(20, vocabulary)).astype(np.float32) * 5
    tokens = np.random.default_rng(1).integers(0, vocabulary, 20).tolist()
    drawn = drawn_from(many, tokens)
    for row, (logits, token) in enumerate(zip(many, tokens, strict=True)):
        p = np.exp(logits.astype(float) - logits.max())
        p /= p.sum()
        order = np.argsort(-p)[:5]
        assert drawn.ids[row, : len(order)].tolist() == order.tolist()
        np.testing.assert_allclose(drawn.logprobs[row, : len(order)], np.log(p[order]), rtol=1e-4, atol=1e-5)
        assert drawn.rank[row] == (p > p[token]).sum()
        assert drawn.logprob[row] == pytest.approx(np.log(p[token]), rel=1e-4, abs=1e-5)
        assert drawn.entropy[row] == pytest.approx(-(p * np.log(p)).sum(), rel=1e-3)
        assert (drawn.ids[row, len(order) :] == -1).all()
        assert np.isnan(drawn.logprobs[row, len(order) :]).all()
