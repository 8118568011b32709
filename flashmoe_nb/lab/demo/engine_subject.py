"""The model under measurement, run by this package's engine: one sequence after the other, as a user would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.events import Stage
from flashmoe_nb.lab.demo.subject import MAX_ANSWER_TOKENS, Reading
from flashmoe_nb.model import ResidentLoader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.events import StageEvent
    from flashmoe_nb.ops import Array, Linear


class EngineSubject:
    """An open engine; make it with `dtype="float32"`."""

    def __init__(self, engine: Engine) -> None:
        assert engine.config.moe is not None, "the demo model has experts"
        self._engine = engine
        self._head = engine.owner_call(lambda: Head.load(engine))
        self.num_experts = engine.config.moe.num_experts

    def encode(self, text: str) -> list[int]:
        """Token ids, special tokens read as such."""
        return self._engine.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text, special tokens written out."""
        return self._engine.decode(ids)

    def read(self, tokens: NDArray[np.integer]) -> Reading:
        """Loss and routing of one pass. Shapes: tokens [T + 1]."""
        heard = _Listener(self._engine, self._head, tokens[1:])
        session = self._engine.session()
        with session.observe(heard):
            session.feed([int(token) for token in tokens[:-1]], chunk=len(tokens))
        return Reading(heard.nats, np.stack(heard.experts))

    def answers(self, prompts: Sequence[str]) -> Iterator[str]:
        """The greedy answer to each prompt in turn, without its end marker."""
        for prompt in prompts:
            ids = [token.id for token in self._engine.session().generate(prompt, max_tokens=MAX_ANSWER_TOKENS)]
            if ids[-1] in self._engine.stop_ids:
                ids.pop()
            yield self._engine.decode(ids)


@dataclass(frozen=True, slots=True)
class Head:
    """The final norm and the head a second time: the engine itself applies them to the last position only."""

    norm: Array
    lm_head: Linear

    @classmethod
    def load(cls, engine: Engine) -> Head:
        """Read them from the engine's checkpoint, on its thread."""
        config, checkpoint = engine.config, engine.checkpoint
        with ResidentLoader(
            checkpoint.index, checkpoint.names, config.quantization, engine.ops, lambda _: None
        ) as loader:
            name = "embed_tokens" if config.tie_word_embeddings else "lm_head"
            norm = loader.vector("norm.weight", (config.hidden_size,))
            return cls(norm, loader.linear(name, config.vocab_size, config.hidden_size))

    def logits(self, engine: Engine, x: Array) -> NDArray[np.float32]:
        """Of every position. Shapes: x [T, D] as the last layer leaves it -> [T, V]."""
        ops = engine.ops
        return ops.to_numpy(ops.linear(ops.rms_norm(x, self.norm, engine.config.rms_norm_eps), self.lm_head))


class _Listener:
    """Takes the routing of every layer, and the loss from what the last layer leaves, on the engine's thread."""

    def __init__(self, engine: Engine, head: Head, targets: NDArray[np.integer]) -> None:
        self._engine, self._head, self._targets = engine, head, targets
        self.experts: list[NDArray[np.integer]] = []
        self.nats = np.empty(0, np.float32)

    def __call__(self, event: StageEvent) -> None:
        """One stage of the pass."""
        if event.stage is Stage.ROUTER:
            self.experts.append(self._engine.ops.to_numpy(event.value.expert_ids).astype(np.int16))
        elif event.stage is Stage.COMBINE and event.layer == self._engine.config.num_layers - 1:
            self.nats = losses(self._head.logits(self._engine, event.value), self._targets)


def losses(logits: NDArray[np.float32], targets: NDArray[np.integer]) -> NDArray[np.float32]:
    """Nats of each target. Shapes: logits [T, V], targets [T] -> [T]."""
    top = logits.max(1)
    partition = top + np.log(np.exp(logits - top[:, None]).sum(1))
    nats: NDArray[np.float32] = partition - logits[np.arange(len(targets)), targets]
    return nats
