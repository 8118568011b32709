"""Suite `watch`: what it costs to record a trace, to step through every stage, and to wait at a breakpoint.

The same tokens go through forks of one session, one way after the other, token by token, so that whatever else the
machine does falls on all alike. Cost is CPU time of the process, all threads; the bound is that of the mean ratio.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import TYPE_CHECKING

import numpy as np

import flashmoe_nb.engine as fm
from flashmoe_nb.engine.demo import packed_demo
from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.observe import Debugger, load_trace, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flashmoe_nb.lab.bench.options import Options

PAIRS = 1000
"""Tokens on the demo model; a true shape takes as many as the options say."""


def run(options: Options) -> Iterator[Table]:
    """The demo model and the 397B shape, or the model given."""
    folders = [(options.checkpoint("qwen3.5-397b", 2, vocab=4096), options.tokens)]
    if options.model is None:
        with suppress(CheckpointError):
            folders.insert(0, (packed_demo()[0], PAIRS))
    for folder, n_tokens in folders:
        top_k = None if n_tokens == PAIRS else options.active(folder)
        with fm.open_engine(folder, top_k=top_k, ops=options.ops) as engine:
            yield _measure(engine, n_tokens)


def _measure(engine: fm.Engine, n_tokens: int) -> Table:
    columns = ("way", "tokens", "CPU ms a token", "against unwatched", "upper 95 % bound")
    table = Table("watch", f"What watching costs, {engine!r}", columns)
    ids = [int(token) for token in np.random.default_rng(0).integers(0, engine.config.vocab_size, n_tokens + 8)]
    start = engine.session()
    engine.warm()
    start.feed(ids[:8])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.safetensors"
        with ExitStack() as stack:
            spent = _spend(_ways(start, stack, path), ids[8:])
        table.notes.append(_evidence(path))
    plain = spent["unwatched"]
    for name, times in spent.items():
        mean, bound = ratio(times, plain)
        table.add(name, len(times), statistics.mean(times) / 1e6, mean, bound)
    return table


def _spend(ways: dict[str, Callable[[int], object]], ids: Sequence[int]) -> dict[str, list[int]]:
    """CPU time of each token each way, the ways taking turns at going first."""
    spent: dict[str, list[int]] = {name: [] for name in ways}
    names = list(ways)
    for number, token in enumerate(ids):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begin_ns = process_time_ns()
            ways[name](token)
            spent[name].append(process_time_ns() - begin_ns)
    return spent


def _evidence(path: Path) -> str:
    """What the trace holds, and how soon it answers."""
    begin_ns = perf_counter_ns()
    trace = load_trace(path)
    opened_ns = perf_counter_ns()
    counts = trace.layer_count(trace.sparse_layers[-1])
    counted_ns = perf_counter_ns()
    took = (
        f"opened in {(opened_ns - begin_ns) / 1e6:.1f} ms, a layer's counts in {(counted_ns - opened_ns) / 1e6:.1f} ms"
    )
    held = f"{len(trace):,} tokens, {len(trace.reads):,} reads, {counts.sum():,} choices a layer"
    return f"the trace: {held}, {path.stat().st_size / 1e6:.1f} MB; {took}"


def _ways(start: fm.Session, stack: ExitStack, path: Path) -> dict[str, Callable[[int], object]]:
    """Each on a fork of its own."""
    plain, traced, stepped = start.fork(), start.fork(), start.fork()
    stack.enter_context(record(traced, path))
    waiting = Debugger(start.fork())
    waiting.break_at(layer=0, expert=0)

    def step(token: int) -> None:
        for _ in stepped.steps([token]):
            pass

    def wait(token: int) -> None:
        waiting.add([token])
        while waiting.run() is not None:
            pass

    return {
        "unwatched": lambda token: plain.feed([token]),
        "traced": lambda token: traced.feed([token]),
        "stepped, every stage evaluated": step,
        "breakpoint on expert 0 of layer 0": wait,
    }


def ratio(times: Sequence[int], plain: Sequence[int]) -> tuple[float, float]:
    """Mean over mean, and the upper end of its 95 % interval, by pairs (delta method)."""
    mean, base = statistics.mean(times), statistics.mean(plain)
    times_as_long = mean / base
    rest = [one - times_as_long * other for one, other in zip(times, plain, strict=True)]
    error = statistics.stdev(rest) / math.sqrt(len(rest)) / base if len(rest) > 1 else float("inf")
    return times_as_long, times_as_long + 1.645 * error
