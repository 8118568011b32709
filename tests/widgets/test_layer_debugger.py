"""LayerDebugger without a browser: what is attached, commands as a front end sends them, what is kept for it."""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.widgets import LayerDebugger
from flashmoe_nb.widgets.errand import MOST_WAITING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IDS = [7, 91, 200, 33, 5]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fm.Engine]:
    folder = tmp_path_factory.mktemp("layer_debugger") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    with fm.open(folder) as opened:
        yield opened


def _click(view: LayerDebugger, command: str, **args: Any) -> dict[str, Any]:
    """As the front end does; the report that comes of it."""
    view._hear(None, {"kind": "command", "name": "debugger", "args": {"do": command, **args}}, [])
    assert view.panel.errands.wait(30)
    return view.state["debugger"]


def test_clicks_move_the_debugger_and_reports_are_kept(engine: fm.Engine) -> None:
    view = LayerDebugger(engine.session(), IDS)
    first = view.state["debugger"]
    assert (first["number"], first["facts"]["place"]) == (1, None)
    report = _click(view, "goto", layer=1, stage="router")
    assert report["number"] == 2
    assert str(view.debugger.where).endswith("layer 1, router")
    assert report["facts"]["place"]["says"] == str(view.debugger.where)
    arrays = load(base64.b64decode(report["chunk"]))
    assert arrays["probabilities"].sum() == pytest.approx(1)
    np.testing.assert_array_equal(arrays["slice"], view.debugger.values["router.logits"])
    json.dumps(report)
    assert "router" in repr(view)
    view.close()


def test_clicks_are_queued_and_answered_in_order(engine: fm.Engine) -> None:
    view = LayerDebugger(engine.session(), IDS)
    for command in ("step", "step", "layer", "step"):
        view._hear(None, {"kind": "command", "name": "debugger", "args": {"do": command}}, [])
    assert view.panel.errands.wait(30)
    assert view.state["debugger"]["number"] == 5
    assert (view.debugger.where.layer, view.debugger.where.stage) == (1, "project")


def test_the_kernel_stays_free_while_a_command_runs(engine: fm.Engine) -> None:
    """A condition of the user's holds the worker; the click returned long before."""
    gate, asked = threading.Event(), threading.Event()

    def hold(_: fm.StageEvent) -> bool:
        asked.set()
        return not gate.wait()

    debugger = fm.Debugger(engine.session(), IDS)
    debugger.break_at(when=hold)
    view = LayerDebugger(debugger)
    view._hear(None, {"kind": "command", "name": "debugger", "args": {"do": "run"}}, [])
    asked.wait()
    assert view.state["debugger"]["number"] == 1
    gate.set()
    assert view.panel.errands.wait(30)
    assert view.state["debugger"]["facts"]["place"] is None


def test_anything_that_can_be_stepped_is_taken(engine: fm.Engine) -> None:
    debugger = fm.Debugger(engine.session(), IDS)
    debugger.run_until(token=2, layer=1)
    view = LayerDebugger(debugger)
    assert view.debugger is debugger
    assert view.state["debugger"]["facts"]["place"]["token"] == 2
    view.attach(engine, prompt="ab")
    assert list(view.debugger.token_ids) == engine.encode("ab")
    player = engine.session().play(IDS, paused=True)
    player.step()
    player.wait()
    view.attach(player)
    assert view.debugger.session is not player.session
    assert view.debugger.token_ids == (player.tokens[0].id,)
    assert _click(view, "step")["facts"]["place"]["token"] == len(IDS)
    assert player.state == "paused"
    player.stop()


@pytest.mark.parametrize("nothing", [None, "text", 3])
def test_what_cannot_be_stepped_is_named(nothing: object) -> None:
    with pytest.raises(OptionError, match=r"give a session, an engine, a player or an fm.Debugger"):
        LayerDebugger().attach(nothing)


def test_detached_rolls_back_and_takes_no_more_clicks(engine: fm.Engine) -> None:
    session = engine.session()
    view = LayerDebugger(session, IDS)
    _click(view, "token")
    _click(view, "token")
    shown = _click(view, "step")
    view.detach()
    assert session.position == 1
    session.feed([9])
    assert _click(view, "step") == shown
    assert view.debugger is None


def test_an_error_of_the_model_shows_and_one_can_go_on(engine: fm.Engine) -> None:
    view = LayerDebugger(engine.session(), IDS)
    _click(view, "goto", layer=1, stage="mixer")
    for _ in range(2):
        report = _click(view, "edit", how="scale", factor=1e38)
        assert report["facts"]["error"] == ""
    assert report["facts"]["value"]["n_not_finite"] > 0
    report = _click(view, "goto", stage="combine")
    assert "not finite" in report["facts"]["error"]
    _click(view, "goto", stage="mixer")
    _click(view, "edit", how="zero")
    assert _click(view, "goto", stage="combine")["facts"]["error"] == ""


def test_a_page_holds_the_report_and_fetches_nothing(engine: fm.Engine, tmp_path: Path) -> None:
    view = LayerDebugger(engine.session(), IDS)
    report = _click(view, "goto", layer=1, stage="router")
    text = view.to_html(tmp_path / "page.html").read_text()
    data = re.search(r'<script id="fm-page-data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data[1])["traits"]["state"]["debugger"] == json.loads(json.dumps(report))
    assert re.findall(r"https?://(?!www\.w3\.org/)", text) == []
    with pytest.raises(OptionError, match="nothing is attached"):
        LayerDebugger().to_html(tmp_path / "none.html")


def test_a_picture_of_the_value_goes_with_the_widget(engine: fm.Engine) -> None:
    view = LayerDebugger(engine.session(), IDS)
    _click(view, "goto", layer=1, stage="mixer")
    picture = view.picture()
    assert picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
    data, _ = view._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    _click(view, "edit", how="zero")
    assert len(np.unique(view.picture().reshape(-1, 3), axis=0)) == 1


def test_one_click_too_many_is_refused_and_said(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, asked = threading.Event(), threading.Event()
    debugger = fm.Debugger(engine.session(), IDS)

    def hold(_: fm.StageEvent) -> bool:
        asked.set()
        return not gate.wait()

    debugger.break_at(when=hold)
    view = LayerDebugger(debugger)
    said: list[Any] = []
    monkeypatch.setattr(view, "put", lambda part, *_, **__: said.append(part))
    for command in ["run", *["show"] * (MOST_WAITING + 1)]:
        view._hear(None, {"kind": "command", "name": "debugger", "args": {"do": command}}, [])
        asked.wait()
    refused = [part["text"] for part in said if part["kind"] == "debugger_refused"]
    assert len(refused) == 1
    assert f"{MOST_WAITING} clicks wait" in refused[0]
    gate.set()
    assert view.panel.errands.wait(30)
    assert view.state["debugger"]["number"] == 2 + MOST_WAITING
