"""Sessions and engines as notebooks use them: threads, several at once, dropped, closed, and everything given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import ClosedError, FlashMoeError

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = [(37 * i) % 256 for i in range(30)]


def _greedy(engine: fm.Engine, prompt: list[int] = PROMPT, n: int = 8) -> list[int]:
    return [token.id for token in engine.session().generate(prompt, max_tokens=n)]


def test_worker_thread_gives_the_same_tokens(engine: fm.Engine) -> None:
    expected = _greedy(engine)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_greedy, engine).result() == expected


def test_session_may_wander_between_threads(engine: fm.Engine) -> None:
    """Fed by one thread, stepped by a second, forked by a third; lazy arrays never cross."""
    expected = engine.session()
    want = [np.array(expected.feed(ids)) for ids in (PROMPT, [1], [2])][-1]
    session = engine.session()

    def step() -> None:
        for event in session.steps([1]):
            np.array(event.value if isinstance(event.value, mx.array) else 0)

    for work in (lambda: session.feed(PROMPT), step):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()
    with ThreadPoolExecutor(1) as pool:
        fork = pool.submit(session.fork).result()
    np.testing.assert_array_equal(np.array(fork.feed([2])), want)


def test_many_threads_with_a_session_each(engine: fm.Engine) -> None:
    prompts = [[(17 * i + j) % 256 for i in range(5 + j)] for j in range(6)]
    expected = [_greedy(engine, prompt) for prompt in prompts]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda prompt: _greedy(engine, prompt), prompts)) == expected


def test_engine_opened_on_a_worker_thread(tiny: Path, engine: fm.Engine) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(fm.open, tiny).result()
    assert _greedy(other) == _greedy(engine)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(other.close).result()
    assert other.closed


def test_two_engines_at_once(tiny: Path, dense: Path) -> None:
    """Different models, interleaved and in parallel; closing one leaves the other alone."""
    with fm.open(tiny) as one, fm.open(dense) as two, fm.open(tiny, top_k=2) as three:
        expected = [_greedy(engine) for engine in (one, two, three)]
        assert expected[0] != expected[2]
        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(_greedy, (one, two, three))) == expected
        two.close()
        assert [_greedy(one), _greedy(three)] == [expected[0], expected[2]]


def test_patch_on_one_session_leaves_others_alone(engine: fm.Engine) -> None:
    past = engine.session()
    past.feed(PROMPT)
    mine, theirs = past.fork(), past.fork()
    steps = mine.steps([5])
    for event in steps:
        if event.stage == "mixer":
            steps.send(event.value * 0)
            break
    expected = np.array(past.fork().feed([5]))
    np.testing.assert_array_equal(np.array(theirs.feed([5])), expected)
    for _ in steps:
        pass
    assert not np.allclose(np.array(steps.logits), expected)


def test_observer_error_rolls_back_and_comes_through(engine: fm.Engine) -> None:
    session = engine.session()
    session.feed(PROMPT)
    expected = np.array(session.fork().feed([5]))

    def broken(event: fm.StageEvent) -> None:
        if event.layer == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), session.observe(broken):
        session.feed([5])
    assert session.position == len(PROMPT)
    np.testing.assert_array_equal(np.array(session.feed([5])), expected)


def test_close_frees_files_threads_and_memory_though_a_session_is_kept(tiny: Path) -> None:
    """As in a notebook, where `session` and `steps` stay defined for ever."""
    kept = []
    mx.clear_cache()
    before = _files(tiny), threading.active_count(), mx.get_active_memory()
    for _ in range(3):
        with fm.open(tiny) as engine:
            session = engine.session()
            list(session.generate(PROMPT, max_tokens=3))
            fork = session.fork()
            steps, done = fork.steps([1]), session.steps([2])
            next(steps)
            list(done)
            assert _files(tiny) > before[0]
            kept.append((engine, session, fork, steps, done))
    gc.collect()
    after = _files(tiny), threading.active_count(), mx.get_active_memory()
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 50_000  # the last logits and values of events, nothing of the model
    assert all(session.position for _, session, *_ in kept)


def test_closed_engine_is_collected(tiny: Path) -> None:
    engine = fm.open(tiny)
    session = engine.session()
    session.feed([1])
    gone = weakref.ref(engine)
    engine.close()
    del engine, session
    gc.collect()
    assert gone() is None


def test_dropped_engine_gives_everything_back(tiny: Path) -> None:
    """Nobody called close(): a notebook cell run again, say."""
    before = _files(tiny), threading.active_count()
    for _ in range(3):
        engine = fm.open(tiny)
        engine.session().feed([1])
        del engine
        gc.collect()
    deadline = time.monotonic() + 10
    while (_files(tiny), threading.active_count()) != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (_files(tiny), threading.active_count()) == before


@pytest.mark.slow
def test_opening_again_and_again_does_not_grow(tiny: Path) -> None:
    """In a process of its own: others leave heaps of every size behind."""
    script = f"""
import gc, psutil
import flashmoe_nb as fm
for number in range(40):
    with fm.open({str(tiny)!r}) as engine:
        session = engine.session()
        session.feed(list(range(60)))
    gc.collect()
    if number in (15, 39):
        print(psutil.Process().memory_info().rss)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True)
    warm, last = map(int, result.stdout.split())
    assert last - warm < 24 * 400_000  # a model kept alive would be 900 kB each time


def test_failed_opening_leaves_nothing_behind(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")  # read last, when files are open and weights loaded
    mx.clear_cache()
    before = _files(folder), threading.active_count(), mx.get_active_memory()
    for _ in range(3):
        with pytest.raises(FlashMoeError, match="is not a tokenizer"):
            fm.open(folder)
    gc.collect()
    assert (_files(folder), threading.active_count()) == before[:2]
    assert mx.get_active_memory() - before[2] < 50_000


@pytest.mark.parametrize(
    "ending", ["", "next(steps)", "raise SystemExit(0)", "engine.close()", "del engine, session, steps"]
)
def test_interpreter_ends_cleanly_without_close(ending: str, tiny: Path) -> None:
    script = (
        f"import flashmoe_nb as fm; engine = fm.open({str(tiny)!r}); session = engine.session(); "
        f"list(session.generate([1, 2], max_tokens=2)); steps = session.steps([3]); next(steps); {ending or 'pass'}"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_close_from_two_threads_at_once(tiny: Path) -> None:
    for _ in range(5):
        engine = fm.open(tiny)
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(engine.close) for _ in range(4)]:
                done.result()
        assert engine.closed


def test_close_while_another_thread_generates(tiny: Path) -> None:
    """The generating thread gets whole tokens, then one clear error."""
    engine = fm.open(tiny)
    begun = threading.Event()
    outcome: list[object] = []

    def work() -> None:
        try:
            for token in engine.session().generate(PROMPT, max_tokens=4000):
                outcome.append(token.id)
                begun.set()
        except ClosedError as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    engine.close()
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(outcome[-1], ClosedError)


def test_repr_is_one_line_and_cheap(engine: fm.Engine) -> None:
    session = engine.session()
    for shown in (repr(engine), repr(session), repr(engine.config), repr(session.steps([1]))):
        assert "\n" not in shown
        assert len(shown) < 250
    assert "top-4 of 16" in repr(engine)
    assert "<table>" in engine._repr_html_()


def _files(folder: Path) -> int:
    """Descriptors of this process that point into a folder."""
    found = 0
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - only names
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith(str(folder))  # noqa: PTH115 - as above
        except OSError:
            continue
    return found
