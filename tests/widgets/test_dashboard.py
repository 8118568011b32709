"""Dashboard without a browser: what its buttons do in the kernel, for an engine, a session, a player and a trace."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.dashboard import PROMPT, WATCHABLE_PER_S, Dashboard
from flashmoe_nb.widgets.limit_panel import LEAST_BYTES

Eventually = Callable[[Callable[[], object]], object]


@pytest.fixture(scope="module")
def demo() -> fm.Engine:
    with fm.open() as opened:
        yield opened


def told(view: Dashboard) -> list[tuple[dict, list[bytes]]]:
    """What it puts from now on."""
    found: list[tuple[dict, list[bytes]]] = []
    view._sender.put = lambda content, buffers=(), **_: found.append((dict(content), list(buffers)))
    return found


def test_one_call_and_one_click_decode(demo: fm.Engine, eventually: Eventually):
    view = fm.dashboard(demo)
    facts = view.state["dashboard"]
    assert facts == {"kind": "dashboard", "plays": True, "prompt": PROMPT, "tokens_per_s": WATCHABLE_PER_S}
    assert view.state["player"]["state"] == "idle"
    view._command("player", {"do": "play", "prompt": facts["prompt"], "max_tokens": 6})
    eventually(lambda: view.state["player"]["state"] == "done")
    assert len(view.player.tokens) == 6
    n_prompt = len(demo.encode(PROMPT))
    eventually(lambda: len(view.trace) == n_prompt + 5)  # the last one is drawn, not fed
    view.close()
    assert view.player is None


def test_pause_step_resume_and_stop_reach_the_player(demo: fm.Engine, eventually: Eventually):
    session = demo.session()
    player = session.play("a b c", max_tokens=40, paused=True)
    view = fm.dashboard(player)
    assert view.player is player
    for count in (1, 2):
        view._command("player", {"do": "step"})
        eventually(lambda count=count: (len(player.tokens), player.state) == (count, "paused"))
    view._command("toggle", {})
    eventually(lambda: len(player.tokens) > 2)
    view._command("player", {"do": "stop"})
    eventually(lambda: player.state in ("stopped", "done"))
    view.close()


def test_the_commands_of_all_panels_work_in_it(engine: fm.Engine, eventually: Eventually):
    session = engine.session()
    view = Dashboard(session)
    for token in range(8):
        session.feed([token])
    view._command("mode", {"mode": "counts"})
    assert view.state["mode"]["mode"] == "counts"
    view._command("warm", {"layer": 1})
    eventually(lambda: 1 in view.cache.shares and view.cache.shares[1].min() == 254)
    view._command("evict", {"layer": 1})
    eventually(lambda: view.cache.shares[1].max() == 0)
    view._command("pause", {})
    assert view.cache.sweeper.paused
    view._command("limit", {"nbytes": LEAST_BYTES})
    eventually(lambda: view.state["limit"]["state"] == "on")
    view._command("lift", {})
    eventually(lambda: view.state["limit"]["state"] == "off")
    view._command("replay", {})
    eventually(lambda: view.replays.sizes is not None)
    view.cache.leave()
    found = told(view)
    view._command("router", {"layer": 2, "token": 5})
    eventually(lambda: found)
    part, buffers = found[0]
    assert (part["kind"], part["layer"], part["token"], part["note"]) == ("router", 2, 5, "")
    assert np.frombuffer(buffers[0], np.float32).sum() == pytest.approx(1, abs=1e-4)
    view.close()


def test_a_mode_nobody_knows_is_refused_in_words(recorded: fm.Trace):
    view = fm.dashboard(recorded)
    with pytest.raises(OptionError, match="'colour' is not known: give one of now, counts"):
        view._choose_mode({"mode": "colour"})
    assert "mode" not in view.state
    view.close()


def test_a_trace_needs_no_model_and_cannot_be_played(recorded: fm.Trace, eventually: Eventually):
    view = fm.dashboard(recorded)
    assert not view.state["dashboard"]["plays"]
    assert (view.engine, view.player) == (None, None)
    eventually(lambda: "cache_sim" in view.state)
    found = told(view)
    view._command("player", {"do": "play", "prompt": "x"})
    view._command("evict", {})
    assert "a trace was recorded earlier" in found[0][0]["text"]
    assert view.player is None
    view.close()


def test_a_limit_ends_with_its_engine(engine: fm.Engine, recorded: fm.Trace, eventually: Eventually):
    view = fm.dashboard(engine)
    view._command("limit", {"nbytes": LEAST_BYTES})
    eventually(lambda: view.limits.limit is not None)
    limit = view.limits.limit
    view.attach(recorded)
    assert limit.kind == ""
    view.close()
    with pytest.raises(OptionError, match=r"Dashboard\.attach was given 3"):
        fm.dashboard(3)


def test_it_shows_a_conversation_that_another_widget_holds(demo: fm.Engine, eventually: Eventually):
    talk = fm.ChatView(fm.Chat(demo, max_tokens=4))
    view = fm.dashboard(talk)
    assert view.engine is demo
    assert not view.state["dashboard"]["plays"], "only the conversation feeds its session"
    talk.chat.send("Hello")
    eventually(lambda: view.get_stats()["rows"] == len(talk.trace) > 4)
    assert view.trace is talk.trace
    view.close()
    talk.close()


def test_a_page_and_a_picture_are_made_without_a_front_end(recorded: fm.Trace, tmp_path: Path):
    view = fm.dashboard(recorded[:40])
    page = view.to_html(tmp_path / "run.html").read_text("utf-8")
    assert '"kind": "dashboard"' in page
    picture = view.picture()
    assert picture.shape[1] == 1024
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 3
    view.close()
