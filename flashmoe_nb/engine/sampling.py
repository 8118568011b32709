"""From logits to a token: temperature, nucleus and min-p, in numpy.

Knows no model. Temperature 0 takes the likeliest token; log probabilities are always those before temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.options import number
from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sampler:
    """How the next token is drawn."""

    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would draw from nothing.

        Raises:
            OptionError: no number, or a value outside its range.
        """
        for name in ("temperature", "top_p", "min_p"):
            number(name, getattr(self, name))
        if not (self.temperature >= 0 and 0 < self.top_p <= 1 and 0 <= self.min_p < 1):
            msg = (
                f"temperature {self.temperature}, top_p {self.top_p}, min_p {self.min_p}: expected temperature >= 0, "
                "0 < top_p <= 1, 0 <= min_p < 1"
            )
            raise OptionError(msg)

    def draw(self, logits: NDArray[np.float32], rng: np.random.Generator) -> int:
        """One token id. Shapes: logits [V]."""
        if self.temperature == 0:
            return int(np.argmax(logits))
        with np.errstate(over="ignore"):  # at temperatures near 0 all but the likeliest become -inf
            probabilities = np.exp(log_softmax((logits.astype(np.float64) - logits.max()) / self.temperature))
        if self.min_p:
            probabilities[probabilities < self.min_p * probabilities.max()] = 0
        if self.top_p < 1:
            order = np.argsort(-probabilities, kind="stable")
            before = np.cumsum(probabilities[order]) - probabilities[order]
            probabilities[order[before >= self.top_p * probabilities.sum()]] = 0
        return int(rng.choice(len(probabilities), p=probabilities / probabilities.sum()))


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log probabilities. Shapes: [V] -> [V]."""
    shifted = logits.astype(np.float64) - logits.max()
    return np.asarray(shifted - np.log(np.exp(shifted).sum()))
