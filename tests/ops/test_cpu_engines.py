"""The `cpu` back end inside engines: several at once, one core, forks, and values a user sends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError, UnsupportedError
from flashmoe_nb.ops import open_ops
from tests.oracle.checkpoints import Case, write_mlx_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = [(53 * i) % 300 for i in range(40)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mlx_checkpoint(Case("qwen3_5_moe", "mixed", "bfloat16"), tmp_path_factory.mktemp("cpu") / "m")


def _greedy(engine: fm.Engine, n_tokens: int) -> list[int]:
    session = engine.session()
    tokens = [int(np.argmax(session.feed(PROMPT)))]
    while len(tokens) < n_tokens:
        tokens.append(int(np.argmax(session.feed(tokens[-1:]))))
    return tokens


def test_engines_decode_at_once_as_they_do_alone(folder: Path) -> None:
    """Two owner threads share one crew of helpers."""
    with fm.open(folder, ops="cpu") as first, fm.open(folder, ops="cpu") as second:
        alone = _greedy(first, 40)
        found: dict[int, list[int]] = {}
        threads = [
            threading.Thread(target=lambda number=number, engine=engine: found.update({number: _greedy(engine, 40)}))
            for number, engine in enumerate((first, second))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {0: alone, 1: alone}


def test_forked_sessions_go_their_own_ways(folder: Path) -> None:
    """Keys and values are shared until one side writes where the other has written."""
    with fm.open(folder, ops="cpu") as engine:
        past = engine.session()
        past.feed(PROMPT)
        expected = {}
        for token in (5, 9):
            fresh = engine.session()
            fresh.feed(PROMPT)
            expected[token] = [np.array(fresh.feed([token])), np.array(fresh.feed([token]))]
        forks = {token: past.fork() for token in (5, 9)}
        for step in range(2):
            for token, session in forks.items():
                np.testing.assert_array_equal(np.array(session.feed([token])), expected[token][step])
    assert not np.allclose(expected[5][0], expected[9][0])


def test_feed_answers_in_mlx_float32(folder: Path) -> None:
    import mlx.core as mx

    with fm.open(folder, ops="cpu") as engine:
        logits = engine.session().feed([1])
        assert isinstance(logits, mx.array)
        assert logits.dtype == mx.float32
        assert "CPU" in repr(engine.ops)


def test_value_sent_in_float64_counts_as_the_number_it_is(folder: Path) -> None:
    """Kernels go by addresses; a patch of another dtype must not be read as bytes of float32."""
    answers = {}
    with fm.open(folder, ops="cpu") as engine:
        for dtype in (np.float32, np.float64):
            steps = engine.session().steps([5])
            for event in steps:
                if event.stage in {"input_norm", "post_norm", "gated", "conv"}:
                    steps.send((event.value * 2).astype(dtype))
            answers[dtype] = np.array(steps.logits)
    np.testing.assert_allclose(answers[np.float64], answers[np.float32], rtol=1e-4, atol=1e-5)


def test_sixteen_bit_activations_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="leave it out"):
        open_ops("cpu", "bfloat16", "bfloat16")
    assert open_ops("cpu", None, "bfloat16").dtype == "float32"


@pytest.mark.parametrize("compute_threads", [1, 3])
def test_any_number_of_threads_gives_the_same_tokens(compute_threads: int, folder: Path) -> None:
    with fm.open(folder, ops="cpu") as engine:
        expected = _greedy(engine, 12)
    with fm.open(folder, ops="cpu", compute_threads=compute_threads) as engine:
        assert f"{compute_threads} thread" in engine.ops.device
        assert _greedy(engine, 12) == expected


@pytest.mark.parametrize(("threads", "says"), [(0, "give 1 to 64"), (65, "give 1 to 64"), (1.5, "whole number")])
def test_impossible_thread_count_is_refused(threads: Any, says: str, folder: Path) -> None:
    with pytest.raises(OptionError, match=says):
        fm.open(folder, ops="cpu", compute_threads=threads)


def test_threads_for_a_back_end_that_picks_its_own_are_refused(folder: Path) -> None:
    with pytest.raises(UnsupportedError, match="leave it out"):
        fm.open(folder, ops="mlx", compute_threads=2)
