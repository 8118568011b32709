"""A run replayed with caches of every size: bounds, what is counted, and the time of a token by hand."""

import numpy as np
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.cache_sizes import POLICIES, busy_ns, cache_sizes
from flashmoe_nb.observe.stats_cache import lru_curve
from tests.observe.made_traces import made_trace, with_columns


def test_sizes_run_from_a_tokens_experts_to_all_of_them():
    found = cache_sizes(made_trace(decoded=40), sizes=6)
    assert found.capacities[0] == 4
    assert found.capacities[-1] == 16
    assert (np.diff(found.capacities) > 0).all()
    assert found.cache_bytes.tolist() == (found.capacities * 3 * 1000).tolist()


def test_hit_rates_grow_with_the_size_and_none_beats_the_oracle():
    found = cache_sizes(made_trace(decoded=60))
    assert found.hit_rates.shape == (len(POLICIES), len(found.capacities))
    lru, _, _, belady = found.hit_rates
    assert (np.diff(lru) >= 0).all()
    assert (found.hit_rates <= belady + 1e-12).all()
    assert belady[1] > lru[1]  # it does know more


def test_the_first_fifth_fills_the_cache_and_prefill_is_left_out():
    trace = made_trace(prompt=7, decoded=50)
    found = cache_sizes(trace)
    assert (found.warmup, found.tokens) == (10, 40)
    by_hand = lru_curve(trace.decode.routed_experts, 16, warmup=10).mean(axis=0)
    assert found.hit_rates[0] == pytest.approx(by_hand[found.capacities])
    assert by_hand[-1] != pytest.approx(lru_curve(trace.routed_experts, 16, warmup=10).mean(axis=0)[-1], abs=1e-3)


def test_only_the_last_tokens_are_replayed():
    trace = made_trace(decoded=50)
    assert cache_sizes(trace, tokens=20).hit_rates.tolist() == cache_sizes(trace[-20:]).hit_rates.tolist()
    assert cache_sizes(trace, tokens=20).tokens == 16


def test_too_little_to_replay_is_refused():
    with pytest.raises(OptionError, match="1 decoded tokens"):
        cache_sizes(made_trace(decoded=1))


def test_tokens_per_s_is_the_time_of_a_token_by_hand():
    trace = made_trace(decoded=50)
    start = np.array(trace.column("read_start_ns"))
    held = np.where(np.arange(len(start)) % 2, 1.0, 0.0).astype(np.float32)
    # Hits copy 1000 bytes in 1 us, misses take 5 us.
    trace = with_columns(trace, read_end_ns=start + np.where(held, 1000, 5000), read_resident_fraction_before=held)
    found = cache_sizes(trace)
    assert found.cache_bytes_per_s == pytest.approx(1e9)
    assert found.ssd_read_ns == pytest.approx(5000)
    hit = found.hit_rates[0, 2]
    read_s = hit * 1e-6 + (1 - hit) * (2e-6 + 1000 / 1e8)
    by_hand = 1 / (found.other_ms / 1e3 + 3 * 4 * read_s)
    assert found.tokens_per_s(1e8, latency_s=2e-6)[0, 2] == pytest.approx(by_hand)
    assert (found.tokens_per_s(2e8) > found.tokens_per_s(1e8)).all()
    with pytest.raises(OptionError, match="0 bytes a second"):
        found.tokens_per_s(0)


def test_parallel_intervals_count_once():
    starts, ends = np.array([0, 2, 3, 20, 25]), np.array([10, 4, 12, 22, 30])
    assert busy_ns(starts, ends) == 12 + 2 + 5
    assert busy_ns(starts[:0], ends[:0]) == 0
