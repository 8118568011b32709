"""The model under measurement, run by mlx_lm: answers in batches, and experts at fewer bits.

For what this package's engine would take too long over, and as its peer. Activations are float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx_lm.generate import BatchGenerator
from mlx_lm.models import qwen3_next
from mlx_lm.utils import load_model
from tokenizers import Tokenizer

from flashmoe_nb.lab.demo import fewer_bits, grouped
from flashmoe_nb.lab.demo.subject import MAX_ANSWER_TOKENS, Reading
from flashmoe_nb.lab.demo.tokens import END_OF_TEXT, IM_END

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class MlxLmSubject:
    """A checkpoint as float32 matrices, its routed experts at fewer bits if `experts` says so ("2:mx")."""

    def __init__(self, folder: Path, experts: str | None = None, top_k: int | None = None, batch: int = 32) -> None:
        self._model, _ = load_model(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._batch = batch
        if experts:
            bits, way = experts.split(":")
            fewer_bits.apply(self._model, int(bits), fewer_bits.Way(way))
        self._model.set_dtype(mx.float32)
        mx.eval(self._model.parameters())
        self.num_experts: int = self._model.layers[0].mlp.num_experts
        grouped.plain_linear(self._model)
        if top_k:
            for layer in self._model.layers:
                layer.mlp.top_k = top_k

    def encode(self, text: str) -> list[int]:
        """Token ids, special tokens read as such."""
        return list(self._tokenizer.encode(text).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text, special tokens written out."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return text

    def read(self, tokens: NDArray[np.integer]) -> Reading:
        """Loss and routing of one pass. Shapes: tokens [T + 1]."""
        chosen: list[NDArray[np.integer]] = []
        block = qwen3_next.Qwen3NextSparseMoeBlock
        original = block.__call__

        def watched(layer: Any, x: mx.array) -> mx.array:
            logits = layer.gate(x)
            ids = mx.argpartition(logits, kth=-layer.top_k, axis=-1)[0, :, -layer.top_k :]
            chosen.append(np.array(ids).astype(np.int16))
            return original(layer, x)

        block.__call__ = watched  # type: ignore[method-assign, assignment]
        try:
            logits = self._model(mx.array(tokens[None, :-1].astype(np.int32)))
            nats = np.array(nn.losses.cross_entropy(logits, mx.array(tokens[None, 1:].astype(np.int32))))[0]
        finally:
            block.__call__ = original  # type: ignore[method-assign]
        return Reading(nats, np.stack(chosen))

    def answers(self, prompts: Sequence[str]) -> Iterator[str]:
        """The greedy answer to each prompt in turn, without its end marker, one batch after the other."""
        for start in range(0, len(prompts), self._batch):
            yield from self._batch_of_answers(prompts[start : start + self._batch])

    def _batch_of_answers(self, prompts: Sequence[str]) -> list[str]:
        generator = BatchGenerator(
            self._model, max_tokens=MAX_ANSWER_TOKENS, stop_tokens=[[IM_END], [END_OF_TEXT]],
            prefill_batch_size=self._batch, completion_batch_size=self._batch,
        )  # fmt: skip
        out: dict[int, list[int]] = {uid: [] for uid in generator.insert([self.encode(text) for text in prompts])}
        running = len(out)
        while running:
            for response in generator.next()[1]:  # type: ignore[no-untyped-call]
                if response.finish_reason != "stop":
                    out[response.uid].append(response.token)
                running -= response.finish_reason is not None
        return [self.decode(answer) for answer in out.values()]
