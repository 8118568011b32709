"""Predictors against counting by hand, with the control that must foretell everything."""

import numpy as np
import pytest
from hypothesis import given

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.stats_predict import busiest, chance_all_k, next_layer_router, previous_token, score
from tests.observe.choices import choices, made_choices


@given(made=choices())
def test_previous_token_is_scored_by_sets(made: tuple[np.ndarray, int]):
    ids, _ = made
    found = previous_token(ids)
    for layer in range(ids.shape[1]):
        shared = [len(set(a) & set(b)) for a, b in zip(ids[:-1, layer], ids[1:, layer], strict=True)]
        assert found.recall[layer] == pytest.approx(np.mean(shared) / ids.shape[-1])
        assert found.all_k[layer] == pytest.approx(np.mean([n == ids.shape[-1] for n in shared]))


def routed(inputs: np.ndarray, routers: np.ndarray, top_k: int) -> np.ndarray:
    """Ids by the routers themselves. Shapes: inputs [N, L, D], routers [L, E, D]."""
    return np.argsort(-np.einsum("nld,led->nle", inputs, routers), axis=-1)[..., :top_k]


def test_a_router_on_its_own_input_foretells_everything_and_a_fresh_one_nothing():
    rng = np.random.default_rng(0)
    routers = rng.normal(size=(4, 32, 16))
    drift = np.cumsum(0.3 * rng.normal(size=(200, 4, 16)), axis=1) + rng.normal(size=(200, 1, 16))
    ids = routed(drift, routers, 4)
    control = next_layer_router(drift, routers, ids, ahead=0)
    assert control.recall.tolist() == control.all_k.tolist() == [1, 1, 1, 1]
    ahead = next_layer_router(drift, routers, ids)
    assert ((ahead.recall > 0.5) & (ahead.recall < 1)).all()
    assert len(ahead.recall) == 3
    fresh = next_layer_router(drift, rng.normal(size=routers.shape), ids)
    np.testing.assert_allclose(fresh.recall, 4 / 32, atol=0.05)
    further = next_layer_router(drift, routers, ids, ahead=2)
    assert (further.recall < ahead.recall[1:]).all()


def test_more_guesses_foretell_more():
    rng = np.random.default_rng(0)
    inputs, routers = rng.normal(size=(100, 3, 8)), rng.normal(size=(3, 16, 8))
    ids = routed(inputs, routers, 2)
    few, many, all_of_them = (next_layer_router(inputs, routers, ids, n_guesses=n).recall for n in (2, 8, 16))
    assert (few < many).all()
    assert (all_of_them == 1).all()


def test_busiest_learns_from_the_first_part_alone():
    ids = np.array([[[0, 1]], [[0, 2]], [[5, 6]], [[0, 6]]])
    found = busiest(ids, 8, n_guesses=2, train=2)  # guesses 0 and 1
    assert (found.recall.tolist(), found.all_k.tolist()) == ([0.25], [0.0])


def test_all_of_a_token_are_seldom_foretold_together():
    ids = made_choices(3000, 2, 32, 4, skew=0.0)
    found = score(ids[:-1], ids[1:])
    assert (found.all_k < 0.01).all()
    assert chance_all_k(np.array([0.25]), 4)[0] == pytest.approx(0.0039, abs=1e-4)


def test_arrays_of_different_runs_are_refused():
    rng = np.random.default_rng(0)
    inputs, routers, ids = rng.normal(size=(5, 3, 8)), rng.normal(size=(3, 16, 8)), made_choices(5, 3, 16, 2)
    with pytest.raises(OptionError, match=r"\(4, 3, 8\)"):
        next_layer_router(inputs[:4], routers, ids)
    with pytest.raises(OptionError, match="ahead is 3"):
        next_layer_router(inputs, routers, ids, ahead=3)
