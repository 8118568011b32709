"""How evenly a router uses its experts: counts, Gini, entropy, and how few experts carry most of the choices.

Pure functions of arrays. Counts weigh every choice alike, whatever its routing weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.schema import NO_EXPERT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BLOCK = 2**20
"""Choices counted at once: bounds the temporaries of a trace larger than memory."""


def usage_counts(expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.int64]:
    """How often each expert was chosen; `NO_EXPERT` fills a row up and is not counted.

    Shapes: expert_ids [N, L, K], result [L, E].

    Raises:
        OptionError: an id beyond `num_experts`.
    """
    n_tokens, n_layers, top_k = expert_ids.shape
    counts = np.zeros(n_layers * num_experts, np.int64)
    first = (np.arange(n_layers, dtype=np.int64) * num_experts)[:, None]
    step = max(1, _BLOCK // max(1, n_layers * top_k))
    for start in range(0, n_tokens, step):
        block = expert_ids[start : start + step]
        keys = (block + first).ravel()
        if block.size and block.max() >= num_experts:
            keys = keys[block.ravel() != NO_EXPERT]
            _check_ids(block, num_experts)
        counts += np.bincount(keys, minlength=len(counts))
    return counts.reshape(n_layers, num_experts)


def _check_ids(expert_ids: NDArray[np.integer], num_experts: int) -> None:
    most = expert_ids[expert_ids != NO_EXPERT].max(initial=0)
    if most >= num_experts:
        raise OptionError(f"expert {most} was chosen of {num_experts}: give num_experts of the same model")


def gini(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """0: all experts alike; towards 1: one expert does everything; NaN without any choice.

    Shapes: counts [..., E], result [...].
    """
    ordered = np.sort(counts, axis=-1).astype(np.float64)
    num_experts = ordered.shape[-1]
    rank = 2 * np.arange(1, num_experts + 1) - num_experts - 1
    total = ordered.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray((ordered @ rank) / (num_experts * total))


def entropy_bits(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of the choice of an expert; log2(E) when all are alike; NaN without any choice.

    Shapes: counts [..., E], result [...].
    """
    total = counts.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        share = counts / total
    logs = np.log2(share, where=share > 0, out=np.zeros_like(share))
    return np.asarray(np.where(total[..., 0] > 0, -(share * logs).sum(axis=-1), np.nan))


def coverage(counts: NDArray[np.integer], shares: Sequence[float] = (0.5, 0.8, 0.9)) -> NDArray[np.int64]:
    """How many of the busiest experts make up each share of the choices; 0 without any choice.

    Shapes: counts [..., E], result [..., len(shares)].
    """
    ordered = -np.sort(-counts, axis=-1)
    reached = np.cumsum(ordered, axis=-1)
    needed = np.asarray(shares) * reached[..., -1:]  # [..., S]
    short = reached[..., None, :] < needed[..., :, None] - 1e-9 * reached[..., -1:, None]
    return np.asarray(np.where(needed > 0, short.sum(axis=-1) + 1, 0))
