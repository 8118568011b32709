"""What the memory plan says is what loading takes, and a budget decides what streams and how long a context may be."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import BudgetError
from tests.oracle.checkpoints import QUANTIZATIONS, Case, write_mlx_checkpoint
from tests.oracle.engine_runs import relative_difference
from tests.oracle.shapes import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROMPT = [(53 * i) % 300 for i in range(70)]


def _held() -> int:
    gc.collect()  # of earlier tests
    mx.clear_cache()
    return mx.get_active_memory()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_plan_is_what_loading_takes(architecture: str, dtype: str, tmp_path: Path) -> None:
    folder = write_mlx_checkpoint(Case(architecture, "4bit-g32-router8", dtype), tmp_path / "m")
    before = _held()
    with fm.open(folder, ops="mlx", dtype=dtype) as engine:
        plan = engine.memory
        assert _held() - before == pytest.approx(plan.resident_bytes, rel=0.02)
        session = engine.session()
        assert _held() - before - plan.resident_bytes == pytest.approx(plan.state_bytes, abs=20_000)
        session.feed([1])
        kv_bytes = 256 * plan.kv_bytes_per_token  # the cache grows by so many positions
        taken = plan.resident_bytes + plan.state_bytes + plan.slot_bytes + kv_bytes
        assert _held() - before == pytest.approx(taken, rel=0.03)
        assert engine.max_context == 4096
    del session
    assert _held() <= before


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dense_model_streams_under_a_budget_with_the_same_logits(quantization: str, dtype: str, tmp_path: Path) -> None:
    folder = write_mlx_checkpoint(Case("qwen3_5", quantization, dtype), tmp_path / "m")
    with fm.open(folder, ops="mlx") as engine:
        plan, notes = engine.memory, engine.facts()
        resident = _answers(engine)
        assert engine.n_reads == 0
    before = _held()
    with fm.open(folder, ops="mlx", memory_budget=plan.fixed_bytes + 256 * plan.kv_bytes_per_token - 1) as engine:
        assert engine.memory.resident_bytes < plan.resident_bytes
        assert _held() - before == pytest.approx(engine.memory.resident_bytes, rel=0.02)
        for name, expected in _answers(engine).items():
            assert relative_difference(resident[name], expected) <= 2e-5, name
        n_feeds, layers = 1 + 4, engine.config.num_layers
        assert engine.n_reads == n_feeds * layers
        assert engine.facts() != notes
    with pytest.raises(BudgetError, match="give more"):
        fm.open(folder, ops="mlx", memory_budget=engine.memory.fixed_bytes)


def test_enough_budget_keeps_dense_layers_resident(dense: Path) -> None:
    """Negative control: one byte more, and nothing streams."""
    with fm.open(dense) as engine:
        plan = engine.memory
    with fm.open(dense, memory_budget=plan.fixed_bytes + 256 * plan.kv_bytes_per_token) as engine:
        assert engine.memory.resident_bytes == plan.resident_bytes
        engine.session().feed([1])
        assert engine.n_reads == 0
        assert engine.max_context == 256


def test_fewer_slots_fit_where_more_do_not(tiny: Path) -> None:
    """The remedy the error names works."""
    with fm.open(tiny, slots=4) as engine:
        budget = engine.memory.fixed_bytes + 256 * engine.memory.kv_bytes_per_token
    with pytest.raises(BudgetError, match="fewer slots"):
        fm.open(tiny, slots=16, memory_budget=budget)
    with fm.open(tiny, slots=4, memory_budget=budget) as engine:
        assert engine.session().feed([1, 2]).shape == (512,)


def test_context_grows_with_the_budget(tiny: Path) -> None:
    with fm.open(tiny) as engine:
        plan = engine.memory
    for steps in (1, 3, 100):
        budget = plan.fixed_bytes + steps * 256 * plan.kv_bytes_per_token
        with fm.open(tiny, memory_budget=budget) as engine:
            assert engine.max_context == min(4096, steps * 256)


def _answers(engine: fm.Engine) -> dict[str, np.ndarray]:
    session = engine.session()
    found = {"prefill": np.array(session.feed(PROMPT))}
    return found | {f"decode {token}": np.array(session.feed([token])) for token in (1, 2, 3, 4)}


@pytest.mark.parametrize("quantization", ["4bit-g32-router8", "2bit-g64"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_plan_is_what_the_cpu_back_end_keeps(quantization: str, dtype: str, tmp_path: Path) -> None:
    """Its scales stay in the checkpoint's 16 bits; numpy's memory is traced, slots are mapped and are not."""
    folder = write_mlx_checkpoint(Case("qwen3_5_moe", quantization, dtype), tmp_path / "m")
    with fm.open(folder, ops="cpu"):  # compiles
        pass
    tracemalloc.start()
    try:
        with fm.open(folder, ops="cpu") as engine:
            gc.collect()
            held = sum(trace.size for trace in _numpy_memory())
            assert held == pytest.approx(engine.memory.resident_bytes, rel=0.02)
    finally:
        tracemalloc.stop()
    with fm.open(folder, ops="mlx", dtype="float32") as engine:
        wide = engine.memory.resident_bytes
    assert (held < 0.95 * wide) is (dtype == "bfloat16")


def _numpy_memory() -> Sequence[tracemalloc.Trace]:
    snapshot = tracemalloc.take_snapshot()
    return snapshot.filter_traces([tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)]).traces
