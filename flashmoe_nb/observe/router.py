"""What a router's logits say about its choice: how sure it was, what it kept, how narrowly. Pure numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RouterSummary(NamedTuple):
    """Shapes: each [...], the axes of the logits without the last."""

    entropy: NDArray[np.float32]
    """Nats, of the softmax over all experts."""
    kept_mass: NDArray[np.float32]
    """Share of that softmax that the chosen experts hold."""
    margin: NDArray[np.float32]
    """Logit of rank K less that of rank K+1: 0 is a tie; infinite when every expert is chosen."""


def router_summary(logits: NDArray[np.float32], expert_ids: NDArray[np.integer]) -> RouterSummary:
    """Summarise choices.

    Shapes: logits [..., E], expert_ids [..., K].
    """
    num_experts, top_k = logits.shape[-1], expert_ids.shape[-1]
    shifted = logits - logits.max(axis=-1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=-1)
    entropy = np.log(total) - np.einsum("...e,...e->...", weights, shifted) / total
    kept = np.take_along_axis(weights, expert_ids.astype(np.int64), axis=-1).sum(axis=-1) / total
    if top_k == num_experts:
        margin = np.full(total.shape, np.inf, np.float32)
    else:
        ranked = np.partition(logits, (num_experts - top_k - 1, num_experts - top_k), axis=-1)
        margin = ranked[..., num_experts - top_k] - ranked[..., num_experts - top_k - 1]
    return RouterSummary(entropy.astype(np.float32), kept.astype(np.float32), margin.astype(np.float32))
