"""What a byte that the page cache does not hold adds to a layer's reads, with memory to spare and with memory full.

Taken from decoding itself: every read is asked beforehand how much of it is resident. Knows an open engine, no model.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.engine import memory_limit
from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.observe import record

if TYPE_CHECKING:
    from flashmoe_nb.engine import Engine
    from flashmoe_nb.observe import Trace

    Waves = list[tuple[float, float]]
    """(bytes missing, nanoseconds) of each layer's reads of each token."""

_TOKENS = 24
_LIMITED_TOKENS = 64
_HELD = 0.5
"""Share of the probe's experts that its memory limit has room for."""
_OWN_BYTES = 48 * 2**20
"""Of a limit: activations and objects made while it is in force."""
_LEAST_MISSED = 0.15
"""Of the bytes read: with fewer misses their time drowns in that of hits."""
_PARTS = 4
_GUESSED = 0.3
"""Relative error where a full machine could not be imitated."""


@dataclass(frozen=True, slots=True)
class Misses:
    """What a missing byte adds, and what stood in the way of measuring it."""

    full_ns: float
    """A byte, where it must throw another one out."""
    fresh_ns: float
    """A byte, where there is memory to spare."""
    spread: float
    """Relative standard error of the first."""
    notes: tuple[str, ...] = ()


def measure_misses(engine: Engine, rng: np.random.Generator) -> Misses:
    """With memory to spare; and under a limit, where a page that comes in throws one out, as on a full machine."""
    warm = waves_of(_recorded(engine, random_ids(rng, engine, _TOKENS), cold=False))
    try:
        fresh = slope(warm, waves_of(_recorded(engine, random_ids(rng, engine, _TOKENS), cold=True)))
    except PageCacheError as error:
        return Misses(0.0, 0.0, 0.0, (f"misses could not be measured ({error}): give the disk's speed with ssd",))
    limit = int(_HELD * engine.checkpoint.expert_bytes) + decode_bytes(engine)
    with ExitStack() as stack:
        try:
            stack.enter_context(memory_limit(limit, engine, "cgroup"))
        except PageCacheError as error:
            return Misses(
                fresh, fresh, _GUESSED, (f"misses of a full machine take longer than those measured ({error})",)
            )
        waves = waves_of(_recorded(engine, random_ids(rng, engine, _LIMITED_TOKENS), cold=False))
    found = waves[len(waves) // 2 :]
    read = len(found) * engine.top_k * engine.checkpoint.expert_bytes / (2 * num_experts(engine))
    if sum(missing for missing, _ in found) < _LEAST_MISSED * read:
        return Misses(
            fresh, fresh, _GUESSED, ("too few misses under a limit to time them: a full machine takes longer",)
        )
    return Misses(slope(warm, found), fresh, slope_error(warm, found))


def decode_bytes(engine: Engine) -> int:
    """What a limit must leave besides the page cache while tokens are decoded one by one."""
    store = engine.checkpoint.routed
    assert store is not None
    return engine.top_k * store.layout(store.layers[0]).payload_bytes + _OWN_BYTES


def num_experts(engine: Engine) -> int:
    """A layer."""
    assert engine.config.moe is not None
    return engine.config.moe.num_experts


def _recorded(engine: Engine, ids: list[int], *, cold: bool) -> Trace:
    session = engine.session()
    if not cold:
        engine.warm()
    with record(session, measure_residency=True) as trace:
        for token in ids:
            if cold:
                engine.evict()
            session.feed([token])
        return trace[:]


def waves_of(trace: Trace) -> Waves:
    """(bytes missing, nanoseconds) of each layer's reads of each token."""
    reads = trace.reads
    waves: dict[tuple[int, int], list[Any]] = {}
    for row in zip(
        reads.token.tolist(), reads.layer.tolist(), reads.start_ns.tolist(), reads.end_ns.tolist(),
        (reads.nbytes * (1 - np.nan_to_num(reads.resident_fraction_before, nan=1.0))).tolist(), strict=True,
    ):  # fmt: skip
        waves.setdefault(row[:2], []).append(row[2:])
    return [
        (sum(read[2] for read in batch), max(read[1] for read in batch) - min(read[0] for read in batch))
        for batch in waves.values()
    ]


def slope(warm: Waves, found: Waves) -> float:
    """Nanoseconds that a missing byte adds to the mean warm wave."""
    base = statistics.mean(spent for _, spent in warm)
    missing = sum(nbytes for nbytes, _ in found)
    return max(0.0, sum(spent - base for _, spent in found) / missing) if missing else 0.0


def slope_error(warm: Waves, found: Waves) -> float:
    """From the slopes of parts of what was found."""
    size = -(-len(found) // _PARTS)
    slopes = [slope(warm, found[start : start + size]) for start in range(0, len(found), size)]
    mean = statistics.mean(slopes)
    return statistics.stdev(slopes) / mean / len(slopes) ** 0.5 if mean and len(slopes) > 1 else _GUESSED


def random_ids(rng: np.random.Generator, engine: Engine, count: int) -> list[int]:
    """Tokens of the whole vocabulary."""
    return [int(token) for token in rng.integers(0, engine.config.vocab_size, count)]
