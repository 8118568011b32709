"""The probe runs layers of the model's own shape, and what it finds adds up."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from flashmoe_nb.config import ModelConfig
from flashmoe_nb.errors import PageCacheError, UnsupportedError
from flashmoe_nb.lab import forecast
from flashmoe_nb.lab.bench.options import Options
from flashmoe_nb.lab.forecasting import Costs, probe
from flashmoe_nb.lab.forecasting.bandwidth import measure_bandwidth
from flashmoe_nb.lab.forecasting.check import Checked, check, residual_spread, table, write_checked
from flashmoe_nb.lab.forecasting.estimating import MODEL_SPREAD
from flashmoe_nb.lab.forecasting.outcome import Estimate
from flashmoe_nb.lab.forecasting.probing import shape_of
from flashmoe_nb.lab.sizes import load_config
from flashmoe_nb.storage.synth_shapes import SHAPES, config_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", SHAPES)
def test_a_config_gives_back_its_shape(name: str):
    config = load_config(name)[1]
    made = config_of(shape_of(config), dtype="bfloat16", eos_ids=(0,), pad_id=0)
    again = ModelConfig.from_dict(made)
    for field in ("hidden_size", "num_layers", "vocab_size", "mixer_kinds", "delta", "moe"):
        assert getattr(again, field) == getattr(config, field)
    assert again.attention.num_kv_heads == config.attention.num_kv_heads


def test_an_architecture_that_cannot_be_made_up_is_refused():
    raw = {
        "model_type": "qwen3_moe", "hidden_size": 128, "num_hidden_layers": 2, "vocab_size": 512, "num_experts": 8,
        "num_experts_per_tok": 2, "moe_intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 32, "max_position_embeddings": 4096,
    }  # fmt: skip
    with pytest.raises(UnsupportedError, match="by name"):
        probe(ModelConfig.from_dict(raw))


def test_a_probe_measures_every_part(tmp_path: Path):
    config = load_config("tiny")[1]
    costs = probe(config, top_k=2, folder=tmp_path, ops="cpu")
    assert costs.top_k == 2
    assert set(costs.layer_ns) == {"linear_attention", "full_attention"}
    parts = (*costs.layer_ns.values(), costs.head_ns, *costs.full_ns, costs.prefill_ns, costs.load_ns_per_byte)
    assert min(parts) > 0
    assert list(costs.full_ns) == sorted(costs.full_ns)
    assert len(costs.full_ns) == len(costs.fresh_ns) == 3
    assert costs.bandwidth
    costs.save(tmp_path / "costs.json")
    assert Costs.load(tmp_path / "costs.json") == costs
    (tmp_path / "costs.json").unlink()
    assert not list(tmp_path.iterdir())
    assert any(note.startswith("probing with K=2 took") for note in costs.notes)
    found = forecast("tiny", top_k=2, costs=costs)
    assert found.tokens_per_s.low < found.tokens_per_s.value < found.tokens_per_s.high
    assert found.machine.endswith("probed")


@pytest.mark.root
def test_forecasts_are_checked_against_the_clock(tmp_path: Path):
    options = Options(data=tmp_path, ops="cpu")
    try:
        found = list(check(["tiny"], held=[0.5], tokens=16, top_k=2, options=options))
    except PageCacheError as error:
        pytest.skip(str(error))
    assert [one.start for one in found] == ["cold", "settled"]
    assert all(one.measured > 0 and 0 <= one.forecast_hits <= 1 for one in found)
    kept = json.loads(write_checked(found, tmp_path).read_text())
    assert len(kept["checked"]) == 2
    assert kept["about"]["machine"]["cores"] >= 1


def test_the_table_counts_errors_and_what_lies_inside():
    def one(measured: float) -> Checked:
        return Checked("tiny", 2, 0.5, "cold", Estimate(10, 8, 12), measured, 0.5, 0.5)

    assert one(9).inside
    assert not one(13).inside
    assert one(8).error == pytest.approx(0.25)
    assert "1 of 2 inside" in table([one(10), one(20)]).text()
    assert "median absolute error 25.0%" in table([one(10), one(20)]).text()


@pytest.mark.parametrize("residual", [0.0, 0.2])
def test_the_residual_spread_is_what_the_other_parts_leave(residual: float):
    rng = np.random.default_rng(0)
    forecast_of = Estimate.spread(10, math.hypot(0.1, MODEL_SPREAD))
    errors = math.hypot(0.1, residual) * rng.standard_normal(4000)
    found = [Checked("tiny", 2, 0.5, "cold", forecast_of, 10 * math.exp(error), 0.5, 0.5) for error in errors]
    assert residual_spread(found) == pytest.approx(residual, abs=0.03)
    assert "residual spread" in table(found).text()


def test_bandwidth_is_measured_by_size_and_threads(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(bytes(4 * 2**20))
    found = measure_bandwidth(path, sizes=(2**16, 2**20, 2**23), threads=(1, 2))
    assert [(rate.read_bytes, rate.threads) for rate in found] == [(2**16, 1), (2**16, 2), (2**20, 1), (2**20, 2)]
    assert all(rate.warm_bytes_per_s > 0 for rate in found)
