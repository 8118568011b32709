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
    rows = np.arange(total.size, dtype=np.int64).reshape(*total.shape, 1)
    chosen = rows * logits.shape[-1] + expert_ids  # places in the flat arrays: a third of take_along_axis
    kept = weights.reshape(-1)[chosen].sum(axis=-1) / total
    flat = shifted.reshape(-1)
    last = flat[chosen].min(axis=-1)
    flat[chosen] = -np.inf  # only those left out remain
    margin = last - shifted.max(axis=-1)
    return RouterSummary(entropy.astype(np.float32), kept.astype(np.float32), margin.astype(np.float32))
