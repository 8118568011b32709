"""Forecasts: against published numbers, in the right direction, and refused where nothing would run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import BudgetError, CheckpointError, OptionError
from flashmoe_nb.lab.forecasting import MACHINES, Costs, forecast
from flashmoe_nb.lab.forecasting.dense_moe import DENSE_9B, cyclic_hit_rate, dense_against_moe
from flashmoe_nb.lab.forecasting.outcome import Estimate
from flashmoe_nb.lab.sizes import ModelSizes, load_config, model_sizes, shape_config
from flashmoe_nb.observe.stats_cache import lru_curve

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30


@pytest.fixture
def sizes() -> ModelSizes:
    return model_sizes(load_config("qwen3.5-397b")[1])


@pytest.fixture
def costs(sizes: ModelSizes) -> Costs:
    return MACHINES["m3-max-48"].costs(sizes, 4)


def test_the_originals_own_machine_makes_the_originals_speed():
    found = forecast("qwen3.5-397b", machine="m3-max-48", top_k=4)
    assert 3.90 in found.tokens_per_s
    assert 0.71 in found.hit_rate
    assert found.read_bytes == 1_698_693_120


def test_a_fork_on_128_gb_makes_its_speed():
    assert 9.5 in forecast("qwen3.5-397b", machine="m5-max-128", top_k=4).tokens_per_s
    assert 9.5 not in forecast("qwen3.5-397b", machine="m3-max-48", top_k=4).tokens_per_s


def test_a_token_is_the_sum_of_its_parts(sizes: ModelSizes, costs: Costs):
    expected = costs.head_ns + sum(costs.layer_ns[kind] for kind in sizes.config.mixer_kinds)
    expected += 60 * (0.75 * costs.full_ns[1] + 0.25 * costs.full_ns[3])
    assert costs.token_ns(sizes, np.array([1, 1, 3, 1])) == pytest.approx(expected)
    assert costs.full_ns[0] == pytest.approx(4 * 7_077_888 / 28.3)
    assert costs.full_ns[4] == pytest.approx(4 * 7_077_888 / 4.9)


def test_the_first_miss_counts_most_where_the_probe_says_so(sizes: ModelSizes, costs: Costs):
    """The same hit rate costs less when misses come together."""
    concave = replace(costs, full_ns=(1e6, 5e6, 7e6, 8e6, 9e6))
    together, apart = np.array([0, 0, 0, 4]), np.array([1, 1, 1, 1])
    assert concave.token_ns(sizes, together) < concave.token_ns(sizes, apart)
    assert costs.token_ns(sizes, together) == pytest.approx(costs.token_ns(sizes, apart))  # a line does not care


def test_memory_to_spare_is_mixed_in(sizes: ModelSizes, costs: Costs):
    cheaper = replace(costs, fresh_ns=tuple(spent / 2 for spent in costs.full_ns))
    full, half, spare = (cheaper.token_ns(sizes, np.full(3, 4), fresh=fresh) for fresh in (0.0, 0.5, 1.0))
    assert half == pytest.approx((full + spare) / 2)
    assert spare < full
    assert costs.with_misses(0.5).full_ns[4] == pytest.approx((costs.full_ns[0] + costs.full_ns[4]) / 2)


def test_more_memory_and_a_faster_disk_help(costs: Costs):
    speed = {
        (ram, ssd): forecast("qwen3.5-397b", top_k=4, costs=costs, ram=ram * GIB, ssd=ssd).tokens_per_s.value
        for ram in (16, 48, 512)
        for ssd in (2e9, 8e9)
    }
    assert speed[16, 2e9] < speed[48, 2e9] < speed[512, 2e9]
    assert speed[16, 2e9] < speed[16, 8e9]
    assert speed[512, 8e9] == pytest.approx(speed[512, 2e9])  # everything is in memory: no disk is asked
    changes = forecast("qwen3.5-397b", top_k=4, costs=costs, ram=48 * GIB).with_changes
    assert all(rate > speed[48, 8e9] / 2 for rate in changes.values())


def test_costs_of_another_k_or_model_are_refused(costs: Costs):
    with pytest.raises(OptionError, match="of K=4, not of K=10"):
        forecast("qwen3.5-397b", costs=costs, ram=48 * GIB)
    with pytest.raises(OptionError, match=r"60 layers of 4096.*40 layers of 2048"):
        forecast("qwen3.5-35b", top_k=4, costs=costs, ram=48 * GIB)
    assert forecast("qwen3.5-397b", top_k=4, costs=costs, ram=48 * GIB).top_k == 4


def test_a_disk_is_never_faster_than_memory(sizes: ModelSizes, costs: Costs):
    assert costs.with_ssd(1e15, sizes).full_ns == pytest.approx((costs.full_ns[0],) * 5)
    assert costs.with_ssd(2e9, sizes).full_ns[4] == pytest.approx(4 * 7_077_888 / 2)


def test_what_cannot_run_is_refused_with_what_would():
    with pytest.raises(BudgetError) as refused:
        forecast("qwen3.5-397b", machine="phone-8")
    told = str(refused.value)
    assert "8,589,934,592" in told
    assert "qwen3.5-35b" in told.partition("in this memory")[2]
    assert "qwen3.5-397b" not in told.partition("in this memory")[2]
    needed = int(told.partition("give ")[2].split()[0].replace(",", ""))
    assert forecast("qwen3.5-397b", machine="phone-8", ram=needed + 10**6).memory.cache_bytes >= 0
    with pytest.raises(BudgetError):
        forecast("qwen3.5-397b", machine="phone-8", ram=needed - 10**6)


def test_k_changes_what_is_read_and_is_said():
    own, cut = (forecast("qwen3.5-397b", machine="m3-max-48", top_k=k) for k in (None, 4))
    assert own.top_k == own.own_top_k == 10
    assert own.read_bytes == 2.5 * cut.read_bytes
    assert own.tokens_per_s.value < cut.tokens_per_s.value
    assert any("not what it was trained with" in note for note in cut.notes)
    assert "trained with 10" in cut.table().text()


def test_a_trace_of_ones_own_is_taken(tmp_path: Path):
    with fm.open(ops="cpu") as engine:
        session = engine.session()
        with fm.record(session, tmp_path / "run.safetensors"):
            for token in range(30, 70):
                session.feed([token])
    found = forecast("qwen3.5-397b", machine="m3-max-48", top_k=4, trace=tmp_path / "run.safetensors")
    assert any("trace of demo" in note for note in found.notes)
    assert found.hit_rate.value != forecast("qwen3.5-397b", machine="m3-max-48", top_k=4).hit_rate.value


def test_a_forecast_can_be_kept_and_shown():
    found = forecast(shape_config("qwen3.5-35b"), machine="m3-max-48")
    kept = json.loads(json.dumps(found.record()))
    assert kept["tokens_per_s"]["low"] < kept["tokens_per_s"]["value"] < kept["tokens_per_s"]["high"]
    assert "tokens a second" in found._repr_html_()
    assert found.disk_bytes == 19_498_262_656


@pytest.mark.parametrize(
    ("options", "told"),
    [({"machine": "m9"}, "m3-max-48"), ({"machine": "m3-max-48", "top_k": 600}, "give 1 to 512")],
)
def test_what_makes_no_forecast_is_refused(options: dict[str, object], told: str):
    with pytest.raises(OptionError, match=told):
        forecast("qwen3.5-397b", **options)
    with pytest.raises(OptionError, match="dense"):
        forecast(DENSE_9B, machine="m3-max-48")


def test_costs_come_back_from_their_file(costs: Costs, tmp_path: Path):
    costs.save(tmp_path / "costs.json")
    assert Costs.load(tmp_path / "costs.json") == costs
    assert Costs.load(tmp_path / "costs.json") != replace(costs, head_ns=0.0)
    (tmp_path / "costs.json").write_text("{}")
    with pytest.raises(CheckpointError, match="probe it again"):
        Costs.load(tmp_path / "costs.json")


def test_an_interval_holds_nine_of_ten():
    drawn = np.random.default_rng(0).lognormal(np.log(5), 0.2, 4000)
    inside = np.mean([value in Estimate.spread(5, 0.2) for value in drawn])
    assert 0.88 < inside < 0.92


def test_an_estimate_knows_its_spread():
    assert Estimate.spread(3.0, 0.2).relative == pytest.approx(0.2)


def test_reading_round_and_round_hits_nothing_until_all_fits():
    """What is said of a dense model, by the stack distances of its layers read in order."""
    ids = np.tile(np.arange(20), 10).reshape(-1, 1, 1)
    curve = lru_curve(ids, 20, warmup=20)[0]
    assert [float(curve[size]) for size in (1, 10, 19, 20)] == [cyclic_hit_rate(size, 20) for size in (1, 10, 19, 20)]
    shuffled = np.random.default_rng(0).permutation(ids)  # negative control: another order does hit
    assert lru_curve(shuffled, 20, warmup=20)[0, 10] > 0.2


def test_dense_against_moe_has_a_cliff_and_a_slope():
    found = dense_against_moe(machine="m3-max-48", cache_gb=(2, 4, 5, 16, 64))
    by_model = {name: [p for p in found.points if p.model == name] for name in found.bytes_a_token}
    assert [point.hit_rate for point in by_model["9B dense"]] == [0, 0, 1, 1, 1]
    rates = [point.hit_rate for point in by_model["397B, K=4"]]
    assert rates == sorted(rates)
    assert 0 < rates[0] < rates[-1] < 1
    assert found.bytes_a_token["397B, K=4"] < found.bytes_a_token["397B, K=10"] < found.bytes_a_token["9B dense"]
    assert "9B dense" in found._repr_html_()


def test_the_dense_model_is_five_gigabytes():
    sizes = model_sizes(load_config(DENSE_9B)[1])
    assert sizes.total.nbytes / 1e9 == pytest.approx(5.04, abs=0.01)
    assert sizes.total.values / 1e9 == pytest.approx(8.95, abs=0.01)
