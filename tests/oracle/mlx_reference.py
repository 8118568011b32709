"""What mlx-lm computes on a checkpoint: logits, greedy tokens, and how close each routing decision was.

Knows mlx-lm, not the engine under test. Each answer is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model
from numpy.typing import NDArray

from tests.oracle.shapes import VOCAB_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Floats = NDArray[np.float32]


def prompt_ids(length: int, seed: int = 7) -> list[int]:
    """A seeded prompt; a shorter one is no prefix of a longer one."""
    return [int(i) for i in np.random.default_rng([seed, length]).integers(0, VOCAB_SIZE, length)]


@dataclass(frozen=True, slots=True)
class Greedy:
    """Greedy tokens, and the logits each was the largest of. Shapes: logits [len(tokens), V]."""

    tokens: list[int]
    logits: Floats


@dataclass(frozen=True, slots=True)
class Forced:
    """One teacher-forced pass. Shapes: logits [T, V]; routing_margin [T], the smallest over the layers."""

    logits: Floats
    routing_margin: Floats

    @property
    def top2_margin(self) -> Floats:
        """Best minus second-best logit. Shape [T]."""
        best = np.sort(self.logits, axis=-1)[:, -2:]
        margin: Floats = best[:, 1] - best[:, 0]
        return margin


class _RecordingRouter:
    """Stands in for a router; keeps P(K-th) - P((K+1)-th) of every token it sees."""

    def __init__(self, router: Any, top_k: int) -> None:
        self.router, self.top_k = router, top_k
        self.margins: list[Floats] = []

    def __call__(self, x: mx.array) -> mx.array:
        logits = self.router(x)
        ranked = mx.sort(mx.softmax(logits.astype(mx.float32), axis=-1), axis=-1)
        self.margins.append(np.array(ranked[0, :, -self.top_k] - ranked[0, :, -self.top_k - 1]))
        return logits


@dataclass(slots=True)
class MlxReference:
    """mlx-lm's model of one checkpoint folder; `upcast` computes in float32 whatever the checkpoint holds."""

    folder: Path
    upcast: bool = False
    _model: Any = None
    _greedy: dict[int, Greedy] = field(default_factory=dict)

    @property
    def model(self) -> Any:
        """The loaded model."""
        if self._model is None:
            self._model, _ = load_model(self.folder)
            if self.upcast:
                self._model.set_dtype(mx.float32)
        return self._model

    def greedy(self, length: int, n_tokens: int = 32) -> Greedy:
        """What follows `prompt_ids(length)`."""
        if length not in self._greedy:
            cache = make_prompt_cache(self.model)
            tokens, rows, ids = [], [], prompt_ids(length)
            while len(tokens) < n_tokens:
                rows.append(np.array(self.model(mx.array([ids]), cache=cache)[0, -1].astype(mx.float32)))
                tokens.append(int(np.argmax(rows[-1])))
                ids = tokens[-1:]
            self._greedy[length] = Greedy(tokens, np.stack(rows))
        return self._greedy[length]

    def forced(self, ids: Sequence[int]) -> Forced:
        """Logits at every position of `ids`, and the routing margins on the way."""
        routers = []
        for layer in self.model.layers:
            if "switch_mlp" in layer.mlp:
                recorder = _RecordingRouter(layer.mlp.gate, layer.mlp.top_k)
                layer.mlp.gate = recorder
                routers.append((layer.mlp, recorder))
        try:
            logits = np.array(self.model(mx.array([list(ids)]))[0].astype(mx.float32))
        finally:
            for mlp, recorder in routers:
                mlp.gate = recorder.router
        margins = [np.concatenate(r.margins) for _, r in routers]
        smallest = np.min(margins, axis=0) if margins else np.full(len(ids), np.inf, np.float32)
        return Forced(logits, smallest)
