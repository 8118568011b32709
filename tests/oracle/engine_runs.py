"""Driving the engine under test the ways the oracles ask for: prefill, single steps, greedily or forced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flashmoe_nb import Session

Floats = NDArray[np.float32]


def feed_singly(session: Session, ids: Sequence[int]) -> Floats:
    """Logits after each of `ids`, one decode step a token. Shape [T, V]."""
    return np.stack([np.array(session.feed([token])) for token in ids])


def greedy(session: Session, logits: Floats, n_tokens: int) -> tuple[list[int], Floats]:
    """The `n_tokens` that follow `logits`, and the logits each was the largest of; the last token is not fed.

    Shapes: logits [V], returned [n_tokens, V].
    """
    rows = [logits]
    tokens = [int(np.argmax(logits))]
    while len(tokens) < n_tokens:
        rows.append(np.array(session.feed(tokens[-1:])))
        tokens.append(int(np.argmax(rows[-1])))
    return tokens, np.stack(rows)


def relative_difference(logits: Floats, expected: Floats) -> float:
    """Largest absolute difference over the largest absolute logit."""
    return float(np.abs(logits - expected).max() / np.abs(expected).max())
