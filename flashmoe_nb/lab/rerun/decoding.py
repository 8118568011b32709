"""Decode the same tokens in several ways, in turns, and count what each took. Knows no way in particular.

Every run of a way is a fresh session that starts from the same page cache; tokens are fed as given, never sampled, so
that all ways do the same work and their choices can be compared.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine import memory_limit
from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.lab.rerun.result import Arm
from flashmoe_nb.pagecache import open_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session
    from flashmoe_nb.lab.rerun.setting import Setting

TIE = 1e-4
"""Of the spread of the logits: two tokens this close may change places when sums go in another order."""


@dataclass(slots=True)
class Opened:
    """A way, ready to run."""

    session: Session
    facts: Callable[[], dict[str, float]] = dict
    """What the way itself counted; asked when the timed tokens are done."""
    begin: Callable[[], object] = lambda: None
    """Told when the timed tokens begin."""


@dataclass(slots=True)
class Decoded:
    """Arms by name, and the logits of each one's first run."""

    arms: dict[str, Arm] = field(default_factory=dict)
    logits: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Shapes: each [tokens, V]."""

    @property
    def same_tokens(self) -> bool:
        """Whether all arms choose the first one's tokens, ties aside."""
        first, *rest = self.logits.values()
        return all(same_choices(first, other) for other in rest)


def decode_in_turns(setting: Setting, ways: Mapping[str, Callable[[], AbstractContextManager[Opened]]]) -> Decoded:
    """Run every way once a repetition, in random order."""
    found, rng = Decoded({name: Arm() for name in ways}), np.random.default_rng(setting.seed)
    counted: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ways}
    for _ in range(setting.repetitions):
        for name in rng.permutation(list(ways)).tolist():
            with ways[name]() as opened:
                run = _run(setting, opened)
            found.arms[name].times_ns.append(run.ns_per_token)
            found.logits.setdefault(name, run.logits)
            for fact, value in run.facts.items():
                counted[name][fact].append(value)
    for name, facts in counted.items():
        found.arms[name].facts = {fact: float(np.mean(values)) for fact, values in facts.items()}
    found.logits = {name: found.logits[name] for name in ways}
    return found


def same_choices(first: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether both choose the same token at every position, or one of two that the first has on a par.

    Shapes: both [T, V].
    """
    ours, theirs = first.argmax(axis=1), other.argmax(axis=1)
    rows = np.arange(len(first))
    lost = first[rows, ours] - first[rows, theirs]
    return bool((lost <= TIE * np.ptp(first, axis=1)).all())


@dataclass(frozen=True, slots=True)
class _OneRun:
    ns_per_token: float
    logits: NDArray[np.float32]
    facts: dict[str, float]


def _run(setting: Setting, opened: Opened) -> _OneRun:
    session = opened.session
    engine = session.engine
    with ExitStack() as stack:
        if setting.limit_bytes is not None:
            stack.enter_context(memory_limit(setting.limit_bytes, engine))
        elif not setting.cold:
            engine.warm()
        for token in setting.ids[: setting.warmup]:
            session.feed([token])
        opened.begin()
        return _timed(setting, opened)


def _timed(setting: Setting, opened: Opened) -> _OneRun:
    session = opened.session
    engine = session.engine
    bytes_read, read_ns, device = engine.bytes_read, engine.read_ns, _device_bytes()
    spent_ns, logits = 0, []
    for token in setting.ids[setting.warmup : setting.warmup + setting.tokens]:
        if setting.start == "cold":
            engine.evict()
        start_ns = perf_counter_ns()
        out = session.feed([token])
        spent_ns += perf_counter_ns() - start_ns
        logits.append(np.array(out, np.float32))
    count = len(logits)
    facts = {
        "read wait ms a token": (engine.read_ns - read_ns) / count / 1e6,
        "MB read a token": (engine.bytes_read - bytes_read) / count / 1e6,
    }
    if device is not None:
        from_device = ((_device_bytes() or 0) - device) / count
        facts["MB from the device a token"] = from_device / 1e6
        facts["share not from the device"] = max(0.0, 1 - from_device / setting.wanted_bytes(engine.top_k))
    return _OneRun(spent_ns / count, np.stack(logits), facts | opened.facts())


def _device_bytes() -> int | None:
    with suppress(PageCacheError):
        return open_probe().device_bytes_read()
    return None
