"""The engine against transformers (torch, CPU, float32) on unquantized checkpoints in the Hugging Face layout.

Unequal head counts, widths that are no multiple of 8, zero-centred norms, attention at irregular layers; experts one
tensor each as transformers 5 writes them (in many shards), and stacked as Qwen3.5 is published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.storage.pack import pack
from tests.oracle.engine_runs import feed_singly, relative_difference
from tests.oracle.transformers_checkpoints import NAMES, ROUND_NAME, VOCAB_SIZE, HuggingFaceModel, stack_experts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOLERANCE = 1e-4
"""Of the largest logit; the worst measured stands in `relative_difference` of the test report."""
PROMPT_LENGTHS = (1, 7, 300)
N_FORCED = 8


def _ids() -> list[int]:
    rng = np.random.default_rng(3)
    return [int(i) for i in rng.integers(0, VOCAB_SIZE, max(PROMPT_LENGTHS) + N_FORCED)]


def _worst_difference(folder: Path, name: str, ops: str) -> float:
    ids = _ids()
    expected = HuggingFaceModel.make(name).logits(ids)
    worst = 0.0
    with fm.open(folder, ops=ops, dtype="float32") as engine:
        for length in PROMPT_LENGTHS:
            session = engine.session()
            logits = np.stack([np.array(session.feed(ids[:length])), *feed_singly(session, ids[length:][:N_FORCED])])
            worst = max(worst, relative_difference(logits, expected[length - 1 : length + N_FORCED]))
    return worst


@pytest.mark.parametrize("ops", ["mlx", "cpu"])
@pytest.mark.parametrize("name", NAMES)
def test_experts_apart_in_many_shards_match(
    name: str, ops: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = HuggingFaceModel.make(name).save(tmp_path / name, max_shard_size="150KB")
    assert len(list(folder.glob("*.safetensors"))) > 10
    worst = _worst_difference(folder, name, ops)
    record_property("relative_difference", worst)
    print(f"relative difference {worst:.1e}")
    assert worst <= TOLERANCE


@pytest.mark.parametrize("ops", ["mlx", "cpu"])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "qwen3_5"])
def test_stacked_experts_match(
    name: str, ops: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    folder = HuggingFaceModel.make(name).save(tmp_path / name)
    assert stack_experts(folder) > 3
    worst = _worst_difference(folder, name, ops)
    record_property("relative_difference", worst)
    print(f"relative difference {worst:.1e}")
    assert worst <= TOLERANCE


@pytest.mark.parametrize("stacked", [True, False], ids=["stacked", "apart"])
@pytest.mark.parametrize(("bits", "tolerance"), [(8, 0.02), (4, 0.3)])
def test_packed_and_quantized_stays_close(bits: int, tolerance: float, stacked: bool, tmp_path: Path) -> None:
    """`pack` quantizes what transformers wrote; the answer moves as much as the bits say, greedy choices mostly not."""
    model = HuggingFaceModel.make(ROUND_NAME)
    source = model.save(tmp_path / "source")
    if stacked:
        stack_experts(source)
    pack(source, tmp_path / "packed", bits=bits, group_size=64, progress=False)
    ids = _ids()[:60]
    expected = model.logits(ids)
    with fm.open(tmp_path / "packed", dtype="float32") as engine:
        logits = feed_singly(engine.session(), ids)
    assert relative_difference(logits, expected) <= tolerance
    assert np.mean(logits.argmax(axis=-1) == expected.argmax(axis=-1)) >= 1 - 2 * tolerance


def test_tolerance_notices_one_expert_less(tmp_path: Path) -> None:
    """Negative control."""
    model = HuggingFaceModel.make("qwen3_next")
    ids = _ids()[:7]
    with fm.open(model.save(tmp_path / "qwen3_next"), dtype="float32", top_k=2) as engine:
        logits = np.array(engine.session().feed(ids))
    assert relative_difference(logits, model.logits(ids)[-1]) > 20 * TOLERANCE
