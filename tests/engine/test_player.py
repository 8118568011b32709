"""Playing in the background: every button, every way to end, and always the tokens `generate` gives."""

from __future__ import annotations

import _thread
import gc
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import ClosedError, ContextError, OptionError, PromptError, ReadError, SessionBusyError
from flashmoe_nb.storage.pack import pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb.engine import Player

PROMPT = [(37 * i) % 256 for i in range(20)]
ENDLESS = 100_000


def _ids(player: Player) -> list[int]:
    return [token.id for token in player.tokens]


def _expected(engine: fm.Engine, n: int) -> list[int]:
    return [token.id for token in engine.session().generate(PROMPT, max_tokens=n)]


def _until(true: Callable[[], object]) -> None:
    """Wait for an effect; a test that never sees it fails by pytest's own time limit."""
    while not true():
        time.sleep(0.001)


def test_player_gives_the_tokens_of_generate(engine: fm.Engine) -> None:
    heard: list[int] = []
    player = engine.session().play(PROMPT, max_tokens=12)
    player.subscribe(lambda token: heard.append(token.id))
    assert player.wait() == player.state == "done"
    assert _ids(player) == _expected(engine, 12)
    assert heard == _ids(player)[len(player.tokens) - len(heard) :]  # those before it subscribed are in .tokens
    assert player.text == "".join(token.text for token in engine.session().generate(PROMPT, max_tokens=12))
    assert player.error is None


def test_play_takes_every_option_of_generate(engine: fm.Engine) -> None:
    options = {"max_tokens": 9, "temperature": 0.9, "top_p": 0.9, "min_p": 0.01, "seed": 3, "stop": ["zzz"]}
    messages = [{"role": "user", "content": "Hello"}]
    player = engine.session().play(messages, **options, enable_thinking=True, adjust=lambda logits: logits * 0.5)
    expected = engine.session().generate(messages, **options, enable_thinking=True, adjust=lambda logits: logits * 0.5)
    player.wait()
    assert _ids(player) == [token.id for token in expected]
    assert _ids(player) != [token.id for token in engine.session().generate(messages, max_tokens=9)]


def test_pause_takes_effect_between_tokens_and_resume_goes_on(engine: fm.Engine) -> None:
    session = engine.session()
    player = session.play(PROMPT, max_tokens=ENDLESS)
    for _ in range(5):
        seen = len(player.tokens)
        _until(lambda seen=seen: len(player.tokens) > seen + 1)
        player.pause()
        assert player.wait() == "paused"
        stands = len(player.tokens)
        assert session.position == len(PROMPT) + stands - 1  # the last one is sampled, not fed
        np.array(session.fork().feed([5]))  # whole, so it can be forked
        assert len(player.tokens) == stands
        player.resume()
    player.stop()
    assert _ids(player) == _expected(engine, len(player.tokens))


def test_step_gives_exactly_one_token(engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=ENDLESS, paused=True)
    assert (player.state, player.wait(), player.tokens) == ("paused", "paused", ())
    for count in range(1, 6):
        player.step()
        assert player.wait() == "paused"
        assert len(player.tokens) == count
    for _ in range(3):  # clicked faster than tokens come: they add up
        player.step()
    _until(lambda: player.state == "paused")
    assert len(player.tokens) == 8
    player.resume()
    _until(lambda: len(player.tokens) > 10)
    player.stop()
    assert _ids(player) == _expected(engine, len(player.tokens))


def test_step_while_playing_pauses_after_the_token_at_hand(engine: fm.Engine) -> None:
    gate, arrived = threading.Semaphore(0), threading.Event()

    def hold(token: fm.Token) -> None:
        arrived.set()
        gate.acquire()

    player = engine.session().play(PROMPT, max_tokens=ENDLESS, paused=True)
    player.subscribe(hold)
    player.resume()
    arrived.wait()  # the first token is there, its listener still busy
    player.step()
    for _ in range(9):
        gate.release()
    assert player.wait() == "paused"
    assert len(player.tokens) == 2
    player.stop()


def test_pause_takes_steps_not_yet_made_back(engine: fm.Engine) -> None:
    gate, arrived = threading.Semaphore(0), threading.Event()

    def hold(token: fm.Token) -> None:
        arrived.set()
        gate.acquire()

    player = engine.session().play(PROMPT, max_tokens=ENDLESS, paused=True)
    player.subscribe(hold)
    for _ in range(5):
        player.step()
    arrived.wait()
    player.pause()
    for _ in range(9):
        gate.release()
    player.wait()
    assert len(player.tokens) == 1
    player.stop()


@pytest.mark.parametrize("paused", [True, False])
def test_stop_leaves_the_session_whole_and_usable(paused: bool, engine: fm.Engine) -> None:
    session = engine.session()
    player = session.play(PROMPT, max_tokens=ENDLESS)
    _until(lambda: len(player.tokens) > 4)
    if paused:
        player.pause()
        player.wait()
    player.stop()
    assert player.state == player.wait() == "stopped"
    made = _ids(player)
    assert session.position == len(PROMPT) + len(made) - 1
    assert session.pending == made[-1]
    more = [token.id for token in session.generate([5], max_tokens=4)]
    assert more == [token.id for token in engine.session().generate([*PROMPT, *made, 5], max_tokens=4)]


def test_stop_in_the_middle_of_a_long_prompt_rolls_it_back(engine: fm.Engine) -> None:
    """A stage of it, not all of it, is what one waits for."""
    session = engine.session()
    session.feed(PROMPT)
    at_layer: list[int | None] = []
    stopped = threading.Event()

    def listen(event: fm.StageEvent) -> None:
        at_layer.append(event.layer)
        if event.layer == 1:
            stopped.wait()

    with session.observe(listen):
        player = session.play([1] * 300, max_tokens=5)
        _until(lambda: 1 in at_layer)
        stopper = threading.Thread(target=player.stop)
        stopper.start()
        _until(player.stop_asked)
        stopped.set()
        stopper.join()
    assert (player.state, player.tokens, session.position) == ("stopped", (), len(PROMPT))
    assert 2 not in at_layer
    fresh = engine.session()
    fresh.feed(PROMPT)
    np.testing.assert_array_equal(np.array(session.feed([5])), np.array(fresh.feed([5])))


def test_stop_before_the_first_token_and_twice(engine: fm.Engine) -> None:
    session = engine.session()
    player = session.play(PROMPT, paused=True)
    player.stop()
    player.stop()
    player.pause()
    assert (player.state, session.position) == ("stopped", 0)
    session.feed(PROMPT)


@pytest.mark.parametrize("button", ["resume", "step"])
def test_an_ended_player_says_so(button: str, engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=2)
    player.wait()
    with pytest.raises(OptionError, match=r"this player is done after 2 tokens: call session.play\(\)"):
        getattr(player, button)()
    assert len(player.tokens) == 2


# -- what goes wrong -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("prompt", "options", "error"),
    [
        ("", {}, PromptError),
        ([], {}, PromptError),
        ("a", {"max_tokens": 0}, OptionError),
        ("a", {"top_p": 2.0}, OptionError),
        ("a", {"tokens_per_s": 0}, OptionError),
        ("a", {"tokens_per_s": -1.0}, OptionError),
        ("a", {"tokens_per_s": float("nan")}, OptionError),
        ("a", {"tokens_per_s": "fast"}, OptionError),
    ],
)
def test_bad_arguments_are_refused_at_once(
    prompt: object, options: dict[str, object], error: type[Exception], engine: fm.Engine
) -> None:
    session = engine.session()
    with pytest.raises(error):
        session.play(prompt, **options)
    session.play(PROMPT, max_tokens=1).wait()  # and nothing holds the session


@pytest.mark.parametrize(("ids", "error"), [([10**6], PromptError), ([1] * 10**6, ContextError)])
def test_a_prompt_that_cannot_be_fed_surfaces_on_wait_and_error(
    ids: list[int], error: type[Exception], engine: fm.Engine
) -> None:
    session = engine.session()
    player = session.play(ids)
    for _ in range(2):
        with pytest.raises(error):
            player.wait()
    assert player.state == "failed"
    assert isinstance(player.error, error)
    assert error.__name__ in repr(player)
    assert session.position == 0
    assert session.play(PROMPT, max_tokens=2).wait() == "done"


def test_a_read_error_surfaces_and_leaves_the_session_whole(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    pack(folder, packed, progress=False)
    with fm.open(packed) as engine:
        session = engine.session()
        player = session.play(PROMPT, max_tokens=ENDLESS, paused=True)
        for _ in range(3):
            player.step()
        _until(lambda: len(player.tokens) == 3)
        player.wait()
        for file in packed.rglob("layer_*.bin"):
            with file.open("r+b") as opened:
                opened.truncate(4096)
        player.resume()
        with pytest.raises(ReadError, match="layer_"):
            player.wait()
        assert (player.state, len(player.tokens), session.position) == ("failed", 3, len(PROMPT) + 2)


@pytest.mark.parametrize("paused", [True, False])
def test_a_closed_engine_surfaces_on_wait(paused: bool, tiny: Path) -> None:
    engine = fm.open(tiny)
    player = engine.session().play(PROMPT, max_tokens=ENDLESS)
    _until(lambda: len(player.tokens) > 2)
    if paused:
        player.pause()
        player.wait()
    engine.close()
    if paused:
        assert player.state == "paused"
        player.resume()
    with pytest.raises(ClosedError, match="engine"):
        player.wait()
    assert player.state == "failed"


def test_a_listener_that_raises_ends_the_player_whole(engine: fm.Engine) -> None:
    session = engine.session()
    player = session.play(PROMPT, max_tokens=ENDLESS, paused=True)
    player.subscribe(lambda _: 1 / 0)
    player.resume()
    with pytest.raises(ZeroDivisionError):
        player.wait()
    assert (len(player.tokens), session.position) == (1, len(PROMPT))
    session.feed([5])


def test_only_its_player_feeds_a_session(engine: fm.Engine) -> None:
    session = engine.session()
    mark = session.mark()
    steps = session.steps(PROMPT)
    player = session.play(PROMPT, max_tokens=ENDLESS, paused=True)
    player.step()
    player.wait()
    refused: tuple[Callable[[], object], ...] = (
        lambda: session.play(PROMPT),
        lambda: session.feed([1]),
        lambda: next(steps),
        lambda: next(session.generate(PROMPT)),
        session.reset,
        lambda: session.rewind(mark),
        lambda: fm.Debugger(session, PROMPT).step(),
    )
    for call in refused:
        with pytest.raises(SessionBusyError, match=r"a player plays this session, <Player paused after 1 tokens>"):
            call()
    session.layer_state(0)
    session.fork().feed([1])
    player.stop()
    session.reset()
    session.play(PROMPT, max_tokens=1).wait()


def test_a_suspended_step_refuses_a_player(engine: fm.Engine) -> None:
    session = engine.session()
    steps = session.steps([1])
    next(steps)
    with pytest.raises(SessionBusyError, match="suspended"):
        session.play(PROMPT)
    steps.close()
    assert session.play(PROMPT, max_tokens=1).wait() == "done"


def test_two_sessions_play_at_once(engine: fm.Engine) -> None:
    players = [engine.session().play(PROMPT, max_tokens=20) for _ in range(3)]
    assert [player.wait() for player in players] == ["done"] * 3
    assert all(_ids(player) == _expected(engine, 20) for player in players)


# -- speed and listeners ---------------------------------------------------------------------------------------------
def test_speed_limit_holds_tokens_back(engine: fm.Engine) -> None:
    """No times: at one token in a thousand seconds there is one, and lifting the limit lets the rest through."""
    player = engine.session().play(PROMPT, max_tokens=6, tokens_per_s=0.001)
    _until(lambda: player.tokens)
    assert player.wait(timeout=0.3) == "playing"
    assert (len(player.tokens), player.tokens_per_s) == (1, 0.001)
    with pytest.raises(OptionError, match="tokens_per_s is 0"):
        player.tokens_per_s = 0
    player.tokens_per_s = None
    assert player.wait() == "done"
    assert len(player.tokens) == 6


@pytest.mark.parametrize("button", ["pause", "step", "stop"])
def test_buttons_do_not_wait_for_the_speed_limit(button: str, engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=ENDLESS, tokens_per_s=0.001)
    _until(lambda: player.tokens)
    getattr(player, button)()
    assert player.wait() == ("stopped" if button == "stop" else "paused")
    assert len(player.tokens) in ((1, 2) if button == "step" else (1,))
    player.stop()


def test_a_slow_listener_does_not_hold_the_engine(engine: fm.Engine) -> None:
    release, arrived = threading.Event(), threading.Event()

    def slow(token: fm.Token) -> None:
        arrived.set()
        release.wait()

    player = engine.session().play(PROMPT, max_tokens=3, paused=True)
    unsubscribe = player.subscribe(slow)
    player.resume()
    arrived.wait()
    assert _expected(engine, 2)  # another session, while the listener sleeps
    unsubscribe()
    release.set()
    assert player.wait() == "done"


def test_listeners_may_press_buttons(engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=ENDLESS, paused=True)
    states: list[str] = []
    player.subscribe_state(states.append)
    player.subscribe(lambda _: player.pause() if len(player.tokens) == 3 else None)
    player.subscribe(lambda _: player.stop() if len(player.tokens) == 5 else None)
    player.resume()
    _until(lambda: states[-1] == "paused")
    assert len(player.tokens) == 3
    player.resume()
    assert player.wait() == "stopped"
    assert len(player.tokens) == 5
    _until(lambda: states == ["playing", "paused", "playing", "stopped"])


def test_a_listener_cannot_wait_for_itself(engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=ENDLESS, paused=True)
    player.subscribe(lambda _: player.wait())
    player.resume()
    with pytest.raises(SessionBusyError, match="wait for itself"):
        player.wait()


def test_buttons_pressed_from_many_threads_at_once(engine: fm.Engine) -> None:
    session = engine.session()
    player = session.play(PROMPT, max_tokens=ENDLESS)

    def press(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(60):
            rng.choice([player.pause, player.resume, player.step])()
            time.sleep(rng.random() / 1000)

    threads = [threading.Thread(target=press, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    player.stop()
    assert player.wait() == "stopped"
    assert session.position == (len(PROMPT) + len(player.tokens) - 1 if player.tokens else 0)
    assert _ids(player) == _expected(engine, len(player.tokens))


# -- interrupts and ends ---------------------------------------------------------------------------------------------
def test_keyboard_interrupt_in_wait_stops_the_player(engine: fm.Engine) -> None:
    session = engine.session()
    player = session.play(PROMPT, max_tokens=ENDLESS, tokens_per_s=20)
    fired = threading.Event()

    def interrupt(token: fm.Token) -> None:
        if len(player.tokens) > 3 and not fired.is_set():
            fired.set()
            _thread.interrupt_main()

    player.subscribe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        player.wait()
    assert player.state == "stopped"
    assert session.position == len(PROMPT) + len(player.tokens) - 1
    session.feed([5])


def test_wait_gives_up_after_its_timeout(engine: fm.Engine) -> None:
    player = engine.session().play(PROMPT, max_tokens=ENDLESS)
    assert player.wait(timeout=0.01) == "playing"
    player.stop()


@pytest.mark.parametrize("state", ["playing", "paused", "limited", "prompt"])
def test_interpreter_ends_cleanly_with_a_player(state: str, tiny: Path) -> None:
    play = {
        "playing": "player = session.play([1, 2], max_tokens=1000000)",
        "paused": "player = session.play([1, 2], max_tokens=1000000); player.pause(); player.wait()",
        "limited": "player = session.play([1, 2], max_tokens=1000000, tokens_per_s=0.001)",
        "prompt": "player = session.play([1] * 1500, max_tokens=1000000)",
    }[state]
    enough = "" if state == "prompt" else "\nwhile not player.tokens: time.sleep(0.001)"
    script = (
        f"import flashmoe_nb as fm, time\nengine = fm.open({str(tiny)!r})\nsession = engine.session()\n{play}{enough}"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_dropped_paused_player_keeps_nothing_alive(tiny: Path) -> None:
    """Its cell was run again, say."""
    threads = threading.active_count()
    engine = fm.open(tiny)
    player = engine.session().play(PROMPT, max_tokens=ENDLESS)
    player.pause()
    player.wait()
    gone = weakref.ref(engine)
    del engine, player
    _until(lambda: gc.collect() >= 0 and gone() is None)
    _until(lambda: threading.active_count() == threads)
