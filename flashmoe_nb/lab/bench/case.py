"""One measurement in a fresh process: `python -m flashmoe_nb.lab.bench.case CASE` ends in a JSON line, its `Measured`.

Peak memory belongs to a process's whole life, so nothing else may run in it. Knows no tables and no allowances.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Literal

import numpy as np

from flashmoe_nb.lab.bench.rss import measure_rss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Feed = Callable[[list[int]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Case:
    """What to run."""

    name: str
    system: Literal["flashmoe_nb", "mlx-lm"]
    folder: str
    prompt_tokens: int
    decode_tokens: int
    top_k: int | None = None
    """None takes the checkpoint's own."""
    memory_budget: int | None = None
    ops: str = "auto"
    """Of flashmoe_nb."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What an engine says it keeps, in bytes."""

    resident_bytes: int
    slot_bytes: int
    state_bytes: int
    """Delta-net memories and the KV cache as it is allocated at the end of the run."""

    @property
    def kept_bytes(self) -> int:
        """All of it."""
        return self.resident_bytes + self.slot_bytes + self.state_bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out."""

    peak_rss_bytes: int
    anon_bytes: int | None
    file_bytes: int | None
    interpreter_bytes: int
    """Peak before the checkpoint was opened: interpreter, libraries and tokenizer."""
    memory: Memory | None
    open_ns: int
    prompt_ns: int
    decode_ns: list[int]
    """Of each decoded token."""
    bytes_read: int
    """Expert bytes asked of the file system."""
    tokens: list[int]
    """Greedy continuation of the prompt, `decode_tokens` long and one."""


def run_case(case: Case) -> Measured:
    """Run it here."""
    return _run_flashmoe(case) if case.system == "flashmoe_nb" else _run_mlx_lm(case)


def prompt_ids(n_tokens: int, vocab_size: int) -> list[int]:
    """Seeded and spread over the vocabulary, as routing would be by a text."""
    return [int(token) for token in np.random.default_rng(n_tokens).integers(0, vocab_size, n_tokens)]


def _run_flashmoe(case: Case) -> Measured:
    from flashmoe_nb.engine import open_engine  # noqa: PLC0415 - the other system's process must not hold it
    from flashmoe_nb.model.state import KV_STEP  # noqa: PLC0415
    from flashmoe_nb.text import Tokenizer  # noqa: PLC0415

    folder = Path(case.folder)
    tokenizer = Tokenizer.open(folder)
    interpreter = measure_rss()
    del tokenizer
    start_ns = perf_counter_ns()
    with open_engine(folder, top_k=case.top_k, memory_budget=case.memory_budget, ops=case.ops) as engine:
        open_ns = perf_counter_ns() - start_ns
        session = engine.session()
        vocab_size = engine.config.vocab_size
        times_ns, tokens = _generate(case, vocab_size, lambda ids: np.array(session.feed(ids)))
        plan = engine.memory
        kv_bytes = -(-session.position // KV_STEP) * KV_STEP * plan.kv_bytes_per_token
        memory = Memory(plan.resident_bytes, plan.slot_bytes, plan.state_bytes + kv_bytes)
        rss = measure_rss()
        return Measured(
            rss.peak_bytes,
            rss.anon_bytes,
            rss.file_bytes,
            interpreter.peak_bytes,
            memory,
            open_ns,
            times_ns[0],
            times_ns[1:],
            engine.bytes_read,
            tokens,
        )


def _run_mlx_lm(case: Case) -> Measured:
    """All weights resident, float32 activations: on a CPU its fastest."""
    import mlx.core as mx  # noqa: PLC0415
    from mlx_lm.models.cache import make_prompt_cache  # noqa: PLC0415
    from mlx_lm.utils import load_model  # noqa: PLC0415

    interpreter = measure_rss()
    start_ns = perf_counter_ns()
    model, config = load_model(Path(case.folder), lazy=True)
    model.set_dtype(mx.float32)
    for layer in model.layers if case.top_k else ():
        layer.mlp.top_k = case.top_k
    mx.eval(model.parameters())
    open_ns = perf_counter_ns() - start_ns
    cache = make_prompt_cache(model)
    vocab_size = config.get("text_config", config)["vocab_size"]
    times_ns, tokens = _generate(case, vocab_size, lambda ids: np.array(model(mx.array([ids]), cache=cache)[0, -1]))
    rss = measure_rss()
    peak, anon, file = rss.peak_bytes, rss.anon_bytes, rss.file_bytes
    return Measured(peak, anon, file, interpreter.peak_bytes, None, open_ns, times_ns[0], times_ns[1:], 0, tokens)


def _generate(case: Case, vocab_size: int, feed: Feed) -> tuple[list[int], list[int]]:
    """Greedily; times of the prompt and of each token after it, and the tokens."""
    times_ns, tokens, ids = [], [], prompt_ids(case.prompt_tokens, vocab_size)
    for _ in range(case.decode_tokens + 1):
        start_ns = perf_counter_ns()
        tokens.append(int(feed(ids).argmax()))
        times_ns.append(perf_counter_ns() - start_ns)
        ids = tokens[-1:]
    return times_ns, tokens


if __name__ == "__main__":
    print(json.dumps(asdict(run_case(Case(**json.loads(sys.argv[1]))))))
