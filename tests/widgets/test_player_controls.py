"""PlayerControls without a browser: clicks as a front end sends them, what they do, and what is kept for it."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.storage.synth import synthesize
from flashmoe_nb.widgets import PlayerControls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PROMPT = "Once upon"
ENDLESS = 100_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fm.Engine]:
    folder = tmp_path_factory.mktemp("player_controls") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    with fm.open(folder) as opened:
        yield opened


@pytest.fixture
def view(engine: fm.Engine) -> Iterator[PlayerControls]:
    made = PlayerControls(engine.session())
    yield made
    if made.player is not None:
        made.player.stop()
    made.close()


def _click(view: PlayerControls, command: str, **args: Any) -> dict[str, Any]:
    view._hear(None, {"kind": "command", "name": "player", "args": {"do": command, **args}}, [])
    assert view.panel.errands.wait(30)
    return view.state["player"]


def _until(true: Callable[[], object]) -> None:
    while not true():
        time.sleep(0.001)


def _ids(view: PlayerControls) -> list[int]:
    return [token.id for token in view.player.tokens]


def test_play_pause_step_resume_stop(view: PlayerControls, engine: fm.Engine) -> None:
    assert view.state["player"]["state"] == "idle"
    facts = _click(view, "play", prompt=PROMPT, max_tokens=ENDLESS)
    assert (facts["state"], facts["error"]) == ("playing", "")
    _until(lambda: view.player.tokens)
    _click(view, "pause")
    view.player.wait()
    _until(lambda: view.state["player"]["state"] == "paused")
    facts = view.state["player"]
    stands = len(view.player.tokens)
    assert facts["tokens"] == stands
    assert facts["text"] == view.player.text
    assert facts["position"] == view.panel.session.position
    _click(view, "step")
    view.player.wait()
    assert len(view.player.tokens) == stands + 1
    _until(lambda: view.state["player"]["tokens"] == stands + 1)
    _click(view, "resume")
    _until(lambda: len(view.player.tokens) > stands + 3)
    assert _click(view, "stop")["state"] == "stopped"
    n = len(view.player.tokens)
    assert _ids(view) == [token.id for token in engine.session().generate(PROMPT, max_tokens=n)]


def test_a_prompt_may_begin_with_a_single_step(view: PlayerControls) -> None:
    _click(view, "play", prompt=PROMPT, max_tokens=ENDLESS, step=True)
    view.player.wait()
    assert (view.player.state, len(view.player.tokens)) == ("paused", 1)


def test_the_end_is_told_with_all_tokens(view: PlayerControls, engine: fm.Engine) -> None:
    _click(view, "play", prompt=PROMPT, max_tokens=40, temperature=0.7)
    view.player.wait()
    _until(lambda: view.state["player"]["state"] == "done")
    facts = view.state["player"]
    assert facts["tokens"] == len(view.player.tokens)
    assert facts["text"] == view.player.text
    assert facts["measured_per_s"] is None or facts["measured_per_s"] > 0
    json.dumps(facts, allow_nan=False)


def test_another_prompt_begins_anew_or_goes_on(view: PlayerControls, engine: fm.Engine) -> None:
    _click(view, "play", prompt=PROMPT, max_tokens=5)
    view.player.wait()
    first = _ids(view)
    _click(view, "play", prompt=PROMPT, max_tokens=5)
    view.player.wait()
    assert _ids(view) == first
    position = view.panel.session.position
    _click(view, "play", prompt=PROMPT, max_tokens=5, fresh=False)
    view.player.wait()
    assert view.panel.session.position == position + 1 + len(engine.encode(PROMPT)) + 4
    playing = view.player
    _click(view, "play", prompt=PROMPT, max_tokens=ENDLESS)
    _click(view, "play", prompt="other", max_tokens=2)
    view.player.wait()
    assert playing.state == "done"
    assert len(view.player.tokens) == 2


def test_speed_is_set_while_it_plays(view: PlayerControls) -> None:
    _click(view, "play", prompt=PROMPT, max_tokens=6, tokens_per_s=0.001)
    _until(lambda: view.player.tokens)
    assert view.state["player"]["tokens_per_s"] == 0.001
    assert _click(view, "speed", tokens_per_s=None)["tokens_per_s"] is None
    assert view.player.wait() == "done"


def test_the_space_bar_toggles(view: PlayerControls) -> None:
    def space() -> None:
        view._hear(None, {"kind": "command", "name": "toggle", "args": {}}, [])
        assert view.panel.errands.wait(30)

    space()
    assert "nothing plays yet" in view.state["player"]["error"]
    _click(view, "play", prompt=PROMPT, max_tokens=ENDLESS, tokens_per_s=0.001)
    _until(lambda: view.player.tokens)
    space()
    assert view.player.wait() == "paused"
    space()
    assert view.player.state == "playing"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"do": "play", "prompt": ""}, "prompt is empty"),
        ({"do": "play", "prompt": "a", "max_tokens": 0}, "max_tokens is 0"),
        ({"do": "play", "prompt": "a", "tokens_per_s": -1}, "tokens_per_s is -1"),
        ({"do": "pause"}, "nothing plays yet"),
        ({"do": "fly"}, "is not known"),
    ],
)
def test_errors_show_and_leave_the_session_usable(args: dict[str, Any], says: str, view: PlayerControls) -> None:
    assert says in _click(view, args.pop("do"), **args)["error"]
    _click(view, "play", prompt=PROMPT, max_tokens=2)
    assert view.player.wait() == "done"


def test_what_fails_while_decoding_shows(view: PlayerControls) -> None:
    _click(view, "play", prompt="a" * 5000, max_tokens=2)
    with pytest.raises(Exception, match="limit is"):
        view.player.wait()
    _until(lambda: view.state["player"]["state"] == "failed")
    assert "limit is" in view.state["player"]["error"]


def test_a_player_of_a_cell_is_taken_as_it_is(engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=ENDLESS)
    view = PlayerControls(player)
    assert view.player is player
    _click(view, "stop")
    assert player.state == "stopped"
    view.detach()
    view.attach(engine)
    assert (view.player, view.state["player"]["state"]) == (None, "idle")
    view.detach()
    assert _click(view, "play", prompt=PROMPT)["state"] == "idle"
    assert view.player is None


@pytest.mark.parametrize("nothing", [None, "text", 3])
def test_what_cannot_play_is_named(nothing: object) -> None:
    with pytest.raises(OptionError, match="give a session, a player or an engine"):
        PlayerControls().attach(nothing)


def test_a_page_shows_the_text_and_fetches_nothing(view: PlayerControls, tmp_path: Path) -> None:
    _click(view, "play", prompt=PROMPT, max_tokens=5)
    view.player.wait()
    _until(lambda: view.state["player"]["state"] == "done")
    text = view.to_html(tmp_path / "page.html").read_text()
    data = re.search(r'<script id="fm-page-data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data[1])["traits"]["state"]["player"]["text"] == view.player.text
    with pytest.raises(OptionError, match="nothing is attached"):
        PlayerControls().to_html(tmp_path / "none.html")
