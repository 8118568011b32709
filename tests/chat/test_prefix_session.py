"""Only what is new is fed, and what comes out is what a fresh session gives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flashmoe_nb as fm
from flashmoe_nb.chat.prefix_session import PIECE, PrefixSession, Stopped
from flashmoe_nb.errors import ContextError, PromptError

START = 257
"""<|im_start|>"""


def fresh(engine: fm.Engine, ids: list[int], n: int) -> list[int]:
    return [token.id for token in engine.session().generate(ids, max_tokens=n)]


def said(line: PrefixSession, n: int) -> list[int]:
    return [token.id for token in line.generate(max_tokens=n)]


def prompt(*turns: str) -> list[int]:
    return [token for turn in turns for token in (START, *turn.encode())]


def test_the_turn_start_is_known(engine: fm.Engine):
    assert engine.tokenizer is not None
    assert engine.tokenizer.token_id("<|im_start|>") == START


def test_going_on_feeds_only_what_is_new(engine: fm.Engine):
    line = PrefixSession(engine)
    first = prompt("system be brief", "user hello", "assistant ")
    assert line.prepare(first) == 0
    answer = said(line, 5)
    assert answer == fresh(engine, first, 5)
    second = [*first, *answer, *prompt("user more", "assistant ")]
    assert line.common(second) == len(first) + 4  # the last token was sampled, not fed
    assert line.prepare(second) == len(first) + 4
    assert said(line, 5) == fresh(engine, second, 5)


def test_a_changed_ending_goes_back_to_the_start_of_that_turn(engine: fm.Engine):
    line = PrefixSession(engine)
    first = prompt("system be brief", "user hello", "assistant think")
    line.prepare(first)
    said(line, 5)
    changed = [*prompt("system be brief", "user hello", "assistant no thought"), *prompt("user more", "assistant ")]
    assert line.prepare(changed) == len(prompt("system be brief", "user hello"))
    assert said(line, 5) == fresh(engine, changed, 5)


def test_another_conversation_keeps_the_system_prompt(engine: fm.Engine):
    line = PrefixSession(engine)
    line.prepare(prompt("system be brief", "user hello", "assistant "))
    said(line, 3)
    other = prompt("system be brief", "user good bye", "assistant ")
    assert line.prepare(other) == len(prompt("system be brief"))
    assert said(line, 5) == fresh(engine, other, 5)


def test_a_prompt_with_nothing_in_common_starts_anew(engine: fm.Engine):
    line = PrefixSession(engine)
    line.prepare(prompt("system one"))
    said(line, 2)
    other = [5, 6, 7]
    assert line.prepare(other) == 0
    assert said(line, 4) == fresh(engine, other, 4)


def test_the_same_prompt_again_gives_the_same(engine: fm.Engine):
    line = PrefixSession(engine)
    ids = prompt("system be brief", "user hello", "assistant ")
    line.prepare(ids)
    first = said(line, 4)
    assert line.prepare(ids) > 0
    assert said(line, 4) == first


def test_what_others_fed_is_noticed(engine: fm.Engine):
    line = PrefixSession(engine)
    ids = prompt("user hello", "assistant ")
    line.prepare(ids)
    said(line, 2)
    line._session.feed(list(range(40)))  # behind its back
    assert line.common(ids) < len(ids)
    line.prepare(ids)
    assert said(line, 4) == fresh(engine, ids, 4)


def test_stopping_while_the_prompt_is_fed(engine: fm.Engine):
    line = PrefixSession(engine)
    ids = [7] * (3 * PIECE)
    looks = iter([False, True])
    with pytest.raises(Stopped):
        line.prepare(ids, lambda: next(looks))
    assert len(line.fed) == PIECE
    assert line.prepare(ids) == PIECE


def test_prompts_that_cannot_be_fed_are_refused(engine: fm.Engine):
    line = PrefixSession(engine)
    with pytest.raises(PromptError, match="the prompt is empty"):
        line.prepare([])
    with pytest.raises(ContextError, match="shorten the conversation"):
        line.prepare([1] * (engine.max_context + 1))


TURNS = st.lists(st.sampled_from(["a", "b", "user x", "tool yes", ""]), min_size=1, max_size=5)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TURNS, st.integers(1, 3), st.booleans()), min_size=2, max_size=5))
def test_any_sequence_of_prompts_gives_what_fresh_sessions_give(engine: fm.Engine, rounds: list):
    line = PrefixSession(engine)
    before: list[int] = []
    for turns, n, goes_on in rounds:
        ids = [*before, *prompt(*turns)] if goes_on else prompt(*turns)
        line.prepare(ids)
        answer = said(line, n)
        session = engine.session()
        logits = np.array(session.feed(ids))
        # Pieces of another size round differently; a token is right if it is as likely as the likeliest.
        assert logits[answer[0]] == pytest.approx(float(logits.max()), abs=1e-3)
        before = [*ids, *answer]
