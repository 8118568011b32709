"""Experiments that read before the router has spoken: guesses from the token before, from the next router, and truth.

While layer L computes, the system is asked (WILLNEED; on macOS F_RDADVISE, as the original did) for the experts that
layer L+1 is guessed to want. A guess fills no slot, so it can change no token. Hits and waste are counted; the control
that knows everything shows what overlap of reading and computing could bring at most, the one that guesses at random
what wrong guesses cost.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.events import Stage
from flashmoe_nb.lab.rerun.caches import chosen_experts
from flashmoe_nb.lab.rerun.decoding import Opened, decode_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.routers import load_routers
from flashmoe_nb.lab.rerun.swapped import swapped_reader
from flashmoe_nb.storage import ExpertReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.events import ExpertRead, StageEvent
    from flashmoe_nb.lab.rerun.setting import Setting
    from flashmoe_nb.ops import Linear
    from flashmoe_nb.storage import ExpertStore, SlotBuffers

    Ways = dict[str, Callable[[], AbstractContextManager[Opened]]]
    Guess = Callable[[int, int], Sequence[int]]
    """(number of the read since the session began, layer about to come) -> experts."""

_F_RDADVISE = 44
"""Of macOS, sys/fcntl.h; takes a struct radvisory {off_t, int}."""


class Prefetcher:
    """The engine's own reader, and advice about the next layer after each read."""

    def __init__(self, store: ExpertStore, n_threads: int, guess: Guess | None) -> None:
        self._reader, self._store, self.guess = ExpertReader(store, n_threads), store, guess
        self._fds = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in store.files]
        self._adviser = ThreadPoolExecutor(1, "flashmoe-advise")
        self._following = dict(zip(store.layers, (*store.layers[1:], store.layers[0]), strict=True))
        self._guessed: dict[int, frozenset[int]] = {}
        self._reads = 0
        self.wanted = self.hits = self.advised = 0

    @property
    def bytes_read(self) -> int:
        """Since it was made."""
        return self._reader.bytes_read

    @property
    def n_reads(self) -> int:
        """Experts, since it was made."""
        return self._reader.n_reads

    def read(
        self, layer: int, requests: Sequence[tuple[int, int]], slots: SlotBuffers, **options: Any
    ) -> tuple[ExpertRead, ...]:
        """As the reader does; then tell the system what comes next."""
        asked = {expert for expert, _ in requests}
        guessed = self._guessed.pop(layer, frozenset())
        self.wanted += len(asked)
        self.advised += len(guessed)
        self.hits += len(asked & guessed)
        reads = self._reader.read(layer, requests, slots, **options)
        self._reads += 1
        if self.guess is not None:
            following = self._following[layer]
            self.advise(following, self.guess(self._reads, following))
        return reads

    def advise(self, layer: int, experts: Sequence[int]) -> None:
        """In the background, so that the call itself takes no time from the token."""
        self._guessed[layer] = frozenset(experts)
        for expert in self._guessed[layer]:
            for part in self._store.ranges(layer, expert):
                self._adviser.submit(_advise, self._fds[part.file], part.offset, part.nbytes)

    def facts(self) -> dict[str, float]:
        """Shares of what was wanted that had been guessed, and of the guesses that nobody wanted."""
        if not self.advised:
            return {}
        return {
            "guessed of wanted": self.hits / max(1, self.wanted),
            "wasted of guesses": 1 - self.hits / self.advised,
        }

    def begin(self) -> None:
        """Count from here."""
        self.wanted = self.hits = self.advised = 0

    def close(self) -> None:
        """End the thread and close the files."""
        self._adviser.shutdown()
        for fd in self._fds:
            os.close(fd)
        self._reader.close()


def _advise(fd: int, offset: int, nbytes: int) -> None:
    """A hint only: a file system that does not take it reads as before."""
    with suppress(OSError):
        if sys.platform == "darwin":
            fcntl.fcntl(fd, _F_RDADVISE, struct.pack("qi", offset, nbytes))
        else:
            os.posix_fadvise(fd, offset, nbytes, os.POSIX_FADV_WILLNEED)


@contextmanager
def _prefetching(setting: Setting, make: Callable[[], Guess] | None) -> Iterator[Opened]:
    made: list[Prefetcher] = []
    guess = make() if make else None

    def reader(store: ExpertStore) -> Prefetcher:
        made.append(Prefetcher(store, min(8, 2 * (os.cpu_count() or 1)), guess))
        return made[0]

    with setting.reopened() as engine, swapped_reader(engine, reader):
        yield Opened(engine.session(), made[0].facts, made[0].begin)


def _known(chosen: NDArray[np.integer], layers: Sequence[int]) -> Guess:
    """What will be wanted, from a run before. Shapes: chosen [N, L, K]."""

    def guess(n_reads: int, layer: int) -> Sequence[int]:
        token = n_reads // len(layers)
        return chosen[token, layers.index(layer)].tolist() if token < len(chosen) else ()

    return guess


def _previous(chosen: NDArray[np.integer], layers: Sequence[int]) -> Guess:
    """What the same layer wanted at the token before; the same values an engine would have remembered."""

    def guess(n_reads: int, layer: int) -> Sequence[int]:
        token = n_reads // len(layers) - 1
        return chosen[token, layers.index(layer)].tolist() if 0 <= token < len(chosen) else ()

    return guess


def _random(num_experts: int, top_k: int) -> Guess:
    rng = np.random.default_rng(0)
    return lambda _, __: rng.choice(num_experts, top_k, replace=False).tolist()


def _from_previous_token(setting: Setting) -> Found:
    chosen, layers, num_experts = _routing(setting)
    ways: Ways = {
        "no prefetch": partial(_prefetching, setting, None),
        "previous token's experts": partial(_prefetching, setting, lambda: _previous(chosen, layers)),
        "control: random experts": partial(_prefetching, setting, lambda: _random(num_experts, setting.engine.top_k)),
        "control: the right experts": partial(_prefetching, setting, lambda: _known(chosen, layers)),
    }
    return Found.of(decode_in_turns(setting, ways), judged=("previous token's experts",))


def _overlap(setting: Setting) -> Found:
    """Guesses that are never wrong: what is left is reading beside computing."""
    chosen, layers, _ = _routing(setting)
    ways: Ways = {
        "read, then compute": partial(_prefetching, setting, None),
        "read while computing": partial(_prefetching, setting, lambda: _known(chosen, layers)),
    }
    decoded = decode_in_turns(setting, ways)
    for arm in decoded.arms.values():
        arm.facts["ms a token outside reads"] = (
            sum(arm.times_ns) / len(arm.times_ns) / 1e6 - arm.facts["read wait ms a token"]
        )
    return Found.of(
        decoded, "the memory controller itself cannot be observed; a slower rest of the token would be its trace"
    )


def _from_next_router(setting: Setting) -> Found:
    chosen, layers, _ = _routing(setting)
    ways: Ways = {
        "no prefetch, watched alike": partial(_watched, setting, None, follow=False),
        "next layer's router on this layer's input": partial(_watched, setting, None, follow=True),
        "control: the right experts": partial(_watched, setting, lambda: _known(chosen, layers), follow=False),
    }
    return Found.of(decode_in_turns(setting, ways), judged=("next layer's router on this layer's input",))


@contextmanager
def _watched(setting: Setting, make: Callable[[], Guess] | None, *, follow: bool) -> Iterator[Opened]:
    """With an observer in any case, so that looking costs the same in all ways."""
    with _prefetching(setting, make) as opened:
        engine = opened.session.engine
        prefetcher: Any = engine._experts._readers[0]  # noqa: SLF001 - the one `swapped_reader` put there
        routers = engine.owner_call(lambda: load_routers(engine)) if follow else {}
        with opened.session.observe(_Follower(engine, routers, prefetcher)):
            yield opened


class _Follower:
    """Applies the next layer's router to what this layer's router is shown; without routers only watches."""

    def __init__(self, engine: Engine, routers: dict[int, Linear], told: Prefetcher) -> None:
        self._engine, self._routers, self._told = engine, routers, told
        layers = sorted(routers)
        self._following = dict(pairwise(layers))

    def __call__(self, event: StageEvent) -> None:
        following = self._following.get(-1 if event.layer is None else event.layer)
        if event.stage is not Stage.POST_NORM or following is None:
            return
        ops, top_k = self._engine.ops, self._engine.top_k
        logits = ops.to_numpy(ops.linear(event.value, self._routers[following]))[-1]
        self._told.advise(following, np.argpartition(-logits, top_k - 1)[:top_k].tolist())


def _routing(setting: Setting) -> tuple[NDArray[np.integer], tuple[int, ...], int]:
    store, moe = setting.engine.checkpoint.routed, setting.engine.config.moe
    assert store is not None
    assert moe is not None
    ids = setting.ids[: setting.warmup + setting.tokens]
    return chosen_experts(setting.engine, ids), store.layers, moe.num_experts


_WHY = (
    "The original overlaps with a GPU that shares its memory controller with the SSD; here the CPU computes, so "
    "advice costs "
    "a core, and hits in the page cache leave little to hide."
)

PREFETCH = (
    Experiment(
        "prefetch-previous-token",
        "The previous token's experts asked for in advance",
        _from_previous_token,
        "25.6 % right, 3.18 against 3.90 tok/s (-18 %)",
        Verdict.SLOWER,
        "The best of the ways listed is the control that knows the answer; look at the row of the previous token. "
        + _WHY,
    ),
    Experiment(
        "prefetch-next-router",
        "The next layer's router asked one layer early",
        _from_next_router,
        "53 % right, 1.70 against 2.75 tok/s (-38 %), cache pollution",
        Verdict.SLOWER,
        _WHY,
    ),
    Experiment(
        "overlap",
        "Reading while computing, with guesses that are never wrong",
        _overlap,
        "reads -31 %, GPU wait +73 %: nothing gained",
        Verdict.NO_DIFFERENCE,
        _WHY,
    ),
)
