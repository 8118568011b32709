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
    """Logit of the last chosen less that of the best left out, rank K less rank K+1: 0 is a tie, below 0 a choice made
    by hand; infinite when every expert is chosen."""


def router_summary(logits: NDArray[np.float32], expert_ids: NDArray[np.integer]) -> RouterSummary:
    """Summarise choices.

    Shapes: logits [..., E], expert_ids [..., K].
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=-1)
    entropy = np.log(total) - np.einsum("...e,...e->...", weights, shifted) / total
    chosen = expert_ids.astype(np.int64)
    kept = np.take_along_axis(weights, chosen, axis=-1).sum(axis=-1) / total
    left = shifted.copy()
    np.put_along_axis(left, chosen, -np.inf, axis=-1)
    margin = np.take_along_axis(shifted, chosen, axis=-1).min(axis=-1) - left.max(axis=-1)
    return RouterSummary(entropy.astype(np.float32), kept.astype(np.float32), margin.astype(np.float32))
