"""One set of slots is safe only because each layer evaluates what used them before it refills them.

A lazy MLX array sees bytes that are written to its slot later. With routed ids the next layer's ids depend on this
layer's sum, so reading them is that evaluation; ids that are constant (a patch, an experiment) take the dependence
away, and only the explicit evaluation of the hidden state with the ids is left. The negative controls take that one
away too. What is right is told by a run that cannot alias: every layer has slots of its own.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

import flashmoe_nb as fm
from flashmoe_nb.events import Stage
from flashmoe_nb.ops.mlx import MlxOps
from flashmoe_nb.storage.policy import Placement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Floats = NDArray[np.float32]

N_LAYERS, TOP_K, N_EXPERTS = 4, 4, 16
PAST = [3, 1, 4, 1, 5, 9]
IDS = [26, 53, 58, 97, 93, 23, 84, 62]
PROMPT = [(37 * i) % 256 for i in range(40)]


class ConstantIds(MlxOps):
    """Routes every token to experts 0..K-1 with equal weights, which depend on nothing."""

    def route(self, logits: mx.array, top_k: int, *, normalize: bool) -> tuple[mx.array, mx.array]:
        n_tokens = logits.shape[0]
        ids = mx.broadcast_to(mx.arange(top_k, dtype=mx.uint32), (n_tokens, top_k))
        return ids, mx.full((n_tokens, top_k), 1 / top_k)


class RoutedWithoutSync(MlxOps):
    """Leaves out the evaluation of (expert_ids, h) before a read."""

    def evaluate(self, *values: object) -> None:
        if len(values) == 2 and all(isinstance(value, mx.array) for value in values):
            return
        super().evaluate(*values)


class WithoutSync(RoutedWithoutSync, ConstantIds):
    """Constant ids, and no evaluation."""


class WithoutWaveSync(MlxOps):
    """Leaves out the evaluation of the sum so far before the next wave is read."""

    def evaluate(self, *values: object) -> None:
        if len(values) == 1 and isinstance(values[0], mx.array):
            return
        super().evaluate(*values)


class OwnSlots:
    """Policy that gives each layer slots of its own, so that nothing in flight is ever overwritten."""

    name = "own-slots"

    def table(self, n_slots: int) -> OwnSlots:
        assert n_slots >= N_LAYERS * TOP_K
        return self

    def place(self, layer: int, experts: Sequence[int]) -> list[Placement]:
        assert len(experts) <= TOP_K
        return [Placement(layer * TOP_K + at, must_read=True) for at in range(len(experts))]

    def forget(self) -> None:
        """Keeps nothing."""


@contextmanager
def _opened(folder: Path, ops: type[MlxOps], monkeypatch: pytest.MonkeyPatch, **options: Any) -> Iterator[fm.Session]:
    with monkeypatch.context() as patched:
        patched.setattr("flashmoe_nb.engine.opening.open_ops", lambda *_: ops("float32"))
        with fm.open(folder, **options) as engine:
            yield engine.session()


def _decode(session: fm.Session) -> Floats:
    session.feed(PAST)
    return np.stack([np.array(session.feed([token])) for token in IDS])


def _prefill(session: fm.Session) -> Floats:
    return np.array(session.feed(PROMPT))


def _n_wrong(found: Floats, expected: Floats) -> int:
    return sum(not np.allclose(one, other, rtol=1e-4, atol=1e-4) for one, other in zip(found, expected, strict=True))


@pytest.fixture
def expected(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Floats:
    """Constant ids where no slot is used twice in a token."""
    with _opened(tiny, ConstantIds, monkeypatch, policy=OwnSlots(), slots=N_EXPERTS) as session:
        return _decode(session)


@pytest.mark.parametrize("slots", [TOP_K, TOP_K + 1, N_EXPERTS])
def test_constant_ids_give_right_results_in_one_slot_set(
    slots: int, tiny: Path, expected: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _opened(tiny, ConstantIds, monkeypatch, slots=slots) as session:
        np.testing.assert_array_equal(_decode(session), expected)


def test_constant_ids_give_wrong_results_without_the_evaluation(
    tiny: Path, expected: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: this is what the explicit evaluation is there for."""
    with _opened(tiny, WithoutSync, monkeypatch, slots=TOP_K) as session:
        assert _n_wrong(_decode(session), expected) == len(IDS)


def test_own_slots_need_no_evaluation(tiny: Path, expected: Floats, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the control: it was the slots that made the difference, not the laziness."""
    with _opened(tiny, WithoutSync, monkeypatch, policy=OwnSlots(), slots=N_EXPERTS) as session:
        np.testing.assert_array_equal(_decode(session), expected)


def test_routed_ids_are_an_evaluation_of_their_own(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ids come from the router, reading them evaluates the layer before: design.md section 5."""
    with _opened(tiny, MlxOps, monkeypatch, policy=OwnSlots(), slots=N_EXPERTS) as session:
        right = np.stack([np.array(session.feed([token])) for token in IDS])
    for ops in (MlxOps, RoutedWithoutSync):
        with _opened(tiny, ops, monkeypatch, slots=TOP_K) as session:
            found = np.stack([np.array(session.feed([token])) for token in IDS])
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("slots", [TOP_K, N_EXPERTS])
def test_ids_sent_back_at_the_router_give_right_results(
    slots: int, tiny: Path, expected: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same constant routing as a patch through `steps`, on the past the unwatched run had."""
    with _opened(tiny, ConstantIds, monkeypatch, slots=slots) as session:
        session.feed(PAST)
        past = session.fork()
        np.testing.assert_array_equal(_patched(past, IDS[:1]), expected[0])
    with _opened(tiny, MlxOps, monkeypatch, slots=slots) as session:
        mine, theirs = session, session.fork()
        _patched(mine, PAST + IDS)
        with _opened(tiny, ConstantIds, monkeypatch, slots=slots) as constant:
            for token in PAST + IDS:
                expected_last = np.array(constant.feed([token]))
        np.testing.assert_array_equal(_patched(theirs, PAST + IDS), expected_last)
        np.testing.assert_array_equal(np.array(mine.feed([1])), np.array(theirs.feed([1])))


def _patched(session: fm.Session, ids: Sequence[int]) -> Floats:
    steps = session.steps(ids)
    n_patched = 0
    event = next(steps, None)
    while event is not None:
        sent = None
        if event.stage is Stage.ROUTER:
            n_patched += 1
            sent = event.value._replace(
                expert_ids=mx.arange(TOP_K, dtype=mx.uint32)[None], routing_weights=mx.full((1, TOP_K), 1 / TOP_K)
            )
        event = _next(steps, sent)
    assert n_patched == N_LAYERS * len(ids)
    return np.array(steps.logits)


def _next(steps: fm.Steps, sent: object) -> fm.StageEvent | None:
    try:
        return steps.send(sent)
    except StopIteration:
        return None


@pytest.mark.parametrize("ops", [MlxOps, WithoutWaveSync])
def test_waves_of_a_prefill_are_evaluated_before_the_next_is_read(
    ops: type[MlxOps], tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All 16 experts are wanted and 4 fit: without the evaluation between waves, the first ones compute with others."""
    with _opened(tiny, MlxOps, monkeypatch, slots=N_EXPERTS) as session:
        right = _prefill(session)
    with _opened(tiny, ops, monkeypatch, slots=TOP_K) as session:
        is_right = np.allclose(_prefill(session), right, rtol=1e-4, atol=1e-4)
    assert is_right == (ops is MlxOps)


def test_streamed_dense_layers_are_evaluated_before_the_next_is_read(
    dense: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No router at all: only the explicit evaluation of h stands between one layer's slot and the next."""
    with _opened(dense, MlxOps, monkeypatch) as session:
        memory, resident = session.engine.memory, _decode(session)
    budget = memory.fixed_bytes + 256 * memory.kv_bytes_per_token - 1

    def run(ops: type[MlxOps]) -> Floats:
        with _opened(dense, ops, monkeypatch, memory_budget=budget) as session:
            found = _decode(session)
            assert session.engine.n_reads > 0
            return found

    assert _n_wrong(run(MlxOps), resident) == 0
    assert _n_wrong(run(WithoutWaveSync), resident) == len(IDS)  # the one value here is h
