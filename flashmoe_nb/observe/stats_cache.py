"""What a cache of experts would have hit: LRU for every capacity in one pass, FIFO, LFU and Belady for some, static.

A cache is per layer and holds C experts. A token's K experts are wanted at once: those held are hits, then the others
come in, and whoever leaves is none of the K. Belady's choice (who is wanted last leaves) is the most a policy can hit.
Pure functions of `expert_ids` [N, L, K]; each row is an access, so give them decoded tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.stats_locality import require_full
from flashmoe_nb.observe.stats_usage import usage_counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_NEVER = -1


def lru_curve(expert_ids: NDArray[np.integer], num_experts: int, *, warmup: int = 0) -> NDArray[np.float64]:
    """Hit rate of LRU for every capacity, from the stack distances of one pass.

    Shapes: expert_ids [N, L, K]; result [L, E + 1], by capacity from 0; 1 - result[:, E] is the share of first uses.

    Args:
        expert_ids: what was chosen.
        num_experts: of a layer.
        warmup: tokens that fill the cache and are not counted: 0 gives the lifetime rate, half of them the steady one.
    """
    depth = stack_depths(expert_ids, num_experts)[warmup:]
    layers, counted = depth.shape[1], max(1, depth[:, 0].size)
    hits = np.zeros((layers, num_experts + 1), np.int64)
    for layer in range(layers):
        found = depth[:, layer]
        hits[layer, 1:] = np.bincount(found[found != _NEVER], minlength=num_experts)
    return np.asarray(np.cumsum(hits, axis=1) / counted)


def stack_depths(expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.int64]:
    """Experts of the layer used more recently than this one, before the token; -1 at its first use.

    An LRU cache of C experts holds exactly those of depth < C. Within a token the heaviest expert counts as latest.

    Shapes: expert_ids and result [N, L, K].
    """
    require_full(expert_ids)
    tokens, layers, top_k = expert_ids.shape
    stamps = np.full((layers, num_experts), _NEVER, np.int32)
    depth = np.empty((tokens, layers, top_k), np.int64)
    within = np.arange(top_k - 1, -1, -1, dtype=np.int32)
    for token in range(tokens):
        chosen = expert_ids[token].astype(np.int64)
        own = np.take_along_axis(stamps, chosen, 1)  # [L, K]
        ordered = np.sort(stamps, axis=1)
        newer = _count_newer(ordered, own)
        depth[token] = np.where(own == _NEVER, _NEVER, newer)
        np.put_along_axis(stamps, chosen, token * np.int32(top_k) + within[None], 1)
    return depth


def static_curve(train: NDArray[np.integer], expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.float64]:
    """Hit rate of keeping, for ever, the C experts chosen most in `train`.

    Shapes: train [M, L, K], expert_ids [N, L, K]; result [L, E + 1], by capacity from 0.
    """
    order = np.argsort(-usage_counts(train, num_experts), axis=1, kind="stable")
    counts = np.take_along_axis(usage_counts(expert_ids, num_experts), order, 1)
    hits = np.concatenate([np.zeros((len(counts), 1), np.int64), np.cumsum(counts, axis=1)], axis=1)
    return np.asarray(hits / max(1, expert_ids[:, 0].size))


def lru_rates(
    expert_ids: NDArray[np.integer], num_experts: int, capacities: Sequence[int], *, warmup: int = 0
) -> NDArray[np.float64]:
    """`lru_curve` at some capacities. Shapes: result [len(capacities), L]."""
    _check(capacities, expert_ids, num_experts)
    return np.asarray(lru_curve(expert_ids, num_experts, warmup=warmup)[:, list(capacities)].T)


def fifo_rates(
    expert_ids: NDArray[np.integer], num_experts: int, capacities: Sequence[int], *, warmup: int = 0
) -> NDArray[np.float64]:
    """Hit rates when the expert that came in first leaves first. Shapes: result [len(capacities), L]."""
    _check(capacities, expert_ids, num_experts)
    return np.array([_fifo(expert_ids, num_experts, capacity, warmup) for capacity in capacities])


def lfu_rates(
    expert_ids: NDArray[np.integer], num_experts: int, capacities: Sequence[int], *, warmup: int = 0
) -> NDArray[np.float64]:
    """Hit rates when the expert chosen least often so far leaves, of several the one used longest ago.

    Shapes: result [len(capacities), L].
    """
    _check(capacities, expert_ids, num_experts)
    return _simulate(expert_ids, num_experts, capacities, warmup, _least_frequent(expert_ids, num_experts))


def belady_rates(
    expert_ids: NDArray[np.integer], num_experts: int, capacities: Sequence[int], *, warmup: int = 0
) -> NDArray[np.float64]:
    """Hit rates when the expert that will be wanted last leaves: the oracle. Shapes: result [len(capacities), L]."""
    _check(capacities, expert_ids, num_experts)
    return _simulate(expert_ids, num_experts, capacities, warmup, _wanted_last(expert_ids, num_experts))


def _count_newer(ordered: NDArray[np.int32], own: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many of a layer's stamps are above each. Shapes: ordered [L, E] ascending, own [L, K], result [L, K]."""
    layers, num_experts = ordered.shape
    step = int(ordered.max()) + 2  # puts the layers one after the other, so that one search does for all
    first = (np.arange(layers, dtype=np.int64) * step)[:, None]
    place = np.searchsorted((ordered + first).ravel(), (own + first).ravel(), side="right").reshape(own.shape)
    return np.asarray(num_experts - (place - np.arange(layers)[:, None] * num_experts))


def _simulate(
    expert_ids: NDArray[np.integer],
    num_experts: int,
    capacities: Sequence[int],
    warmup: int,
    priorities: Iterator[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Run all capacities beside each other. Shapes: result [len(capacities), L]."""
    layers = expert_ids.shape[1]
    held = np.zeros((len(capacities), layers, num_experts), bool)
    hits = np.zeros((len(capacities), layers), np.int64)
    for token, priority in enumerate(priorities):
        chosen = np.broadcast_to(expert_ids[token].astype(np.int64), (len(capacities), *expert_ids[token].shape))
        if token >= warmup:
            hits += np.take_along_axis(held, chosen, 2).sum(axis=2)
        np.put_along_axis(held, chosen, values=True, axis=2)
        for number, capacity in enumerate(capacities):
            _evict(held[number], chosen[number], priority, capacity)
    return np.asarray(hits / max(1, expert_ids[warmup:, 0].size))


def _evict(held: NDArray[np.bool_], chosen: NDArray[np.int64], priority: NDArray[np.int64], capacity: int) -> None:
    """Leave the `capacity` best held, the chosen among them. Shapes: held and priority [L, E], chosen [L, K]."""
    full = np.flatnonzero(held.sum(axis=1) > capacity)
    if not len(full):
        return
    num_experts = held.shape[1]
    absent = np.iinfo(np.int64).min + np.arange(num_experts)  # all different: equal values make partition slow
    ranked = np.where(held[full], priority[full], absent)
    np.put_along_axis(ranked, chosen[full], np.iinfo(np.int64).max, 1)
    least = np.partition(ranked, num_experts - capacity, axis=1)[:, num_experts - capacity, None]
    held[full] &= ranked >= least


def _fifo(expert_ids: NDArray[np.integer], num_experts: int, capacity: int, warmup: int) -> NDArray[np.float64]:
    """One capacity; who came in when depends on it. Shapes: result [L]."""
    tokens, layers, top_k = expert_ids.shape
    held = np.zeros((layers, num_experts), bool)
    came = np.zeros((layers, num_experts), np.int64)
    hits = np.zeros(layers, np.int64)
    for token in range(tokens):
        chosen = expert_ids[token].astype(np.int64)
        hit = np.take_along_axis(held, chosen, 1)
        if token >= warmup:
            hits += hit.sum(axis=1)
        now = token * top_k + np.arange(top_k)
        np.put_along_axis(came, chosen, np.where(hit, np.take_along_axis(came, chosen, 1), now), 1)
        np.put_along_axis(held, chosen, values=True, axis=1)
        _evict(held, chosen, came, capacity)
    return np.asarray(hits / max(1, expert_ids[warmup:, 0].size))


def _least_frequent(expert_ids: NDArray[np.integer], num_experts: int) -> Iterator[NDArray[np.int64]]:
    """Count first, then how lately; no two alike."""
    tokens, layers, top_k = expert_ids.shape
    counts, stamps = (np.zeros((layers, num_experts), np.int64) for _ in range(2))
    stamps[:] = np.arange(num_experts)
    latest = num_experts + tokens * top_k
    for token in range(tokens):
        chosen = expert_ids[token].astype(np.int64)
        np.put_along_axis(counts, chosen, np.take_along_axis(counts, chosen, 1) + 1, 1)
        np.put_along_axis(stamps, chosen, num_experts + token * top_k + np.arange(top_k - 1, -1, -1)[None], 1)
        yield counts * latest + stamps


def _wanted_last(expert_ids: NDArray[np.integer], num_experts: int) -> Iterator[NDArray[np.int64]]:
    """The sooner an expert is wanted again, the better; those never wanted again are the first to leave."""
    tokens, layers, _ = expert_ids.shape
    following = next_use(expert_ids, num_experts)
    wanted = np.full((layers, num_experts), tokens, np.int64)
    for token in range(tokens):
        np.put_along_axis(wanted, expert_ids[token].astype(np.int64), following[token], 1)
        yield -(wanted * num_experts + np.arange(num_experts))


def next_use(expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.int64]:
    """The token that chooses the same expert of the same layer next; N for none. Shapes: as expert_ids [N, L, K]."""
    tokens, layers, top_k = expert_ids.shape
    keys = (expert_ids + (np.arange(layers, dtype=np.int64) * num_experts)[:, None]).ravel()
    order = np.argsort(keys, kind="stable")
    again = keys[order[1:]] == keys[order[:-1]]
    result = np.full(keys.shape, tokens, np.int64)
    result[order[:-1][again]] = (order[1:] // (layers * top_k))[again]
    return result.reshape(tokens, layers, top_k)


def _check(capacities: Sequence[int], expert_ids: NDArray[np.integer], num_experts: int) -> None:
    require_full(expert_ids)
    top_k = expert_ids.shape[-1]
    wrong = [capacity for capacity in capacities if not top_k <= capacity <= num_experts]
    if wrong:
        msg = f"capacity {wrong[0]} is outside {top_k} (experts a token) to {num_experts} (experts a layer): "
        raise OptionError(msg + "a token's experts must fit together, and there are no more than all")
