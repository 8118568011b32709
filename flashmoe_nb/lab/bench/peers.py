"""Suite `peers`: the same files decoded by flashmoe_nb and by mlx-lm with everything resident, in turns.

Every run has a process of its own; the ratio is taken pair by pair, and the greedy tokens must be equal. mlx-lm gets
float32 activations and scales, on a CPU its fastest. Page cache warm, K alike.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flashmoe_nb.engine.demo import demo_source, packed_demo
from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.lab.bench.case import Case, Measured, Memory
from flashmoe_nb.lab.bench.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flashmoe_nb.lab.bench.options import Options

LARGE_VOCAB, SMALL_VOCAB = 248_320, 4096
PREFILL_TOKENS = 512


def run(options: Options) -> Iterator[Table]:
    """Decode on the 397B shape with both vocabularies, prefill, and the demo model."""
    if find_spec("mlx_lm") is None:
        table = Table("peers", "Peers", ("system",))
        table.notes.append("mlx-lm is not installed, so there is nobody to compare with: pip install mlx-lm")
        yield table
        return
    columns = (
        "model",
        "run",
        "flashmoe_nb",
        "mlx-lm",
        "times faster, by pair",
        "RSS MB",
        "mlx-lm RSS MB",
        "same tokens",
    )
    table = Table("peers", "Side by side, page cache warm; tokens/s", columns)
    for name, ours, theirs, case in _pairs(options):
        _compare(
            table, name, replace(case, folder=str(ours)), replace(case, system="mlx-lm", folder=str(theirs)), options
        )
    yield table


def _pairs(options: Options) -> Iterator[tuple[str, Path, Path, Case]]:
    """(name, our folder, their folder, what to run)."""
    for vocab in (SMALL_VOCAB,) if options.model else (SMALL_VOCAB, LARGE_VOCAB):
        folder = options.checkpoint("qwen3.5-397b", 2, vocab=None if vocab == LARGE_VOCAB else vocab)
        case = Case("decode", "flashmoe_nb", "", 4, options.tokens, options.active(folder), ops=options.ops)
        name = options.model.name if options.model else f"397B shape, 2 layers, vocabulary {vocab:,}"
        yield name, folder, folder, case
        if vocab == SMALL_VOCAB:
            yield name, folder, folder, replace(case, name="prefill", prompt_tokens=PREFILL_TOKENS, decode_tokens=1)
    if options.model is None:
        try:
            source, packed = demo_source(), packed_demo()[0]
        except CheckpointError:
            return
        case = Case("decode", "flashmoe_nb", "", 4, 20 * options.tokens, ops=options.ops)
        yield "demo model, packed", packed, source, case
        yield "demo model, in place", source, source, case


def _compare(table: Table, name: str, ours: Case, theirs: Case, options: Options) -> None:
    """Pairs in turns; the first of each pair alternates."""
    rows: list[tuple[float, float]] = []
    found: dict[str, Measured] = {}
    for number in range(options.rounds):
        for case in (ours, theirs) if number % 2 else (theirs, ours):
            found[case.system] = run_in_process(case)
        rows.append((_speed(ours, found["flashmoe_nb"]), _speed(theirs, found["mlx-lm"])))
    one, other = found["flashmoe_nb"], found["mlx-lm"]
    table.add(
        name,
        ours.name,
        statistics.median(mine for mine, _ in rows),
        statistics.median(other for _, other in rows),
        " ".join(f"{mine / other:.2f}" for mine, other in rows),
        round(one.peak_rss_bytes / 1e6),
        round(other.peak_rss_bytes / 1e6),
        one.tokens == other.tokens,
    )


def _speed(case: Case, measured: Measured) -> float:
    """Tokens a second: of the prompt, or the median decoded one."""
    if case.name == "prefill":
        return case.prompt_tokens / measured.prompt_ns * 1e9
    return 1e9 / statistics.median(measured.decode_ns)


def run_in_process(case: Case) -> Measured:
    """One case in a fresh process."""
    command = [sys.executable, "-m", "flashmoe_nb.lab.bench.case", json.dumps(asdict(case))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    fields = json.loads(done.stdout.splitlines()[-1])
    memory = fields.pop("memory")
    return Measured(memory=Memory(**memory) if memory else None, **fields)
