"""CacheSim without a browser: what a replay sends, of a whole trace and of one that grows."""

import json
from collections.abc import Callable

import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.cache_sizes import POLICIES, cache_sizes
from flashmoe_nb.widgets.cache_sim import CacheSim

Eventually = Callable[[Callable[[], object]], object]


def test_a_trace_is_replayed_when_it_is_attached(recorded: fm.Trace, eventually: Eventually):
    view = CacheSim(recorded)
    eventually(lambda: "cache_sim" in view.state)
    sent = json.loads(json.dumps(view.state["cache_sim"], allow_nan=False))
    expected = cache_sizes(recorded)
    assert sent["sim"]["policies"] == list(POLICIES)
    assert sent["sim"]["capacities"] == expected.capacities.tolist()
    assert sent["sim"]["hit_rates"] == expected.hit_rates.tolist()
    assert sent["sim"]["realised"] == recorded.hit_rates.steady_state
    assert sent["note"] == ""
    view.close()


def test_what_was_not_measured_is_sent_as_nothing(engine: fm.Engine):
    session = engine.session()
    view = CacheSim(session)
    for token in range(8):
        session.feed([token])
    sizes = view.replay()
    sent = view.state["cache_sim"]["sim"]
    assert sizes.realised is None
    assert (sent["realised"], sent["cache_bytes_per_s"], sent["ssd_read_ns"]) == (None, None, None)
    json.dumps(sent, allow_nan=False)
    view.close()


def test_a_growing_trace_is_replayed_again_by_the_button(engine: fm.Engine, eventually: Eventually):
    session = engine.session()
    view = CacheSim(session)
    eventually(lambda: view.state.get("cache_sim", {}).get("note"))
    assert "0 decoded tokens" in view.state["cache_sim"]["note"]
    with pytest.raises(OptionError, match="0 decoded tokens"):
        view.replay()
    for token in range(10):
        session.feed([token])
    view._command("replay", {})
    eventually(lambda: view.state["cache_sim"]["sim"])
    assert view.state["cache_sim"]["sim"]["tokens"] == 8
    assert "10 tokens" in view.state["cache_sim"]["note"]
    for token in range(5):
        session.feed([token])
    view.detach()  # the run is over: replayed whole
    eventually(lambda: view.state["cache_sim"]["sim"]["tokens"] == 12)
    assert view.state["cache_sim"]["note"] == ""
    view.close()
