"""Suite `layer`: where the milliseconds of a layer go, by stage, at true shapes; and what Python costs.

Stages are timed stepped, every value evaluated at its stage, warm and cold; the read then includes asking what the page
cache holds. Python's share is taken unwatched: the wall time of a token less the time inside the back end's functions
and inside reads.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import numpy as np

import flashmoe_nb.engine as fm
from flashmoe_nb.engine.decoder import Decoder
from flashmoe_nb.events import Stage
from flashmoe_nb.lab.bench.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flashmoe_nb.lab.bench.options import Options

SHAPES = (("qwen3.5-397b", 2), ("qwen3.5-122b", 4), ("qwen3.5-35b", 4), ("qwen3-next-80b", 4))
_GROUPS = {
    Stage.POST_NORM: "router",
    Stage.ROUTER: "router",
    Stage.EXPERT_READ: "read",
    Stage.EXPERT_COMPUTE: "experts",
    Stage.SHARED_EXPERT: "shared",
    Stage.COMBINE: "combine",
}
"""Every other stage inside a layer belongs to the mixer."""
_NAMES = ("mixer", "router", "read", "experts", "shared", "combine")


def run(options: Options) -> Iterator[Table]:
    """One table for each shape, or for the model given."""
    for shape, layers in SHAPES[:1] if options.model else SHAPES:
        folder = options.checkpoint(shape, layers, vocab=4096)
        with fm.open_engine(folder, top_k=options.active(folder), ops=options.ops) as engine:
            yield _stages(engine, options.tokens)


def _stages(engine: fm.Engine, n_tokens: int) -> Table:
    columns = ("mixer kind", "page cache", *_NAMES, "layer ms")
    table = Table("layer", f"Milliseconds a layer by stage, median, {engine!r}", columns)
    ids = [int(token) for token in np.random.default_rng(0).integers(0, engine.config.vocab_size, n_tokens + 2)]
    for cold in (False, True):
        engine.warm()
        session = engine.session()
        session.feed(ids[:2])
        sums: dict[tuple[str, str], list[float]] = defaultdict(list)
        for token in ids[2:]:
            if cold:
                engine.evict()
            for (kind, group), nanoseconds in _one_token(engine, session, token).items():
                sums[kind, group].append(nanoseconds / 1e6)
        for kind in sorted({kind for kind, _ in sums}):
            cells = [statistics.median(sums[kind, name]) if sums[kind, name] else 0.0 for name in _NAMES]
            table.add(kind, "cold" if cold else "warm", *cells, sum(cells))
    wall_ns, ops_ns, read_ns = _unwatched(engine, ids)
    rest = (wall_ns - ops_ns - read_ns) / len(engine.config.mixer_kinds) / 1e6
    table.notes.append(
        f"what Python costs, unwatched, warm: {rest:.3f} ms a layer outside back end and reads, of a token's "
        f"{wall_ns / 1e6:.2f} ms"
    )
    return table


def _one_token(engine: fm.Engine, session: fm.Session, token: int) -> dict[tuple[str, str], float]:
    """Mean nanoseconds of each stage group over the layers of a kind."""
    kinds = engine.config.mixer_kinds
    total: dict[tuple[str, str], float] = defaultdict(float)
    for event in session.steps([token]):
        if event.layer is not None:
            kind = str(kinds[event.layer])
            total[kind, _GROUPS.get(event.stage, "mixer")] += (event.end_ns - event.start_ns) / kinds.count(
                kinds[event.layer]
            )
    return total


class _TimedOps:
    """A back end whose functions are timed; everything else is passed through."""

    def __init__(self, ops: Any) -> None:
        self._ops = ops
        self.spent_ns = 0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._ops, name)
        return self._timed(value) if callable(value) else value

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start_ns = perf_counter_ns()
            try:
                return function(*arguments, **options)
            finally:
                self.spent_ns += perf_counter_ns() - start_ns

        return call


def _unwatched(engine: fm.Engine, ids: list[int]) -> tuple[float, float, float]:
    """Medians of a token: wall time, time in the back end, time in reads."""
    plain = engine._decoder  # noqa: SLF001 - put back below; the engine offers no way to time its own back end
    assert plain is not None
    timed = _TimedOps(plain.model.ops)
    session, rows = engine.session(), []
    engine.warm()
    engine._decoder = Decoder(replace(plain.model, ops=timed))  # noqa: SLF001 - as above
    try:
        for token in ids:
            start_ns, spent_ns, read_ns = perf_counter_ns(), timed.spent_ns, engine.read_ns
            session.feed([token])
            rows.append((perf_counter_ns() - start_ns, timed.spent_ns - spent_ns, engine.read_ns - read_ns))
    finally:
        engine._decoder = plain  # noqa: SLF001 - as above
    wall, ops, read = (statistics.median(column) for column in zip(*rows[2:], strict=True))
    return wall, ops, read
