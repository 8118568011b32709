"""ReadTimeline without a browser: the memory limit that its button imposes and lifts."""

from collections.abc import Callable

import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine import memory_limit
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets import limit_panel
from flashmoe_nb.widgets.limit_panel import LEAST_BYTES, choices, in_force
from flashmoe_nb.widgets.read_timeline import ReadTimeline

Eventually = Callable[[Callable[[], object]], object]


def test_the_button_imposes_a_limit_and_lifts_it(engine: fm.Engine, eventually: Eventually):
    engine.warm()
    view = ReadTimeline(engine.session())
    assert view.state["limit"]["state"] == "off"
    view._command("limit", {"nbytes": LEAST_BYTES})
    eventually(lambda: view.state["limit"]["state"] == "on")
    assert view.limit.kind == "imposed eviction"
    assert "17 MB is in force (imposed eviction)" in view.state["limit"]["text"]
    assert engine.residency_map().max() == 0  # it starts cold
    limit = view.limit
    view._command("lift", {})
    eventually(lambda: view.state["limit"]["state"] == "off")
    assert limit.kind == ""
    view.close()


def test_a_limit_ends_with_the_view(engine: fm.Engine):
    view = ReadTimeline(engine.session())
    view.impose(LEAST_BYTES).result()
    limit = view.limit
    assert limit.kind
    view.close()
    view.close()
    assert limit.kind == ""


def test_another_engine_does_not_inherit_the_limit(engine: fm.Engine, recorded: fm.Trace):
    session = engine.session()
    view = ReadTimeline(session)
    view.impose(LEAST_BYTES).result()
    view.attach(session)
    assert view.state["limit"]["state"] == "on"
    view.attach(recorded)
    assert view.limit is None
    assert view.state["limit"] == {"kind": "limit", "state": "none", "text": "", "choices": []}
    view.close()


def test_a_limit_that_cannot_be_had_says_why(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch):
    view = ReadTimeline(engine.session())
    # Without the engine nothing can be evicted: stands for any refusal.
    monkeypatch.setattr(limit_panel, "memory_limit", lambda nbytes, _, kind: memory_limit(nbytes, None, kind))
    view.impose(LEAST_BYTES).result()
    assert view.state["limit"]["state"] == "off"
    assert "eviction can be imposed on an engine's files only" in view.state["limit"]["text"]
    view.close()


def test_a_limit_needs_an_engine_and_enough_bytes(engine: fm.Engine, recorded: fm.Trace):
    view = ReadTimeline(recorded)
    with pytest.raises(OptionError, match="a trace was recorded earlier"):
        view.impose(LEAST_BYTES)
    view.attach(engine.session())
    with pytest.raises(OptionError, match="1,000 bytes leaves nothing"):
        view.impose(1000)
    assert view.state["limit"]["state"] == "off"
    view.close()


def test_limits_offered_are_smaller_than_the_experts(engine: fm.Engine):
    assert choices(engine) == []  # 16 MiB hold all experts of so small a model


def test_what_is_in_force_is_labelled(engine: fm.Engine):
    with memory_limit(LEAST_BYTES, engine, "imposed") as limit:
        assert "at random" in in_force(limit)
