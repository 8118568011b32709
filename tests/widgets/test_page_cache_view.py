"""PageCacheView without a browser: what it finds, tells and does to the page cache of a real engine."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.page_cache_view import PageCacheView
from flashmoe_nb.widgets.sweeper import FULL

Eventually = Callable[[Callable[[], object]], object]


def shares_of(view: PageCacheView) -> list[list[int]]:
    """The distinct values of each layer as last seen."""
    return [sorted(set(view.cache.shares[layer].tolist())) for layer in sorted(view.cache.shares)]


def test_the_page_cache_is_swept_in_the_background(engine: fm.Engine, eventually: Eventually):
    engine.warm()
    view = PageCacheView(engine.session())
    eventually(lambda: shares_of(view) == [[FULL]] * 4)
    engine.evict(2)
    eventually(lambda: shares_of(view) == [[FULL], [FULL], [0], [FULL]])
    view.close()


def test_buttons_evict_and_warm_what_they_say(engine: fm.Engine, eventually: Eventually):
    view = PageCacheView(engine.session())
    view._command("warm", {})
    eventually(lambda: engine.residency_map().min() == 1)
    view._command("evict", {"layer": 1})
    eventually(lambda: engine.residency(1).max() == 0)
    assert engine.residency(0).min() == 1
    view._command("warm", {"layer": 1})
    eventually(lambda: engine.residency(1).min() == 1)
    view._command("evict", {})
    eventually(lambda: engine.residency_map().max() == 0)
    eventually(lambda: view.state["sweep"] == {"kind": "sweep", "state": "on", "text": ""})
    eventually(lambda: shares_of(view) == [[0]] * 4)
    view.close()


def test_paused_it_looks_only_after_work(engine: fm.Engine, eventually: Eventually):
    engine.evict()
    view = PageCacheView(engine.session())
    eventually(lambda: shares_of(view) == [[0]] * 4)
    view._command("pause", {})
    assert view.state["sweep"]["state"] == "paused"
    view._command("warm", {"layer": 3})
    eventually(lambda: shares_of(view) == [[0], [0], [0], [FULL]])
    eventually(lambda: view.state["sweep"]["state"] == "paused")
    view._command("resume", {})
    assert view.state["sweep"]["state"] == "on"
    engine.warm()
    eventually(lambda: shares_of(view) == [[FULL]] * 4)
    view.close()


def test_detached_nobody_looks_any_more(engine: fm.Engine, eventually: Eventually):
    view = PageCacheView(engine.session())
    eventually(lambda: len(view.cache.shares) == 4)
    sweeper = view.cache.sweeper
    view.detach()
    assert not sweeper._thread.is_alive()
    with pytest.raises(OptionError, match="no page cache to warm"):
        view.warm()


def test_a_closed_engine_is_told_and_not_raised(packed: Path, eventually: Eventually):
    engine = fm.open(packed)
    view = PageCacheView(engine.session())
    told: list[str] = []
    view.put = lambda part, *_, **__: told.append(part.get("text", ""))
    engine.close()
    eventually(lambda: any("closed" in text for text in told))
    view.close()


def test_a_recorded_trace_has_no_page_cache_to_change(recorded: fm.Trace):
    view = PageCacheView(recorded)
    assert view.state["sweep"]["state"] == "none"
    with pytest.raises(OptionError, match="a trace was recorded earlier"):
        view.evict()
    view._command("evict", {"layer": 0})  # of a button: shown in the widget, not raised
    view.close()


def test_a_page_holds_the_page_cache_as_it_was_seen_last(engine: fm.Engine, eventually: Eventually, tmp_path: Path):
    engine.evict()
    engine.warm(1)
    session = engine.session()
    view = PageCacheView(session)
    session.feed([1, 2, 3])
    engine.evict()
    engine.warm(1)
    eventually(lambda: shares_of(view) == [[0], [FULL], [0], [0]])
    page = view.to_html(tmp_path / "page.html").read_text("utf-8")
    kept = json.loads(re.search(r'application/json">(.*?)</script>', page, re.DOTALL)[1])["traits"]["state"]
    layers = kept["residency_seen"]["layers"]
    assert np.frombuffer(base64.b64decode(layers["1"]), np.uint8).tolist() == [FULL] * 16
    assert np.frombuffer(base64.b64decode(layers["0"]), np.uint8).tolist() == [0] * 16
    view.close()
