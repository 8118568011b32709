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
    if n_tokens == 1 and top_k <= n_slots and len(set(chosen := expert_ids[0].tolist())) == top_k:
        return [_one_token(chosen)]
    flat = expert_ids.reshape(-1).astype(np.int64)
    experts, position = np.unique(flat, return_inverse=True)
    pairs = np.argsort(position, kind="stable")  # by expert, then by token
    tokens, ranks = (pairs // top_k).astype(np.int32), (pairs % top_k).astype(np.int32)
    ordered = position[pairs]
    waves = []
    for start in range(0, len(experts), n_slots):
        low, high = np.searchsorted(ordered, (start, start + n_slots))
        read = tuple(experts[start : start + n_slots].tolist())
        waves.append(Wave(read, tokens[low:high], ranks[low:high], ordered[low:high] - start, n_tokens))
    return waves


def _one_token(chosen: list[int]) -> Wave:
    """What decode needs, a fifth of the time: K different experts that fit in one wave."""
    ranks = sorted(range(len(chosen)), key=chosen.__getitem__)
    experts, n_pairs = tuple(chosen[rank] for rank in ranks), len(chosen)
    return Wave(experts, np.zeros(n_pairs, np.int32), np.array(ranks, np.int32), np.arange(n_pairs), 1)


def _gather(tokens: NDArray[np.int32], n_tokens: int) -> NDArray[np.int32]:
    """For each token the pairs that are its own, padded with P. Shapes: tokens [P], result [T, M]."""
    if n_tokens == 1:
        return np.arange(len(tokens), dtype=np.int32)[None]
    counts = np.bincount(tokens, minlength=n_tokens)
    by_token = np.argsort(tokens, kind="stable")
    column = np.arange(len(tokens)) - np.repeat(np.cumsum(counts) - counts, counts)
    gather = np.full((n_tokens, int(counts.max())), len(tokens), np.int32)
    gather[tokens[by_token], column] = by_token
    return gather
