"""Places to come back to, what a layer remembers, and changed bytes of an expert: what a debugger is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError, SessionBusyError

if TYPE_CHECKING:
    from pathlib import Path

PAST, NEXT = [7, 8, 9, 10], [11, 12]


def _feed(session: fm.Session, ids: list[int]) -> np.ndarray:
    return np.array(session.feed(ids))


def test_rewind_gives_the_same_as_never_having_gone_on(engine: fm.Engine) -> None:
    session = engine.session()
    session.feed(PAST)
    mark = session.mark()
    expected = _feed(session, NEXT)
    later = session.mark()
    _feed(session, [99] * 300)  # beyond one step of the KV cache
    for _ in range(2):
        session.rewind(mark)
        assert session.position == len(PAST)
        np.testing.assert_array_equal(_feed(session, NEXT), expected)
    with pytest.raises(SessionBusyError, match="mark at position 6 is gone"):
        session.rewind(later)


def test_rewind_brings_the_sampled_token_back(engine: fm.Engine) -> None:
    session = engine.session()
    first = [token.id for token in session.generate(PAST, max_tokens=3)]
    mark = session.mark()
    expected = [token.id for token in session.generate([5], max_tokens=4)]
    session.rewind(mark)
    assert session.pending == first[-1]
    assert [token.id for token in session.generate([5], max_tokens=4)] == expected


def test_mark_does_not_outlive_a_reset_nor_serve_another_session(engine: fm.Engine) -> None:
    session, other = engine.session(), engine.session()
    session.feed(PAST)
    mark = session.mark()
    with pytest.raises(OptionError, match="position 4 is of another session"):
        other.rewind(mark)
    session.reset()
    with pytest.raises(SessionBusyError, match="reset or rewound past it"):
        session.rewind(mark)


def test_layer_state_is_what_has_been_fed(engine: fm.Engine) -> None:
    session = engine.session()
    attention = engine.config.mixer_kinds.index("full_attention")
    delta = engine.config.mixer_kinds.index("linear_attention")
    session.feed(PAST)
    keys = session.layer_state(attention)["keys"]
    assert keys.shape[1] == len(PAST)
    memory = session.layer_state(delta)["memory"]
    session.feed(NEXT)
    np.testing.assert_array_equal(session.layer_state(attention)["keys"][:, : len(PAST)], keys)
    assert not np.array_equal(session.layer_state(delta)["memory"], memory)
    with pytest.raises(OptionError, match="layer 4 does not exist: give 0 to 3"):
        session.layer_state(4)


def test_unembed_of_the_last_layer_is_the_logits(engine: fm.Engine) -> None:
    steps = engine.session().steps([3])
    last = [event.value for event in steps if event.stage == "combine"][-1]
    np.testing.assert_allclose(np.array(engine.unembed(last))[0], np.array(steps.logits), atol=1e-4)


@pytest.mark.parametrize("slots", [4, 16])
def test_rewritten_expert_changes_this_session_alone(slots: int, tiny: Path) -> None:
    from tests.engine.test_policy import LRU

    with fm.open(tiny, slots=slots, policy=LRU()) as engine:
        session, other = engine.session(), engine.session()
        expected = _feed(other, [5])
        other.reset()
        chosen = next(e for e in session.fork().steps([5]) if e.stage == "router")
        expert = int(np.array(chosen.value.expert_ids)[0, 0])
        session.rewrites[0, expert] = lambda _, buffers: (
            buffers[0].cast("B").__setitem__(slice(None), bytes(buffers[0].nbytes))
        )
        assert not np.allclose(_feed(session, [5]), expected, atol=1e-3)
        np.testing.assert_allclose(_feed(other, [5]), expected, atol=1e-5)
        session.rewrites.clear()
        session.reset()
        np.testing.assert_allclose(_feed(session, [5]), expected, atol=1e-5)


@pytest.mark.parametrize("top_k", [2, 6])
def test_router_may_be_sent_more_or_fewer_experts(top_k: int, tiny: Path) -> None:
    """As an engine opened with that K gives; layer 0 to 3 all patched."""
    with fm.open(tiny, top_k=top_k) as narrow:
        expected = _feed(narrow.session(), [5])
    with fm.open(tiny) as engine:
        session = engine.session()
        steps = session.steps([5])
        event = next(steps, None)
        while event is not None:
            sent = None
            if event.stage == "router":
                ids, weights = engine.ops.route(event.value.logits, top_k, normalize=True)
                sent = event.value._replace(expert_ids=ids, routing_weights=weights)
            try:
                event = steps.send(sent)
            except StopIteration:
                break
        np.testing.assert_allclose(np.array(steps.logits), expected, atol=1e-5)
