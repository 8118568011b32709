"""Traces of made-up runs: arrays alone, no model."""

from pathlib import Path

import numpy as np

from flashmoe_nb.events import Stage
from flashmoe_nb.observe import Trace
from flashmoe_nb.observe.facts import TraceFacts
from flashmoe_nb.observe.schema import COLUMNS, DECODE, PREFILL, empty_columns
from flashmoe_nb.observe.segments import Segments

Columns = dict[str, np.ndarray]
_MOMENTS = ("start", "routed", "read", "end")


def facts(layers: int = 3, num_experts: int = 16, top_k: int = 4) -> TraceFacts:
    return TraceFacts(
        model="made-up", model_type="qwen3_5_moe", fingerprint="0" * 16, num_layers=layers,
        sparse_layers=tuple(range(layers)), num_experts=num_experts, top_k=top_k, own_top_k=top_k, expert_bytes=1000,
        experts="packed", residency_per_expert=True, policy="trust-os", back_end="mlx, float32, CPU", machine="a desk",
        started="2026-11-23T00:00:00+00:00", started_ns=0, stages=tuple(Stage), software="flashmoe-nb 0",
    )  # fmt: skip


def columns(of: TraceFacts, prompt: int, decoded: int, seed: int = 0) -> Columns:
    """A prefill of `prompt` tokens and `decoded` more; every pass reads the union of its experts."""
    rng = np.random.default_rng(seed)
    tokens, layers, top_k = prompt + decoded, len(of.sparse_layers), of.top_k
    made: Columns = dict(empty_columns(of.axes))
    scores = rng.random((tokens, layers, of.num_experts))
    weights = -np.sort(-rng.random((tokens, layers, top_k)), axis=-1)
    row = np.arange(tokens)
    starts = np.where(row < prompt, 0, row)
    made |= {
        "token_id": rng.integers(0, 100, tokens),
        "position": row,
        "turn": np.ones(tokens),
        "phase": np.where(row < prompt, PREFILL, DECODE),
        "pass_start": starts,
        "start_ns": 1000 * starts,
        "end_ns": 1000 * starts + 900,
        **_layer_times(1000 * starts, of.num_layers),
        "text_start": row,
        "text_end": row + 1,
        "text": 97 + row % 26,
        "expert_ids": np.argsort(-scores, axis=-1)[..., :top_k],
        "routing_weights": weights / weights.sum(-1, keepdims=True),
        "router_entropy": rng.random((tokens, layers)),
        "kept_mass": rng.random((tokens, layers)),
        "router_margin": rng.random((tokens, layers)),
        "token_rank": np.zeros(tokens),
        "token_logprob": np.zeros(tokens),
        "sampled_from_entropy": np.zeros(tokens),
        "sampled_from_ids": np.zeros((tokens, 5)),
        "sampled_from_logprobs": np.zeros((tokens, 5)),
    }
    reads = [
        (start, layer, expert)
        for start in np.unique(starts)
        for layer in range(layers)
        for expert in np.unique(made["expert_ids"][starts == start, layer])
    ]
    made |= _reads(np.array(reads, np.int64).reshape(-1, 3), of.expert_bytes, rng)
    return {column.name: made[column.name].astype(column.dtype) for column in COLUMNS}


def made_trace(prompt: int = 5, decoded: int = 12, seed: int = 0, of: TraceFacts | None = None) -> Trace:
    """In memory."""
    of = of or facts()
    return Trace(of, Segments([columns(of, prompt, decoded, seed)]), None, complete=True)


def with_columns(trace: Trace, **replaced: np.ndarray) -> Trace:
    """The same trace with other values in some columns."""
    made = {column.name: np.array(trace.column(column.name)) for column in COLUMNS} | replaced
    return Trace(trace.facts, Segments([made]), None, complete=True)


def same(one: Trace, other: Trace) -> bool:
    """Every column equal, unknown values in the same places."""
    return all(np.array_equal(one.column(c.name), other.column(c.name), equal_nan="float" in c.dtype) for c in COLUMNS)


def saved(trace: Trace, folder: Path) -> Path:
    """On disk."""
    return trace.save(folder / "made.safetensors")


def _layer_times(starts: np.ndarray, layers: int) -> Columns:
    """Layers of 40 ns, one after the other: 20 to the choice, 10 to the last read."""
    begin = starts[:, None] + 10 + 40 * np.arange(layers)
    return {f"layer_{name}_ns": begin + after for name, after in zip(_MOMENTS, (0, 20, 30, 40), strict=True)}


def _reads(rows: np.ndarray, nbytes: int, rng: np.random.Generator) -> Columns:
    count = len(rows)
    begin = rows[:, 0] * 1000 + np.arange(count)
    return {
        "read_token": rows[:, 0],
        "read_layer": rows[:, 1],
        "read_expert": rows[:, 2],
        "read_slot": np.arange(count) % 8,
        "read_bytes": np.full(count, nbytes),
        "read_start_ns": begin,
        "read_end_ns": begin + 10,
        "read_thread": np.arange(count) % 2,
        "read_calls": np.ones(count),
        "read_resident_fraction_before": rng.integers(0, 2, count),
    }
