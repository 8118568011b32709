"""An abandoned, failed or interrupted token leaves the session on the last whole one, and usable.

Every event is a place to stop at; interrupts are real SIGINTs, sent to the main thread while it is in `feed`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

import flashmoe_nb as fm
from flashmoe_nb.errors import ReadError, SessionBusyError
from tests.oracle.checkpoints import Case
from tests.oracle.mlx_reference import prompt_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb import Session
    from tests.oracle.shelf import Shelf

Floats = NDArray[np.float32]

PROMPT = prompt_ids(21)
LONG = prompt_ids(300)
NEXT = prompt_ids(5, seed=8)
ARCHITECTURES = ("qwen3_5_moe", "qwen3_next", "qwen3_moe")


@pytest.fixture(params=ARCHITECTURES)
def folder(request: pytest.FixtureRequest, shelf: Shelf) -> Path:
    """A small checkpoint of each kind of layer."""
    return shelf.folder(Case(request.param, "4bit-g64", "float32"))


def _answers(session: Session) -> list[Floats]:
    """Logits that any change of the state before would change."""
    return [np.array(session.feed([token])) for token in NEXT]


def _undisturbed(engine: fm.Engine) -> list[Floats]:
    session = engine.session()
    session.feed(PROMPT)
    return _answers(session)


@pytest.mark.parametrize("prefill", [False, True], ids=["decode", "prefill"])
def test_close_rolls_back_from_every_event(folder: Path, prefill: bool) -> None:
    """Stop after each event in turn, with a token of the same session refused meanwhile."""
    ids = prompt_ids(6, seed=9) if prefill else [11]
    with fm.open(folder) as engine:
        expected = _undisturbed(engine)
        session = engine.session()
        session.feed(PROMPT)
        n_events = sum(1 for _ in session.fork().steps(ids, prefill=prefill))
        for stop in range(1, n_events, 3):
            steps = session.steps(ids, prefill=prefill)
            for _ in range(stop):
                next(steps)
            with pytest.raises(SessionBusyError):
                session.feed([3])
            steps.close()
            assert session.position == len(PROMPT)
        np.testing.assert_array_equal(_answers(session), expected)


def test_close_after_several_tokens_keeps_whole_ones_or_none(folder: Path) -> None:
    """Token by token, what was whole stays or all is undone; the position says which, and the state agrees with it."""
    ids = prompt_ids(3, seed=10)
    with fm.open(folder) as engine:
        session = engine.session()
        session.feed(PROMPT)
        steps = session.steps(ids)
        for event in steps:
            if event.position > len(PROMPT):
                break
        steps.close()
        n_kept = session.position - len(PROMPT)
        assert n_kept in (0, 1)
        other = engine.session()
        other.feed(PROMPT)
        for token in ids[:n_kept]:
            other.feed([token])
        np.testing.assert_array_equal(_answers(session), _answers(other))


def test_close_before_the_first_event_changes_nothing(folder: Path) -> None:
    with fm.open(folder) as engine:
        expected = _undisturbed(engine)
        session = engine.session()
        session.feed(PROMPT)
        session.steps([4]).close()
        assert session.position == len(PROMPT)
        np.testing.assert_array_equal(_answers(session), expected)


@pytest.mark.parametrize("ids", [LONG, [11]], ids=["prefill", "decode"])
def test_interrupt_rolls_back_at_any_moment(folder: Path, ids: list[int]) -> None:
    """SIGINT at moments spread over one feed; most hit it, some come too late, and both must be whole."""
    with fm.open(folder) as engine:
        expected = _undisturbed(engine)
        session = engine.session()
        session.feed(PROMPT)
        began = time.perf_counter()
        session.fork().feed(ids)
        duration_s = time.perf_counter() - began
        n_interrupted = 0
        moments = np.linspace(0.02, 0.9, 12)
        for number in range(600):  # a decoded token is over in a millisecond: most interrupts come too late for it
            if number >= len(moments) and n_interrupted >= 3:
                break
            trial = session.fork()
            if _interrupted(trial, ids, moments[number % len(moments)] * duration_s):
                n_interrupted += 1
                np.testing.assert_array_equal(_answers(trial), expected)
        assert n_interrupted >= 3
        np.testing.assert_array_equal(_answers(session), expected)


def test_interrupt_leaves_a_suspended_session_alone(folder: Path) -> None:
    """Another session, in the middle of a token while the interrupt comes, goes on as if nothing had been."""
    with fm.open(folder) as engine:
        expected = _undisturbed(engine)
        watched, interrupted = engine.session(), engine.session()
        watched.feed(PROMPT)
        steps = watched.steps(NEXT[:1])
        for _ in range(9):
            next(steps)
        assert _interrupted(interrupted, LONG, 0.01)
        for _ in steps:
            pass
        found = [np.array(steps.logits), *(np.array(watched.feed([token])) for token in NEXT[1:])]
        np.testing.assert_array_equal(found, expected)


def test_read_error_rolls_back(folder: Path, tmp_path: Path) -> None:
    """Files that seem to change under the engine fail the token; once they are as they were, it can be fed again."""
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    stamps = {path: path.stat() for path in copied.glob("*.safetensors")}
    with fm.open(copied) as engine:
        expected = _undisturbed(engine)
        session = engine.session()
        session.feed(PROMPT)
        for path, stamp in stamps.items():
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1_000_000_000))
        for ids in ([4], LONG):
            with pytest.raises(ReadError, match="changed"):
                session.feed(ids)
            assert session.position == len(PROMPT)
        for path, stamp in stamps.items():
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        np.testing.assert_array_equal(_answers(session), expected)


def _interrupted(session: Session, ids: list[int], delay_s: float) -> bool:
    """Feed with a SIGINT on its way; whether it came before the feed was whole."""
    before = session.position
    with contextlib.suppress(KeyboardInterrupt), _sigint_after(delay_s):
        session.feed(ids)
    assert session.position in (before, before + len(ids))
    return session.position == before


@contextlib.contextmanager
def _sigint_after(delay_s: float) -> Iterator[None]:
    main = threading.main_thread().ident
    assert main is not None
    done = threading.Event()

    def send() -> None:
        if not done.wait(delay_s):
            signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        os.sched_yield()
