"""Which experts are read together: the union of what T tokens chose, cut into waves of the slot count.

Each expert is read once however many tokens want it. Pure numpy; knows ids and slots, no arrays of a back end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.ops import WavePlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Wave:
    """Experts read at once, and the (token, column) pairs that go through each."""

    experts: tuple[int, ...]
    tokens: NDArray[np.int32]
    ranks: NDArray[np.int32]
    positions: NDArray[np.int64]
    """Index into `experts` of each pair."""
    n_tokens: int

    def plan(self, slots: Sequence[int]) -> WavePlan:
        """Place the experts in these slots."""
        slot_of_pair = np.asarray(slots, np.uint32)[self.positions]
        order = np.argsort(slot_of_pair, kind="stable")
        tokens = self.tokens[order]
        return WavePlan(tokens, self.ranks[order], slot_of_pair[order], _gather(tokens, self.n_tokens))


def plan_waves(expert_ids: NDArray[np.integer], n_slots: int) -> list[Wave]:
    """Cut the experts of a layer into waves, in ascending order of expert.

    Shapes: expert_ids [T, K].
    """
    n_tokens, top_k = expert_ids.shape
    flat = expert_ids.reshape(-1).astype(np.int64)
    experts, position = np.unique(flat, return_inverse=True)
    pairs = np.argsort(position, kind="stable")  # by expert, then by token
    tokens, ranks = (pairs // top_k).astype(np.int32), (pairs % top_k).astype(np.int32)
    ordered = position[pairs]
    waves = []
    for start in range(0, len(experts), n_slots):
        low, high = np.searchsorted(ordered, (start, start + n_slots))
        chosen = tuple(experts[start : start + n_slots].tolist())
        waves.append(Wave(chosen, tokens[low:high], ranks[low:high], ordered[low:high] - start, n_tokens))
    return waves


def _gather(tokens: NDArray[np.int32], n_tokens: int) -> NDArray[np.int32]:
    """For each token the pairs that are its own, padded with P. Shapes: tokens [P], result [T, M]."""
    counts = np.bincount(tokens, minlength=n_tokens)
    by_token = np.argsort(tokens, kind="stable")
    column = np.arange(len(tokens)) - np.repeat(np.cumsum(counts) - counts, counts)
    gather = np.full((n_tokens, int(counts.max())), len(tokens), np.int32)
    gather[tokens[by_token], column] = by_token
    return gather
