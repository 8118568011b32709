"""Log probabilities as a client may ask for them: of every token, and of the likeliest others.

Hears the logits before a token is drawn and the token after. Knows no HTTP.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.engine.sampling import log_softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Token
    from flashmoe_nb.text import Tokenizer


class Alternatives:
    """Collects rows; `take` gives out those since the last time."""

    def __init__(self, tokenizer: Tokenizer, count: int) -> None:
        self._tokenizer, self._count = tokenizer, count
        self._likeliest: list[tuple[int, float]] = []
        self._rows: deque[dict[str, Any]] = deque()
        """Appended to by the thread that decodes, taken from by the one that answers."""

    def hear(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Note the likeliest tokens. Shapes: logits [V], given back as they are."""
        if self._count:
            shares = log_softmax(logits)
            best = np.argsort(-shares, kind="stable")[: self._count]
            self._likeliest = [(int(token), float(shares[token])) for token in best]
        return logits

    def add(self, token: Token) -> None:
        """The token drawn."""
        others = [self._row(other, logprob) for other, logprob in self._likeliest]
        self._rows.append(self._row(token.id, token.logprob) | {"top_logprobs": others})

    def take(self) -> list[dict[str, Any]]:
        """The rows since the last time."""
        return [self._rows.popleft() for _ in range(len(self._rows))]

    def _row(self, token_id: int, logprob: float) -> dict[str, Any]:
        raw = self._tokenizer.token_bytes(token_id)
        # JSON has no infinity; OpenAI's own floor.
        return {"token": raw.decode("utf-8", "replace"), "logprob": max(logprob, -9999.0), "bytes": list(raw)}
