"""How often the generator of dialogues and documents does what, for training and for what is only measured.

Held-out text keeps the habits it was fixed with, so that it stays the same when those of the training text change.
"""

from __future__ import annotations

from dataclasses import dataclass

from flashmoe_nb.lab.demo.pools import Split


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares of draws, and the most of something."""

    everyday: float
    """Words that are everyday ones rather than any word of the dictionary."""
    invented: float
    """Words made of syllables: nothing to guess them from."""
    repeated: float
    """Words that were drawn a moment ago: the next word then does not follow from the last."""
    several: float
    """Requests for several calls at once."""
    most_calls: int
    most_tools: int
    different: bool
    """Whether several calls go to different tools where so many are offered."""


HABITS = {
    Split.TRAIN: Habits(0.3, 0.15, 0.15, 0.45, 4, 6, different=True),
    Split.HELDOUT: Habits(0.45, 0.06, 0.0, 0.25, 3, 4, different=False),
}
