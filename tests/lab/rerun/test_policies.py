"""Caches in the slots: what they hold, what they never do, and that stack distances foretell LRU's hits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.rerun.caches import chosen_experts, hottest
from flashmoe_nb.lab.rerun.policies import OwnLFU, OwnLRU, Pinned, SlotBank
from flashmoe_nb.lab.rerun.setting import token_stream
from flashmoe_nb.observe.stats_cache import lfu_rates, lru_curve

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.storage.policy import SlotPolicy, SlotTable

LAYERS = (0, 1, 2)


def policies() -> list[SlotPolicy]:
    return [OwnLRU(), OwnLFU(), SlotBank(LAYERS), Pinned([(0, 1), (1, 7), (2, 3)])]


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
def test_a_hit_is_what_the_slot_holds(policy: SlotPolicy):
    """Against a model of the slots; some requests take as many experts as there are slots."""
    rng, held = np.random.default_rng(0), {}
    table = policy.table(12)
    for _ in range(400):
        layer = int(rng.integers(3))
        experts = rng.choice(20, int(rng.choice([1, 3, 4, 12])), replace=False).tolist()
        placed = table.place(layer, experts)
        assert len({place.slot for place in placed}) == len(experts)
        for expert, place in zip(experts, placed, strict=True):
            assert 0 <= place.slot < 12
            if not place.must_read:
                assert held[place.slot] == (layer, expert)
            held[place.slot] = (layer, expert)


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
def test_nothing_is_relied_on_after_forget(policy: SlotPolicy):
    table = policy.table(12)
    table.place(0, [1, 2, 3])
    assert not all(place.must_read for place in table.place(0, [1]))
    table.forget()
    assert all(place.must_read for place in table.place(0, [1, 2, 3]))


def _hit_rate(table: SlotTable, chosen: np.ndarray, policy: OwnLRU | OwnLFU | SlotBank) -> float:
    for token in chosen.tolist():
        for layer, experts in enumerate(token):
            table.place(layer, experts)
    return policy.hit_rate


def _zipf(tokens: int, experts: int) -> np.ndarray:
    rng, shares = np.random.default_rng(3), 1 / np.arange(1, experts + 1)
    draw = lambda: rng.choice(experts, 4, replace=False, p=shares / shares.sum())  # noqa: E731 - one draw
    return np.array([[draw() for _ in LAYERS] for _ in range(tokens)])


@pytest.mark.parametrize("capacity", [4, 8, 16])
def test_a_bank_of_slots_hits_as_stack_distances_say(capacity: int):
    chosen = _zipf(300, 24)
    policy = SlotBank(LAYERS)
    measured = _hit_rate(policy.table(capacity * len(LAYERS)), chosen, policy)
    assert measured == pytest.approx(lru_curve(chosen, 24)[:, capacity].mean(), abs=0.01)


def test_lfu_hits_as_its_replay_says():
    chosen = _zipf(300, 24)[:, :1]
    policy = OwnLFU()
    assert _hit_rate(policy.table(8), chosen, policy) == pytest.approx(lfu_rates(chosen, 24, [8])[0, 0], abs=0.01)


@pytest.mark.parametrize("slots", [16, 32])
def test_an_engines_own_lru_hits_as_stack_distances_say(folder: Path, slots: int):
    """One LRU for all layers is one layer of L * E experts that is visited L times a token."""
    with fm.open(folder, top_k=4, ops="cpu") as engine:
        ids, _ = token_stream(engine, 120, 1)
        chosen = chosen_experts(engine, ids).astype(np.int64)
    tokens, layers, top_k = chosen.shape
    as_one = (chosen + 32 * np.arange(layers)[:, None]).reshape(tokens * layers, 1, top_k)
    foretold = lru_curve(as_one, 32 * layers)[0, slots]
    policy = OwnLRU()
    with fm.open(folder, top_k=4, ops="cpu", slots=slots, policy=policy) as engine:
        session = engine.session()
        for token in ids:
            session.feed([token])
        measured = 1 - engine.n_reads / chosen.size
    assert 0.05 < foretold < 0.95
    assert measured == pytest.approx(foretold, abs=0.01)
    assert policy.hit_rate == pytest.approx(measured)


def test_the_curve_of_another_capacity_is_not_that_of_this_one(folder: Path):
    """Negative control: a wrong capacity is off by far more than the point allowed above."""
    with fm.open(folder, top_k=4, ops="cpu") as engine:
        chosen = chosen_experts(engine, token_stream(engine, 120, 1)[0]).astype(np.int64)
    curve = lru_curve(chosen, 32).mean(axis=0)
    assert abs(curve[8] - curve[12]) > 0.03


def test_pins_hit_once_they_were_read():
    table = Pinned([(0, 1), (0, 2)]).table(6)
    assert [place.must_read for place in table.place(0, [1, 2, 3])] == [True, True, True]
    assert [place.must_read for place in table.place(0, [1, 2, 3])] == [False, False, True]


def test_the_hottest_experts_are_those_chosen_most():
    chosen = _zipf(200, 24)
    counts = Counter((layer, int(expert)) for token in chosen for layer, row in enumerate(token) for expert in row)
    best = hottest(chosen, LAYERS, 24, 5)
    assert sorted(counts[key] for key in best) == sorted(count for _, count in counts.most_common(5))


def test_slots_that_cannot_be_dealt_out_are_refused():
    with pytest.raises(OptionError, match="2 slots for 3 layers"):
        SlotBank(LAYERS).table(2)
    with pytest.raises(OptionError, match="pin fewer"):
        Pinned([(0, 1), (0, 2)]).table(2)
