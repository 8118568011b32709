"""Suite `memory`: peak memory on two layers of the true 397B shape, each case in a process of its own.

The engine is allowed what it says it keeps (resident weights, expert slots, state with keys and values) and 250 MB for
everything else, the interpreter included; in the case with a budget, that budget and the interpreter. mlx-lm runs on
the same files with all weights resident; greedy tokens are compared.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.engine.budget import plan_memory, resident_bytes
from flashmoe_nb.engine.checkpoint import open_checkpoint
from flashmoe_nb.engine.experts import slot_bytes
from flashmoe_nb.engine.options import DEFAULT_SLOTS
from flashmoe_nb.lab.bench.case import Case, Measured
from flashmoe_nb.lab.bench.peers import run_in_process
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.model.state import KV_STEP
from flashmoe_nb.ops import open_ops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flashmoe_nb.lab.bench.options import Options

ALLOWANCE_BYTES = 250_000_000
_CHUNK_TOKENS = 512
"""A whole prefill chunk: what the working memory in a budget must be enough for."""
_SIZES = ("weights", "slots", "state+KV", "interpreter", "allowed", "peak RSS", "MB read")
_COLUMNS = ("run", *_SIZES, "kept to it", "s a token")


@dataclass(frozen=True, slots=True)
class Row:
    """A case, what came out, and what it was allowed."""

    case: Case
    measured: Measured
    allowed_bytes: int | None
    """None for the other system."""

    @property
    def passed(self) -> bool | None:
        """Whether it kept to what it was allowed."""
        return None if self.allowed_bytes is None else self.measured.peak_rss_bytes <= self.allowed_bytes

    def sizes(self) -> tuple[int | None, ...]:
        """Bytes, in the order of the columns; None where the other system does not say."""
        found, memory = self.measured, self.measured.memory
        used = found.interpreter_bytes, self.allowed_bytes, found.peak_rss_bytes
        if memory is None:
            return (None, None, None, *used, None)
        return (memory.resident_bytes, memory.slot_bytes, memory.state_bytes, *used, found.bytes_read)


def run(options: Options) -> Iterator[Table]:
    """Decode, prefill, the smallest budget, and mlx-lm."""
    folder = options.checkpoint("qwen3.5-397b", 2)
    title = f"Peak memory in MB = 10^6 bytes, {folder.name}, decode of 1 and {options.tokens} tokens"
    yield tabulated([_measure(case) for case in _cases(folder, options)], title)


def tabulated(rows: list[Row], title: str) -> Table:
    """One line a case."""
    table = Table("memory", title, _COLUMNS)
    for row in rows:
        table.add(row.case.name, *map(_megabytes, row.sizes()), row.passed, _seconds_per_token(row))
    table.notes.append(f"greedy tokens of flashmoe_nb and mlx-lm: {'equal' if _same_tokens(rows) else 'DIFFERENT'}")
    return table


def _cases(folder: Path, options: Options) -> list[Case]:
    path, budget, count = str(folder), _smallest_budget(folder, _CHUNK_TOKENS + KV_STEP, options.ops), options.tokens
    moe = open_checkpoint(folder, "auto").config.moe
    assert moe is not None
    own = f"K={moe.top_k}"
    small = f"prefill, {_CHUNK_TOKENS} tokens, {own}, smallest `memory_budget`"
    return [
        Case("decode, K=4", "flashmoe_nb", path, 1, count, top_k=4, ops=options.ops),
        Case(f"decode, {own}", "flashmoe_nb", path, 1, count, ops=options.ops),
        Case(f"prefill, 200 tokens, {own}", "flashmoe_nb", path, 200, 1, ops=options.ops),
        Case(small, "flashmoe_nb", path, _CHUNK_TOKENS, 1, None, budget, options.ops),
        Case(f"mlx-lm, decode, {own}, all resident", "mlx-lm", path, 1, count),
        Case("mlx-lm, prefill, 200 tokens", "mlx-lm", path, 200, 1),
    ]


def _smallest_budget(folder: Path, positions: int, ops: str) -> int:
    """What `fm.open` asks for at least, with keys and values for so many positions."""
    checkpoint = open_checkpoint(folder, "auto")
    assert checkpoint.routed is not None
    backend = open_ops(ops, None, checkpoint.dtype)
    resident = resident_bytes(checkpoint.index, checkpoint.names, checkpoint.config, backend, stream_dense=False)
    plan = plan_memory(checkpoint.config, resident, slot_bytes([checkpoint.routed], DEFAULT_SLOTS), backend.dtype, None)
    return plan.fixed_bytes + positions * plan.kv_bytes_per_token


def _measure(case: Case) -> Row:
    measured = run_in_process(case)
    if measured.memory is None:
        return Row(case, measured, None)
    if case.memory_budget is not None:  # the interpreter comes on top of a budget
        return Row(case, measured, case.memory_budget + measured.interpreter_bytes)
    return Row(case, measured, measured.memory.kept_bytes + ALLOWANCE_BYTES)


def _same_tokens(rows: list[Row]) -> bool:
    """Whether both systems went on alike wherever both ran the same."""
    answers: dict[tuple[int, int], list[list[int]]] = {}
    for row in rows:
        if row.case.top_k is None:
            key = row.case.prompt_tokens, row.case.decode_tokens
            answers.setdefault(key, []).append(row.measured.tokens)
    return all(first == other for first, *others in answers.values() for other in others)


def _megabytes(nbytes: int | None) -> int | None:
    return None if nbytes is None else round(nbytes / 1e6)


def _seconds_per_token(row: Row) -> float:
    if row.case.prompt_tokens > 1:
        return row.measured.prompt_ns / row.case.prompt_tokens / 1e9
    return statistics.median(row.measured.decode_ns) / 1e9
