"""The same tokens at every setting: what changes speed or what can be seen must not change the answer.

The baseline is one engine read in place with all defaults; where only reading or watching differs, logits are equal to
the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

import flashmoe_nb as fm
from flashmoe_nb.model.state import KV_STEP
from flashmoe_nb.storage.pack import pack
from tests.oracle.checkpoints import Case, write_mlx_checkpoint
from tests.oracle.engine_runs import greedy, relative_difference
from tests.oracle.mlx_reference import prompt_ids

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb import Session
    from tests.oracle.shelf import Shelf

Floats = NDArray[np.float32]

PROMPT = prompt_ids(45)
N_TOKENS = 24
TOLERANCE = 2e-5
"""Of the largest logit, where sums are grouped in another way."""
CASES = (
    Case("qwen3_5_moe", "4bit-g64", "float32"),
    Case("qwen3_next", "mixed", "float32"),
    Case("qwen3_moe", "2bit-g64", "float32"),
    Case("qwen3_5", "8bit", "float32"),
)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A packed checkpoint, and the answer all settings must give."""

    folder: Path
    top_k: int
    num_experts: int
    kinds: tuple[str, ...]
    """Where its experts can be read from."""
    tokens: list[int]
    logits: Floats
    """Of which each token was the largest. Shape [N_TOKENS, V]."""


@pytest.fixture(scope="module", params=CASES, ids=str)
def baseline(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """One checkpoint, packed beside itself, with the tokens of an engine at default settings."""
    case: Case = request.param
    folder = write_mlx_checkpoint(case, tmp_path_factory.mktemp("settings") / str(case))
    if case.architecture != "qwen3_5":  # a dense model has no experts to pack
        pack(folder, progress=False)
    with fm.open(folder, experts="in-place") as engine:
        moe = engine.config.moe
        session = engine.session()
        tokens, logits = greedy(session, np.array(session.feed(PROMPT)), N_TOKENS)
    if moe is None:
        return Baseline(folder, 1, 1, ("in-place",), tokens, logits)
    return Baseline(folder, moe.top_k, moe.num_experts, ("in-place", "packed"), tokens, logits)


def _check(session: Session, first: Floats, baseline: Baseline, *, exact: bool = False) -> None:
    tokens, logits = greedy(session, first, N_TOKENS)
    assert tokens == baseline.tokens
    assert relative_difference(logits, baseline.logits) <= (0.0 if exact else TOLERANCE)


@pytest.mark.parametrize("read_threads", [1, 8])
def test_tokens_same_in_place_and_packed_by_any_threads(read_threads: int, baseline: Baseline) -> None:
    for experts in (*baseline.kinds, "auto"):
        with fm.open(baseline.folder, experts=experts, read_threads=read_threads) as engine:
            session = engine.session()
            _check(session, np.array(session.feed(PROMPT)), baseline, exact=True)


@pytest.mark.parametrize("share", ["K", "K+1", "2K", "E"])
def test_tokens_same_for_any_slots(share: str, baseline: Baseline) -> None:
    top_k = baseline.top_k
    slots = {"K": top_k, "K+1": top_k + 1, "2K": 2 * top_k, "E": baseline.num_experts}[share]
    for experts in baseline.kinds:
        with fm.open(baseline.folder, slots=min(slots, baseline.num_experts), experts=experts) as engine:
            session = engine.session()
            _check(session, np.array(session.feed(PROMPT)), baseline)


@pytest.mark.parametrize("case", [Case("qwen3_5", "mixed", "float32"), Case("qwen3_next", "8bit", "float32")], ids=str)
def test_tokens_same_when_dense_layers_stream_under_a_budget(case: Case, shelf: Shelf) -> None:
    """One byte too few to keep the dense MLPs: they are read at each token, and nothing else changes."""
    folder = shelf.folder(case)
    with fm.open(folder) as engine:
        session = engine.session()
        expected = greedy(session, np.array(session.feed(PROMPT)), N_TOKENS)
        memory, all_resident_reads = engine.memory, engine.n_reads
    needed = memory.fixed_bytes + KV_STEP * memory.kv_bytes_per_token
    with fm.open(folder, memory_budget=needed - 1) as engine:
        session = engine.session()
        tokens, logits = greedy(session, np.array(session.feed(PROMPT)), N_TOKENS)
        assert engine.n_reads > all_resident_reads
    assert tokens == expected[0]
    assert relative_difference(logits, expected[1]) <= TOLERANCE


@pytest.mark.parametrize("chunk", [1, 3, 16, 44, 45, 1000])
def test_tokens_same_for_any_chunk(chunk: int, baseline: Baseline) -> None:
    with fm.open(baseline.folder, slots=min(2 * baseline.top_k, baseline.num_experts)) as engine:
        session = engine.session()
        _check(session, np.array(session.feed(PROMPT, chunk=chunk)), baseline)


@pytest.mark.parametrize("n_at_once", [1, 2, 44])
def test_tokens_same_when_prompt_comes_in_parts(n_at_once: int, baseline: Baseline) -> None:
    with fm.open(baseline.folder) as engine:
        session = engine.session()
        for start in range(0, len(PROMPT), n_at_once):
            logits = np.array(session.feed(PROMPT[start : start + n_at_once]))
        assert session.position == len(PROMPT)
        _check(session, logits, baseline)


def test_tokens_same_when_watched(baseline: Baseline) -> None:
    """`steps` in prefill and decode: evaluating every stage changes no bit."""
    with fm.open(baseline.folder) as engine:
        session = engine.session()
        rows = [_watched(session, PROMPT, prefill=True), *(_watched(session, [t]) for t in baseline.tokens[:-1])]
    np.testing.assert_array_equal(rows, baseline.logits)


def test_tokens_same_when_prompt_is_watched_singly(baseline: Baseline) -> None:
    """`steps` without `prefill` goes through the prompt token by token."""
    with fm.open(baseline.folder) as engine:
        session = engine.session()
        session.feed(PROMPT[:-4])
        _check(session, _watched(session, PROMPT[-4:]), baseline)


def test_tokens_same_after_fork(baseline: Baseline) -> None:
    """A fork goes its own way; neither side sees what the other is fed."""
    with fm.open(baseline.folder) as engine:
        session = engine.session()
        first = np.array(session.feed(PROMPT))
        fork, stray = session.fork(), session.fork()
        stray.feed(prompt_ids(9, seed=99))
        assert (fork.position, stray.position) == (len(PROMPT), len(PROMPT) + 9)
        _check(fork, first, baseline, exact=True)
        stray.feed([1])
        _check(session, first, baseline, exact=True)
        late = fork.fork()
        np.testing.assert_array_equal(np.array(late.feed([5])), np.array(fork.feed([5])))


def test_tokens_same_after_reset(baseline: Baseline) -> None:
    with fm.open(baseline.folder) as engine:
        session = engine.session()
        session.feed(prompt_ids(20, seed=98))
        session.reset()
        assert session.position == 0
        _check(session, np.array(session.feed(PROMPT)), baseline, exact=True)


def test_sessions_interleaved_by_token_do_not_disturb(baseline: Baseline) -> None:
    with fm.open(baseline.folder, slots=baseline.top_k) as engine:
        one, two = engine.session(), engine.session()
        rows = [np.array(one.feed(PROMPT))]
        two.feed(prompt_ids(13, seed=97))
        for token, stray in zip(baseline.tokens, prompt_ids(N_TOKENS - 1, seed=96), strict=False):
            rows.append(np.array(one.feed([token])))
            two.feed([stray])
    assert relative_difference(np.stack(rows), baseline.logits) <= TOLERANCE


@pytest.mark.parametrize("prefill", [False, True], ids=["decode", "prefill"])
def test_sessions_interleaved_by_event_do_not_disturb(prefill: bool, baseline: Baseline) -> None:
    """Two sessions stand in the middle of different tokens at once, with only K slots a layer."""
    ids = (prompt_ids(12, seed=94), prompt_ids(13, seed=95)) if prefill else ([7], [8])
    with fm.open(baseline.folder, slots=baseline.top_k) as engine:
        past = engine.session()
        past.feed(PROMPT)
        expected = [np.array(_watched(past.fork(), some, prefill=prefill)) for some in ids]
        steps = [past.fork().steps(some, prefill=prefill) for some in ids]
        running = list(steps)
        while running:
            running = [one for one in running if next(one, None) is not None]
        np.testing.assert_array_equal([np.array(one.logits) for one in steps], expected)


def _watched(session: Session, ids: list[int], *, prefill: bool = False) -> Floats:
    steps = session.steps(ids, prefill=prefill)
    for _ in steps:
        pass
    return np.array(steps.logits)
