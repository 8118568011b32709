"""What misses add to a layer's reads, by how many there are, with memory to spare and with memory full.

Taken from decoding itself: every read is asked beforehand how much of it is resident. Knows an open engine, no model.
"""

from __future__ import annotations

import statistics
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
    """(reads missing, nanoseconds) of each layer's reads of each token; a half-resident expert counts half."""

_TOKENS = 40
_HELD = (0.35, 0.7)
"""Shares of the probe's experts that its memory limits have room for: many misses a layer, and few."""
_OWN_BYTES = 48 * 2**20
"""Of a limit: activations and objects made while it is in force."""
_LEAST_WAVES = 12
_LEAST_IN_BIN = 2
_GUESSED = 0.3
"""Relative error where a full machine could not be imitated."""


@dataclass(frozen=True, slots=True)
class Misses:
    """What misses add to a layer's reads, by how many of the K there are, and what stood in the way."""

    full_ns: tuple[float, ...]
    """Where each must throw something out."""
    fresh_ns: tuple[float, ...]
    """Where there is memory to spare."""
    spread: float
    """Relative standard error of the first."""
    notes: tuple[str, ...] = ()


def measure_misses(engine: Engine, rng: np.random.Generator) -> Misses:
    """While an empty cache fills; and under limits, where what comes in throws something out, as on a full machine."""
    k, ids = engine.top_k, random_ids(rng, engine, _TOKENS)
    engine.warm()
    warm = waves_of(_recorded(engine, ids))
    try:
        engine.evict()
    except PageCacheError as error:
        none = (0.0,) * (k + 1)
        return Misses(none, none, 0.0, (f"misses could not be measured ({error}): give the disk's speed with ssd",))
    fresh, found = waves_of(_recorded(engine, ids)), []
    fresh_ns = curve(warm, fresh, k)
    for held in _HELD:
        try:
            with memory_limit(int(held * engine.checkpoint.expert_bytes) + decode_bytes(engine), engine, "cgroup"):
                engine.warm()
                found += settled_waves(_recorded(engine, random_ids(rng, engine, _TOKENS)))
        except PageCacheError as error:
            note = f"misses of a full machine take longer than those measured ({error})"
            return Misses(fresh_ns, fresh_ns, _GUESSED, (note,))
    if sum(missing > 0 for missing, _ in found) < _LEAST_WAVES:
        note = "too few misses under a limit to time them: a full machine takes longer"
        return Misses(fresh_ns, fresh_ns, _GUESSED, (note,))
    full_ns = curve(warm, found, k)
    return Misses(full_ns, fresh_ns, curve_error(warm, found, full_ns))


def decode_bytes(engine: Engine) -> int:
    """What a limit must leave besides the page cache while tokens are decoded one by one."""
    store = engine.checkpoint.routed
    assert store is not None
    return engine.top_k * store.layout(store.layers[0]).payload_bytes + _OWN_BYTES


def num_experts(engine: Engine) -> int:
    """A layer."""
    assert engine.config.moe is not None
    return engine.config.moe.num_experts


def _recorded(engine: Engine, ids: list[int]) -> Trace:
    session = engine.session()
    with record(session, measure_residency=True) as trace:
        for token in ids:
            session.feed([token])
        return trace[:]


def waves_of(trace: Trace) -> Waves:
    """Every layer's reads of every token."""
    reads = trace.reads
    missing = 1 - np.nan_to_num(reads.resident_fraction_before.astype(np.float64), nan=1.0)
    columns = (reads.token, reads.layer, reads.start_ns, reads.end_ns, missing)
    waves: dict[tuple[int, int], list[Any]] = {}
    for row in zip(*(column.tolist() for column in columns), strict=True):
        waves.setdefault(row[:2], []).append(row[2:])
    return [
        (sum(read[2] for read in batch), max(read[1] for read in batch) - min(read[0] for read in batch))
        for batch in waves.values()
    ]


def settled_waves(trace: Trace) -> Waves:
    """Those of the later half of the tokens, when memory is full."""
    waves = waves_of(trace)
    return waves[len(waves) // 2 :]


def curve(warm: Waves, found: Waves, top_k: int) -> tuple[float, ...]:
    """Nanoseconds that 0 to K misses add to the mean warm wave; never fewer for more, between those seen in a line.

    Beyond the most misses that were seen each one adds what the last ones did on the mean.
    """
    base = statistics.mean(spent for _, spent in warm)
    added: dict[int, list[float]] = {}
    for missing, spent in found:
        added.setdefault(round(missing), []).append(spent - base)
    seen = {count: statistics.mean(of) for count, of in added.items() if count and len(of) >= _LEAST_IN_BIN}
    if not seen:
        return (0.0,) * (top_k + 1)
    counts = [0, *sorted(seen)]
    values = np.maximum.accumulate([0.0, *(max(0.0, seen[count]) for count in counts[1:])])
    most = counts[-1]
    whole = np.interp(np.arange(top_k + 1), counts, values)
    whole[most:] = values[-1] * (1 + (np.arange(most, top_k + 1) - most) / (2 * most))
    return tuple(whole.tolist())


def curve_error(warm: Waves, found: Waves, added: tuple[float, ...]) -> float:
    """Relative standard error of a curve as a whole."""
    base = statistics.mean(spent for _, spent in warm)
    expected = np.array([np.interp(missing, range(len(added)), added) for missing, _ in found])
    rest = np.array([spent - base for _, spent in found]) - expected
    return float(rest.std() / np.sqrt(len(rest)) / max(expected.mean(), 1.0))


def random_ids(rng: np.random.Generator, engine: Engine, count: int) -> list[int]:
    """Tokens of the whole vocabulary."""
    return [int(token) for token in rng.integers(0, engine.config.vocab_size, count)]
