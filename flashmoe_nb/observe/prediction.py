"""The distributions tokens were drawn from, in a few numbers: entropy, likeliest tokens, the rank of the one taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.observe.schema import TOP_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Drawn(NamedTuple):
    """T tokens and what each was drawn from. Shapes: [T], but ids and logprobs [T, TOP_TOKENS]."""

    rank: NDArray[np.int32]
    """0: the likeliest; -1: not predicted."""
    logprob: NDArray[np.float32]
    entropy: NDArray[np.float32]
    """Nats."""
    ids: NDArray[np.int32]
    """By falling probability; -1 beyond the vocabulary."""
    logprobs: NDArray[np.float32]


def drawn_from(logits: NDArray[np.float32], token_ids: Sequence[int]) -> Drawn:
    """Summarise distributions before temperature. Shapes: logits [T, V], token_ids [T]."""
    rows = np.arange(len(logits))
    shifted = logits - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=1, dtype=np.float64)
    log_total = np.log(total)
    found = not_drawn(len(logits))
    found.entropy[:] = log_total - np.einsum("tv,tv->t", weights, shifted) / total
    own = shifted[rows, token_ids]
    found.logprob[:] = own - log_total
    found.rank[:] = np.count_nonzero(shifted > own[:, None], axis=1)
    for place in range(min(TOP_TOKENS, logits.shape[1])):  # looking through all again is quicker than any sort
        best = shifted.argmax(axis=1)
        found.ids[:, place] = best
        found.logprobs[:, place] = shifted[rows, best] - log_total
        shifted[rows, best] = -np.inf
    return found


def not_drawn(n_tokens: int) -> Drawn:
    """For tokens nobody predicted: the inside of a prefill, or the first of a session."""
    top = n_tokens, TOP_TOKENS
    return Drawn(
        rank=np.full(n_tokens, -1, np.int32),
        logprob=np.full(n_tokens, np.nan, np.float32),
        entropy=np.full(n_tokens, np.nan, np.float32),
        ids=np.full(top, -1, np.int32),
        logprobs=np.full(top, np.nan, np.float32),
    )
