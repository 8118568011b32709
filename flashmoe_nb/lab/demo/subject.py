"""What is measured: a model that reads token ids and answers prompts, whoever runs it.

`engine_subject` is this package's engine, `mlx_lm_subject` its peer. The measures know neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

MAX_ANSWER_TOKENS = 320


class Reading(NamedTuple):
    """One pass over T tokens.

    Shapes: nats [T], the loss of the token after each; experts [layers, T, K], those chosen for each.
    """

    nats: NDArray[np.float32]
    experts: NDArray[np.integer]


class Subject(Protocol):
    """A model under measurement; activations are float32."""

    @property
    def num_experts(self) -> int:
        """E, of every layer."""

    def encode(self, text: str) -> list[int]:
        """Token ids, special tokens read as such."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text, special tokens written out."""

    def read(self, tokens: NDArray[np.integer]) -> Reading:
        """Loss and routing. Shapes: tokens [T + 1], the last one only predicted."""

    def answers(self, prompts: Sequence[str]) -> Iterator[str]:
        """The greedy answer to each prompt in turn, without its end marker; up to `MAX_ANSWER_TOKENS`."""
