"""The distribution a token was drawn from, in a few numbers: entropy, likeliest tokens, the rank of the one taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.observe.schema import TOP_TOKENS

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def _likeliest(logits: NDArray[np.float32], count: int) -> list[int]:
    """Indices of the highest, in order: for so few, looking through all of them again is quicker than any sort."""
    left = logits.copy()
    found: list[int] = []
    for _ in range(count):
        found.append(int(left.argmax()))
        left[found[-1]] = -np.inf
    return found


def not_drawn() -> Drawn:
    """For tokens nobody predicted: the inside of a prefill, or the first of a session."""
    unknown = np.full(TOP_TOKENS, -1, np.int32), np.full(TOP_TOKENS, np.nan, np.float32)
    return Drawn(-1, float("nan"), float("nan"), *unknown)
