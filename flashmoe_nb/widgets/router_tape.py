"""Keeps the routers' logits of the last tokens a session fed: a trace keeps only what was chosen. Evaluates nothing."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.engine.tape import PassTape

MOST_BYTES = 64_000_000


class RouterTape:
    """`engine.tape.Recorder` that counts tokens as a trace begun at the same time does."""

    measure_residency = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._passes: deque[tuple[int, int, list[Any]]] = deque()
        """First row, tokens, logits [T, E] of each sparse layer; oldest first."""
        self._staged: list[tuple[int, list[Any]]] = []
        self._rows = self._kept_tokens = 0
        moe = engine.config.moe
        n_layers = sum(engine.config.sparse_layers)
        self._most_tokens = MOST_BYTES // max(1, 4 * n_layers * (moe.num_experts if moe else 0))

    def pass_done(self, tape: PassTape) -> None:
        """Take the arrays."""
        self._staged.append((len(tape.ids), [routing.logits for routing in tape.routing]))

    def unit_done(self, logits: NDArray[np.float32]) -> None:  # noqa: ARG002 - of the recorder's protocol
        """Keep them, and let go of the oldest."""
        for n_tokens, of_layers in self._staged:
            self._passes.append((self._rows, n_tokens, of_layers))
            self._rows += n_tokens
            self._kept_tokens += n_tokens
        self._staged = []
        while self._kept_tokens > self._most_tokens and len(self._passes) > 1:
            self._kept_tokens -= self._passes.popleft()[1]

    def unit_undone(self) -> None:
        """Forget what was rolled back."""
        self._staged = []

    def probabilities(self, row: int, layer_row: int) -> NDArray[np.float32] | None:
        """Softmax of one router over all experts for a token; None when it is not kept. Waits for the token at hand.

        Shapes: [E].

        Args:
            row: of the token in the trace.
            layer_row: place of the layer among the sparse ones.
        """
        return self._engine.owner_call(lambda: self._softmax(row, layer_row))

    def _softmax(self, row: int, layer_row: int) -> NDArray[np.float32] | None:
        for first, n_tokens, of_layers in self._passes:
            if first <= row < first + n_tokens:
                logits = self._engine.ops.to_numpy(of_layers[layer_row])[row - first].astype(np.float32)
                weights = np.exp(logits - logits.max())
                shares: NDArray[np.float32] = weights / weights.sum()
                return shares
        return None
