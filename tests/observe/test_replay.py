"""Replays of a trace: the policies in their order, and what is refused."""

import numpy as np
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.replay import replay
from flashmoe_nb.observe.stats_cache import lru_curve
from tests.observe.made_traces import facts, made_trace


def test_a_replay_takes_decoded_tokens_alone():
    trace = made_trace(prompt=9, decoded=40)
    found = replay(trace, [4, 8, 16], warmup=10)
    ids = trace.routed_experts[9:]
    np.testing.assert_allclose(found.lru, lru_curve(ids, 16, warmup=10).mean(axis=0))
    assert (found.warmup, found.counted) == (10, 30)
    assert found.realised == trace.decode[10:].hit_rates.lifetime


def test_belady_is_on_top_and_everything_fits_in_the_end():
    found = replay(made_trace(decoded=60))
    assert found.capacities.tolist() == [4, 8, 16]
    for other in (found.lru[found.capacities], found.fifo, found.lfu):
        assert (found.belady >= other - 1e-12).all()
    assert found.belady[-1] == pytest.approx(found.lru[-1])
    assert found.static[-1] == pytest.approx(1)
    assert repr(found).startswith("<Replay of 60 tokens")


def test_too_few_tokens_or_no_experts_are_refused():
    with pytest.raises(OptionError, match="record more"):
        replay(made_trace(decoded=12), warmup=11)
    with pytest.raises(OptionError, match="0 sparse layers"):
        replay(made_trace(of=facts(layers=0)))
