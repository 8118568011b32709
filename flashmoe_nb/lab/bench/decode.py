"""Suites `decode` and `prefill`: milliseconds a token by context and page cache, bytes a prompt token by length."""

from __future__ import annotations

import statistics
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

import flashmoe_nb.engine as fm
from flashmoe_nb.engine.options import check_threads
from flashmoe_nb.lab.bench.reads import bare_ns
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
        yield _against_disk(engine, options)
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


def _against_disk(engine: fm.Engine, options: Options) -> Table:
    """Cold decode against the sum of its parts: the same bytes bare from the disk, and the same tokens warm."""
    columns = ("cold, ms a token", "bare reads, ms", "GB/s", "warm, ms", "cold over both")
    table = Table("disk", f"Cold decode against this disk, {engine!r}", columns)
    store, rng, session = engine.checkpoint.routed, np.random.default_rng(1), engine.session()
    assert store is not None, "a dense model reads no experts"
    taken: dict[str, list[int]] = {"cold": [], "bare": [], "warm": []}
    for token in _ids(options.tokens * options.rounds, engine):
        wanted = {n: rng.permutation(store.num_experts(n))[: engine.top_k].tolist() for n in store.layers}
        engine.evict()
        taken["bare"].append(bare_ns(store, wanted, check_threads(None)))
        fork = session.fork()
        engine.evict()
        taken["cold"].append(_feed_ns(session, [token]))
        taken["warm"].append(_feed_ns(fork, [token]))
    nbytes = engine.top_k * sum(store.layout(n).payload_bytes for n in store.layers)
    cold_ms, bare_ms, warm_ms = (statistics.median(taken[name]) / 1e6 for name in ("cold", "bare", "warm"))
    table.add(cold_ms, bare_ms, nbytes / bare_ms / 1e6, warm_ms, cold_ms / (bare_ms + warm_ms))
    table.notes.append("medians of as many tokens, the three in turns; bare reads are of random experts")
    return table


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
    if len(table.rows) > 1:
        contexts, times_ms, _ = zip(*table.rows, strict=True)
        slope, start = np.polyfit(np.array(contexts, float), np.array(times_ms, float), 1)
        table.notes.append(f"a line through them: {start:.2f} ms and {1000 * slope:.3f} ms for each 1,000 tokens")
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
