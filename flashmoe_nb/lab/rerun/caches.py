"""Experiments with caches of one's own against the page cache, all within the same memory."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.options import DEFAULT_SLOTS
from flashmoe_nb.lab.rerun.decoding import Opened, decode_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.policies import OwnLFU, OwnLRU, Pinned, SlotBank
from flashmoe_nb.observe import record
from flashmoe_nb.observe.stats_usage import usage_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.lab.rerun.setting import Setting

    Policy = OwnLRU | OwnLFU | SlotBank | Pinned
    Ways = dict[str, Callable[[], AbstractContextManager[Opened]]]

_MOST_OF_LIMIT = 0.7
"""Share of a memory limit that slots may take: weights, state and the interpreter's own allocations need the rest."""
_SHARES = (0.15, 0.35, 0.7)
"""Sizes tried, of what is allowed."""
_PINS = 0.5
"""Share of the slots that are pinned."""

_WHY = (
    "The original's caches lay in GPU buffers of the same 48 GB that the page cache used, so a cache of 9.8 GB took "
    "as much from the system and made it compress memory. Here a hit in a slot saves a copy from page cache to slot, "
    "and every slot takes its bytes from the page cache: it pays where hits are many and copies dear, and costs where "
    "memory is short."
)


@contextmanager
def trust_os(setting: Setting) -> Iterator[Opened]:
    """The baseline of everything: no cache, the engine's own reader."""
    with setting.reopened() as engine:
        yield Opened(engine.session())


@contextmanager
def own_cache(setting: Setting, slots: int, make: Callable[[], Policy]) -> Iterator[Opened]:
    """A policy on so many slots."""
    policy = make()

    def begin() -> None:
        policy.asked = policy.missed = 0

    with setting.reopened(policy=policy, slots=slots) as engine:
        yield Opened(engine.session(), lambda: {"slot hit rate": policy.hit_rate}, begin)


def slot_sizes(setting: Setting) -> list[int]:
    """Numbers of slots to try: up to a layer's experts, or what the memory limit has room for."""
    engine = setting.engine
    store, moe = engine.checkpoint.routed, engine.config.moe
    assert store is not None
    assert moe is not None
    most = moe.num_experts
    if setting.limit_bytes is not None:
        most = min(most, int(_MOST_OF_LIMIT * setting.limit_bytes / store.layout(store.layers[0]).payload_bytes))
    least = max(engine.top_k * len(store.layers), DEFAULT_SLOTS)
    return sorted({min(moe.num_experts, max(least, round(most * share / _SHARES[-1]))) for share in _SHARES})


def run_policy(setting: Setting, make: Callable[[], Policy]) -> Found:
    """Trust the system, and the policy at several sizes."""
    ways: Ways = {"trust the system": partial(trust_os, setting)}
    for slots in slot_sizes(setting):
        ways[f"{slots} slots"] = partial(own_cache, setting, slots, make)
    return Found.of(decode_in_turns(setting, ways))


def _pinned(setting: Setting) -> Found:
    """Pins learnt from the warm-up tokens, as a profile would."""
    chosen = chosen_experts(setting.engine, setting.ids[: max(1, setting.warmup)])
    slots = slot_sizes(setting)[-1]
    pins = hottest(chosen, _layers(setting.engine), _experts(setting.engine), int(slots * _PINS))
    ways: Ways = {
        "trust the system": partial(trust_os, setting),
        f"{len(pins)} pinned of {slots} slots": partial(own_cache, setting, slots, lambda: Pinned(pins)),
    }
    return Found.of(
        decode_in_turns(setting, ways), f"pins are the experts chosen most in {setting.warmup} tokens before"
    )


def hottest(
    chosen: np.ndarray[tuple[int, int, int], np.dtype[np.integer]],
    layers: tuple[int, ...],
    num_experts: int,
    count: int,
) -> list[tuple[int, int]]:
    """(layer, expert) of those chosen most. Shapes: chosen [N, L, K]."""
    counts = usage_counts(chosen, num_experts)
    best = np.argsort(-counts, axis=None, kind="stable")[:count]
    return [(layers[row], int(expert)) for row, expert in zip(*np.unravel_index(best, counts.shape), strict=True)]


def chosen_experts(engine: Engine, ids: tuple[int, ...]) -> np.ndarray[tuple[int, int, int], np.dtype[np.integer]]:
    """What the routers choose for tokens fed one by one. Shapes: [N, L, K]."""
    session = engine.session()
    with record(session) as trace:
        for token in ids:
            session.feed([token])
        return np.asarray(trace.routed_experts)


def _layers(engine: Engine) -> tuple[int, ...]:
    assert engine.checkpoint.routed is not None
    return engine.checkpoint.routed.layers


def _experts(engine: Engine) -> int:
    assert engine.config.moe is not None
    return engine.config.moe.num_experts


CACHES = (
    Experiment(
        "own-lru",
        "An LRU cache of one's own in the slots, by size",
        lambda setting: run_policy(setting, OwnLRU),
        "without any 5.74 tok/s, with 9.8 GB of cache 4.11 (2-bit); every size of a sweep slower but the smallest",
        Verdict.SLOWER,
        _WHY,
    ),
    Experiment(
        "own-lfu",
        "An LFU cache of one's own in the slots, by size",
        lambda setting: run_policy(setting, OwnLFU),
        "the hits of LRU, 1.18 against 1.32 tok/s: finding whom to throw out took time",
        Verdict.SLOWER,
        _WHY,
    ),
    Experiment(
        "slot-bank",
        "Slots dealt out to the layers, each an LRU",
        lambda setting: run_policy(setting, lambda: SlotBank(_layers(setting.engine))),
        "a fork on MLX (anemll): a stable bank is twice as fast as new arrays a token; 16 slots a layer hit 59.5 %",
        Verdict.FASTER,
        "That fork compares with building arrays for every token, which this engine never does: its slots are always "
        "stable. What is left to gain is the copy from the page cache.",
    ),
    Experiment(
        "pinned",
        "The experts used most, kept in slots for ever",
        _pinned,
        "31 % of pins hit where 62 % were expected, 2.27 against 2.49 tok/s: routing goes elsewhere",
        Verdict.SLOWER,
        _WHY,
    ),
)
