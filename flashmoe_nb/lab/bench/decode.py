"""Suites `decode` and `prefill`: milliseconds a token by context and page cache, bytes a prompt token by length."""

from __future__ import annotations

import statistics
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

import flashmoe_nb.engine as fm
from flashmoe_nb.lab.bench.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb.lab.bench.options import Options

CONTEXTS = (0, 1024, 4096, 16384)
PROMPTS = (1, 16, 128, 512)


def decode(options: Options) -> Iterator[Table]:
    """Warm and cold on the 397B shape; by context on the 35B shape."""
    folder = options.checkpoint("qwen3.5-397b", 2, vocab=4096)
    with fm.open_engine(folder, top_k=options.active(folder), ops=options.ops) as engine:
        table = Table(
            "decode",
            f"Decode, {engine!r}",
            ("page cache", "ms a token, median", "p95", "MB read a token", "GB/s if reads were all"),
        )
        for cold in (False, True):
            times_ns, nbytes = _decode(engine, options.tokens, cold=cold)
            median_ns = statistics.median(times_ns)
            table.add(
                "cold" if cold else "warm",
                median_ns / 1e6,
                float(np.percentile(times_ns, 95)) / 1e6,
                nbytes / len(times_ns) / 1e6,
                nbytes / sum(times_ns),
            )
        yield table
    folder = options.checkpoint("qwen3.5-35b", 4, vocab=4096)
    with fm.open_engine(folder, top_k=options.active(folder), ops=options.ops) as engine:
        yield _by_context(engine, options)


def prefill(options: Options) -> Iterator[Table]:
    """Prompts of growing length: each expert is read once a layer and chunk, so bytes a token fall."""
    folder = options.checkpoint("qwen3.5-397b", 2, vocab=4096)
    with fm.open_engine(folder, top_k=options.active(folder), ops=options.ops) as engine:
        columns = ("prompt tokens", "s", "tokens/s", "MB read a token")
        table = Table("prefill", f"Prefill, warm, {engine!r}", columns)
        engine.warm()
        for count in PROMPTS:
            before = engine.bytes_read
            seconds = min(_feed_ns(engine.session(), _ids(count, engine)) for _ in range(options.rounds)) / 1e9
            nbytes = (engine.bytes_read - before) / options.rounds
            table.add(count, seconds, count / seconds, nbytes / count / 1e6)
        yield table


def _by_context(engine: fm.Engine, options: Options) -> Table:
    columns = ("tokens before", "ms a token, median", "state MB")
    table = Table("context", f"Decode by context, warm, {engine!r}", columns)
    engine.warm()
    session = engine.session()
    plan = engine.memory
    for context in CONTEXTS:
        if context + options.tokens > engine.max_context:
            table.notes.append(f"{context} tokens are beyond this engine's {engine.max_context}")
            break
        if context > session.position:
            session.feed(_ids(context - session.position, engine))
        fork = session.fork()
        times_ns = [_feed_ns(fork, [token]) for token in _ids(options.tokens, engine)]
        state = plan.state_bytes + fork.position * plan.kv_bytes_per_token
        table.add(context, statistics.median(times_ns) / 1e6, state / 1e6)
    return table


def _decode(engine: fm.Engine, count: int, *, cold: bool) -> tuple[list[int], int]:
    """Times of random tokens after three to warm up; evicted before each where cold."""
    session, ids = engine.session(), _ids(count + 3, engine)
    engine.warm()
    for token in ids[:3]:
        session.feed([token])
    before, times_ns = engine.bytes_read, []
    for token in ids[3:]:
        if cold:
            engine.evict()
        times_ns.append(_feed_ns(session, [token]))
    return times_ns, engine.bytes_read - before


def _feed_ns(session: fm.Session, ids: list[int]) -> int:
    start_ns = perf_counter_ns()
    session.feed(ids)
    return perf_counter_ns() - start_ns


def _ids(count: int, engine: fm.Engine) -> list[int]:
    """Seeded and spread over the vocabulary, as routing would be by a text."""
    return [int(token) for token in np.random.default_rng(count).integers(0, engine.config.vocab_size, count)]
