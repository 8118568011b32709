"""Predictor laboratory: how well the experts of a token can be told before its router has spoken.

A read can only be started early for experts that are predicted, and a layer waits for its slowest read: so beside the
share of experts foretold stands the share of tokens for which all K were. Pure functions of arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.stats_locality import shared_experts
from flashmoe_nb.observe.stats_usage import usage_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Prediction(NamedTuple):
    """Shapes: each [L], or [L - 1] where the first layer cannot be predicted."""

    recall: NDArray[np.float64]
    """Share of the chosen experts that were predicted."""
    all_k: NDArray[np.float64]
    """Share of tokens whose K experts were all predicted."""


def score(predicted: NDArray[np.integer], chosen: NDArray[np.integer]) -> Prediction:
    """Compare. Shapes: predicted [N, L, J], distinct experts each; chosen [N, L, K]."""
    shared, top_k = shared_experts(chosen, predicted), chosen.shape[-1]
    return Prediction(shared.mean(axis=0) / top_k, (shared == top_k).mean(axis=0))


def previous_token(expert_ids: NDArray[np.integer]) -> Prediction:
    """Guess what the token before chose in the same layer. Shapes: expert_ids [N, L, K], N > 1."""
    return score(expert_ids[:-1], expert_ids[1:])


def busiest(expert_ids: NDArray[np.integer], num_experts: int, *, n_guesses: int, train: int) -> Prediction:
    """Guess the experts chosen most in the first `train` tokens, for all tokens after them.

    Shapes: expert_ids [N, L, K], N > train.
    """
    counts = usage_counts(expert_ids[:train], num_experts)
    guess = np.argsort(-counts, axis=-1, kind="stable")[:, :n_guesses]
    rest = expert_ids[train:]
    return score(np.broadcast_to(guess, (len(rest), *guess.shape)), rest)


def next_layer_router(
    router_inputs: NDArray[np.floating],
    routers: NDArray[np.floating],
    expert_ids: NDArray[np.integer],
    *,
    ahead: int = 1,
    n_guesses: int | None = None,
) -> Prediction:
    """Guess with the router of `ahead` layers on from what this layer's router is shown.

    `ahead=0` is the control: each router on its own input must foretell everything.

    Shapes: router_inputs [N, L, D]; routers [L, E, D]; expert_ids [N, L, K]; result [L - ahead].

    Args:
        router_inputs: values of the stage `post_norm`.
        routers: weights, dequantized.
        expert_ids: what was chosen.
        ahead: layers between the input and the router.
        n_guesses: experts guessed for each token; K when left out.

    Raises:
        OptionError: arrays that do not belong together.
    """
    _check_predictor(router_inputs, routers, expert_ids, ahead)
    top_k = expert_ids.shape[-1] if n_guesses is None else n_guesses
    layers = expert_ids.shape[1] - ahead
    parts = []
    for layer in range(layers):
        logits = router_inputs[:, layer] @ routers[layer + ahead].T  # [N, E]
        guess = np.argpartition(-logits, top_k - 1, axis=-1)[:, :top_k]
        parts.append(score(guess[:, None], expert_ids[:, layer + ahead, None]))
    return Prediction(np.concatenate([part.recall for part in parts]), np.concatenate([part.all_k for part in parts]))


def chance_all_k(recall: NDArray[np.floating], top_k: int) -> NDArray[np.float64]:
    """Share of tokens with all K foretold, were each foretold independently: why 25 % recall helps nobody at K=4."""
    return np.asarray(recall, np.float64) ** top_k


def _check_predictor(
    inputs: NDArray[np.floating], routers: NDArray[np.floating], expert_ids: NDArray[np.integer], ahead: int
) -> None:
    found = inputs.shape, routers.shape, expert_ids.shape
    fits = inputs.shape[:2] == expert_ids.shape[:2] and routers.shape[::2] == inputs.shape[1:]
    if not fits:
        msg = f"router_inputs, routers and expert_ids have shapes {found}: expected [N, L, D], [L, E, D] and [N, L, K]"
        raise OptionError(msg + " with the same N, L and D")
    if not 0 <= ahead < expert_ids.shape[1]:
        raise OptionError(f"ahead is {ahead}: give 0 to {expert_ids.shape[1] - 1} (layers less one)")
