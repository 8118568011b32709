"""Stepping: which events come in which order, that `feed` shows an observer the same, and what a sent value does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import ExpertRead, Routing, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DELTA = ["input_norm", "project", "conv", "decay", "delta", "gated", "mixer"]
ATTENTION = ["input_norm", "project", "qk_norm", "rope", "attention", "gated", "mixer"]
BETWEEN = ["resid_mid", "post_norm"]
SPARSE = ["router", "expert_read", "expert_compute", "shared_expert", "combine"]
PROMPT = [(37 * i) % 256 for i in range(30)]

Summary = tuple[str, int | None, int, int, str, int, int]


def _summary(event: fm.StageEvent) -> Summary:
    where = (event.position, event.n_tokens, event.phase, event.chunk, event.wave)
    return (str(event.stage), event.layer, *where)


def _layer(number: int) -> list[str]:
    return (ATTENTION if number == 3 else DELTA) + BETWEEN + SPARSE


def _decode_order(position: int) -> list[Summary]:
    stages: list[tuple[str, int | None]] = [("embed", None)]
    stages += [(stage, layer) for layer in range(4) for stage in _layer(layer)]
    stages += [("final_norm", None), ("logits", None)]
    return [(stage, layer, position, 1, "decode", 0, 0) for stage, layer in stages]


def test_decode_order(engine: fm.Engine) -> None:
    session = engine.session()
    session.feed(PROMPT)
    events = list(session.steps([5, 6]))
    assert [_summary(event) for event in events] == _decode_order(30) + _decode_order(31)
    assert session.position == 32


def test_dense_decode_order(dense: Path) -> None:
    with fm.open(dense) as engine:
        stages = [str(event.stage) for event in engine.session().steps([5])]
    assert stages.count("expert_compute") == 4
    assert not {"router", "expert_read", "shared_expert"} & set(stages)


def test_prefill_order_in_chunks_and_waves(tiny: Path) -> None:
    """Chunks count up, only the last has logits; with 4 slots a layer reads its union of experts in waves."""
    with fm.open(tiny, slots=4) as engine:
        session, events = engine.session(), []
        with session.observe(lambda event: events.append(_summary(event))):
            session.feed(PROMPT, chunk=12)
    chunks = [(event[5], event[2], event[3]) for event in events if event[0] == "embed"]
    assert chunks == [(0, 0, 12), (1, 12, 12), (2, 24, 6)]
    assert {event[4] for event in events} == {"prefill"}
    assert [event[0] for event in events].count("logits") == 1
    assert events[-1] == ("logits", None, 29, 1, "prefill", 2, 0)
    for chunk in range(3):
        for layer in range(4):
            of_layer = [event for event in events if event[1] == layer and event[5] == chunk]
            waves = [(event[0], event[6]) for event in of_layer if event[0].startswith("expert_")]
            n_waves = len(waves) // 2
            assert waves == [(stage, n) for n in range(n_waves) for stage in ("expert_read", "expert_compute")]
            assert n_waves >= 2
            order = [e[0] for e in of_layer if not (e[0].startswith("expert_") and e[6] > 0)]
            assert order == _layer(layer)
            assert all(event[6] == 0 for event in of_layer if not event[0].startswith("expert_"))


def test_waves_read_each_chosen_expert_once(tiny: Path) -> None:
    with fm.open(tiny, slots=5) as engine:
        chosen: dict[int, set[int]] = {}
        read: dict[int, list[int]] = {}
        for event in engine.session().steps(PROMPT, prefill=True):
            assert event.layer is not None or event.stage in ("embed", "final_norm", "logits")
            if event.stage is Stage.ROUTER and event.layer is not None:
                chosen[event.layer] = set(np.array(event.value.expert_ids).ravel().tolist())
            if event.stage is Stage.EXPERT_READ and event.layer is not None:
                assert 1 <= len(event.value) <= 5
                read.setdefault(event.layer, []).extend(one.expert for one in event.value)
        assert {layer: sorted(experts) for layer, experts in chosen.items()} == read


@pytest.mark.parametrize(("ids", "prefill"), [(PROMPT, True), ([5], False)], ids=["prefill", "decode"])
def test_feed_with_an_observer_gives_the_same_events(engine: fm.Engine, ids: list[int], prefill: bool) -> None:
    """Same order, same places, and the very same values."""
    past = engine.session()
    past.feed([1, 2, 3])
    stepped = list(past.fork().steps(ids, prefill=prefill))
    fed: list[fm.StageEvent] = []
    session = past.fork()
    with session.observe(fed.append):
        session.feed(ids)
    assert [_summary(event) for event in fed] == [_summary(event) for event in stepped]
    for one, other in zip(fed, stepped, strict=True):
        _same_value(one.value, other.value)
    n_seen = len(fed)
    session.feed([1])
    assert len(fed) == n_seen  # nobody watches any more


def test_generate_shows_an_observer_prefill_then_decode(engine: fm.Engine) -> None:
    session = engine.session()
    seen: list[tuple[str, int, int]] = []

    def observer(event: fm.StageEvent) -> None:
        if event.stage is Stage.EMBED:
            seen.append((event.phase, event.position, event.n_tokens))

    with session.observe(observer):
        assert len(list(session.generate(PROMPT, max_tokens=3))) == 3
    assert seen == [("prefill", 0, 30), ("decode", 30, 1), ("decode", 31, 1)]


def test_values_are_evaluated_and_of_the_promised_kind(engine: fm.Engine) -> None:
    kinds: dict[str, Any] = {}
    for event in engine.session().steps([1, 2, 3], prefill=True):
        kinds[str(event.stage)] = event.value
        assert event.synced
        assert event.start_ns <= event.end_ns
    assert isinstance(kinds["router"], Routing)
    assert [part.shape for part in kinds["router"]] == [(3, 16), (3, 4), (3, 4)]
    weights = np.array(kinds["router"].routing_weights)
    assert (np.diff(weights, axis=1) <= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert all(isinstance(read, ExpertRead) and read.end_ns >= read.start_ns for read in kinds["expert_read"])
    assert kinds["logits"].shape == (512,)
    assert kinds["final_norm"].shape == (1, 128)
    assert kinds["combine"].shape == (3, 128)


def test_logits_event_is_what_the_session_returns(engine: fm.Engine) -> None:
    steps = engine.session().steps([1, 2])
    last = [event.value for event in steps if event.stage is Stage.LOGITS]
    np.testing.assert_array_equal(np.array(steps.logits), np.array(last[-1]))
    with pytest.raises(StopIteration):
        next(steps)


PATCHED = (
    "embed", "input_norm", "project", "conv", "decay", "delta", "gated", "mixer", "qk_norm", "rope", "attention",
    "resid_mid", "post_norm", "router", "expert_compute", "shared_expert", "combine", "final_norm", "logits",
)  # fmt: skip


@pytest.mark.parametrize("stage", PATCHED)
@pytest.mark.parametrize("prefill", [False, True], ids=["decode", "prefill"])
def test_sent_value_changes_what_follows_and_is_marked(stage: str, prefill: bool, engine: fm.Engine) -> None:
    """Sending the very value back changes no bit (negative control); sending another one changes the logits."""
    past = engine.session()
    past.feed(PROMPT)
    untouched = _run(past.fork(), prefill, stage, None)
    same = _run(past.fork(), prefill, stage, lambda value: value)
    other = _run(past.fork(), prefill, stage, _changed)
    np.testing.assert_array_equal(same[0], untouched[0])
    assert not np.allclose(other[0], untouched[0], rtol=1e-4)
    for _, events in (same, other):
        marked = [event for event in events if event.patched]
        assert [str(event.stage) for event in marked] == [stage]
    assert not any(event.patched for event in untouched[1])
    if stage == "logits":
        np.testing.assert_allclose(other[0], np.array(_changed(mx.array(untouched[0]))), rtol=1e-6)


def test_patch_reaches_the_state(engine: fm.Engine) -> None:
    """A token fed under a patch is remembered as it was patched."""
    past = engine.session()
    past.feed(PROMPT)
    patched, plain = past.fork(), past.fork()
    _run(patched, False, "input_norm", _changed)
    _run(plain, False, "input_norm", None)
    assert not np.allclose(np.array(patched.feed([9])), np.array(plain.feed([9])), rtol=1e-4)
    past.feed([5])


def test_router_patch_reads_the_experts_it_names(engine: fm.Engine) -> None:
    steps = engine.session().steps([5])
    for event in steps:
        if event.stage is Stage.ROUTER and event.layer == 2:
            wanted = event.value.expert_ids * 0
            for place, expert in enumerate((15, 3, 7, 0)):
                wanted[0, place] = expert
            read = steps.send(event.value._replace(expert_ids=wanted))
            assert sorted(one.expert for one in read.value) == [0, 3, 7, 15]
            assert event.patched
            break
    steps.close()


def test_lazy_values_may_be_sent(tiny: Path) -> None:
    """Built on this thread's stream, which the owner thread does not have: evaluated before it crosses over."""
    with fm.open(tiny, ops="mlx") as engine:
        steps = engine.session().steps([5])
        for event in steps:
            if event.stage is Stage.MIXER:
                steps.send(mx.exp(event.value * 0.5) - event.value)
                break
        for _ in steps:
            pass
    assert np.isfinite(np.array(steps.logits)).all()


def test_refused_patch_rolls_back(engine: fm.Engine) -> None:
    session = engine.session()
    session.feed(PROMPT)
    expected = np.array(session.fork().feed([9]))
    steps = session.steps([5])
    for event in steps:
        if event.stage is Stage.GATED and event.layer == 3:
            with pytest.raises(OptionError, match=r"\[1, 3\]"):
                steps.send(mx.zeros((1, 3)))
            break
    assert next(steps, None) is None
    assert session.position == len(PROMPT)
    np.testing.assert_array_equal(np.array(session.feed([9])), expected)


@pytest.mark.parametrize("n_events", [0, 1, 20, 57])
def test_dropping_steps_does_not_lock_the_session(engine: fm.Engine, n_events: int) -> None:
    session = engine.session()
    session.feed(PROMPT)
    expected = np.array(session.fork().feed([9]))
    steps = session.steps([5])
    for _ in range(n_events):
        next(steps)
    del steps
    assert session.position == len(PROMPT)
    np.testing.assert_array_equal(np.array(session.feed([9])), expected)


def test_many_dropped_steps_do_not_pile_up_slots(engine: fm.Engine) -> None:
    session = engine.session()
    session.feed([1])
    mx.clear_cache()
    before = mx.get_active_memory()
    for _ in range(20):
        steps = session.steps([5])
        next(steps)
        del steps
    session.feed([1])
    mx.clear_cache()
    assert mx.get_active_memory() < before + 3 * engine.memory.slot_bytes + 10**6


def test_with_block_rolls_back_and_repr_says_where(engine: fm.Engine) -> None:
    session = engine.session()
    with session.steps([5]) as steps:
        assert "not begun" in repr(steps)
        next(steps)
        assert "embed" in repr(steps)
        with pytest.raises(ZeroDivisionError):
            _ = 1 / 0
    assert "done" in repr(steps)
    assert session.position == 0
    assert steps.logits is None


def test_pending_token_goes_in_front(engine: fm.Engine) -> None:
    session = engine.session()
    (token,) = session.generate(PROMPT, max_tokens=1)
    other = engine.session()
    other.feed(PROMPT)
    embeds = [event.position for event in session.steps([5]) if event.stage is Stage.EMBED]
    assert embeds == [30, 31]
    assert session.pending is None
    other.feed([token.id])
    np.testing.assert_array_equal(np.array(session.feed([9])), _after(other, [5, 9]))


def test_rolled_back_steps_keep_the_pending_token(engine: fm.Engine) -> None:
    session = engine.session()
    (token,) = session.generate(PROMPT, max_tokens=1)
    with session.steps([5], prefill=True) as steps:
        next(steps)
    assert (session.pending, session.position) == (token.id, 30)


def test_rolled_back_steps_drop_the_pending_token_once_it_is_fed(engine: fm.Engine) -> None:
    """Token by token the pending one may be whole already: it must not be fed a second time."""
    session = engine.session()
    (token,) = session.generate(PROMPT, max_tokens=1)
    with session.steps([5, 6]) as steps:
        for event in steps:
            if event.position == 31:
                break
    assert session.position == 31
    assert session.pending is None
    other = engine.session()
    other.feed(PROMPT)
    np.testing.assert_array_equal(np.array(session.feed([9])), _after(other, [token.id, 9]))


def _after(session: fm.Session, ids: Sequence[int]) -> np.ndarray:
    return [np.array(session.feed([token])) for token in ids][-1]


def _run(session: fm.Session, prefill: bool, stage: str, make: Any) -> tuple[np.ndarray, list[fm.StageEvent]]:
    """Feed two tokens, sending another value at the first event of `stage`."""
    steps = session.steps([5, 6], prefill=prefill)
    events: list[fm.StageEvent] = []
    reply = None
    done = make is None
    while True:
        try:
            event = steps.send(reply)
        except StopIteration:
            return np.array(steps.logits), events
        events.append(event)
        reply = None
        if not done and event.stage == stage and (prefill or event.position == 31):  # the token whose logits come back
            reply, done = make(event.value), True


def _changed(value: Any) -> Any:
    """Other numbers of the same form; a routing gets other experts."""
    if isinstance(value, Routing):
        return value._replace(expert_ids=(value.expert_ids + 1) % 16)
    if isinstance(value, tuple):
        form: Any = type(value)
        return form(*(None if part is None else _changed(part) for part in value))
    return value * 0.5 + 0.1


def _same_value(one: Any, other: Any) -> None:
    if isinstance(one, tuple) and one and isinstance(one[0], ExpertRead):
        assert [(r.layer, r.expert, r.slot) for r in one] == [(r.layer, r.expert, r.slot) for r in other]
    elif isinstance(one, tuple):
        for part, twin in zip(one, other, strict=True):
            _same_value(part, twin)
    elif one is not None:
        np.testing.assert_array_equal(np.array(one), np.array(other))
