"""The distribution a token was drawn from, in a few numbers: entropy, likeliest tokens, the rank of the one taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.observe.schema import TOP_TOKENS

if TYPE_CHECKING:
    from numpy.typing import NDArray


_BLOCK = 512


class Drawn(NamedTuple):
    """A token and what it was drawn from. Shapes: ids and logprobs [TOP_TOKENS], by falling probability."""

    rank: int
    logprob: float
    entropy: float
    ids: NDArray[np.int32]
    logprobs: NDArray[np.float32]


def drawn_from(logits: NDArray[np.float32], token_id: int) -> Drawn:
    """Summarise the distribution before temperature. Shapes: logits [V]."""
    shifted = logits - logits.max()
    weights = np.exp(shifted)
    total = float(weights.sum(dtype=np.float64))
    entropy = np.log(total) - float(weights @ shifted) / total
    count = min(TOP_TOKENS, len(logits))
    likeliest = _likeliest(shifted, count)
    ids, logprobs = not_drawn()[3:]
    ids[:count] = likeliest
    logprobs[:count] = shifted[likeliest] - np.log(total)
    own = float(shifted[token_id])
    return Drawn(int((shifted > own).sum()), own - float(np.log(total)), entropy, ids, logprobs)


def _likeliest(logits: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Indices of the highest, in order. They lie in the blocks with the highest maxima: no need to sort the rest."""
    whole = len(logits) // _BLOCK * _BLOCK
    blocks = np.argsort(-logits[:whole].reshape(-1, _BLOCK).max(axis=1), kind="stable")[:count]
    inside = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).ravel()
    near = np.concatenate([inside, np.arange(whole, len(logits))])
    return near[np.argsort(-logits[near], kind="stable")[:count]]


def not_drawn() -> Drawn:
    """For tokens nobody predicted: the inside of a prefill, or the first of a session."""
    unknown = np.full(TOP_TOKENS, -1, np.int32), np.full(TOP_TOKENS, np.nan, np.float32)
    return Drawn(-1, float("nan"), float("nan"), *unknown)
