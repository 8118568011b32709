"""A session called wrongly says so in one clear error and stays usable: the table lists calls and messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import (
    BudgetError,
    CheckpointError,
    ClosedError,
    ContextError,
    FlashMoeError,
    NumericError,
    OptionError,
    PromptError,
    SessionBusyError,
)
from tests.engine.bad_checkpoints import text_fields, unlinked
from tests.engine.refusals import feed, generate, refused, says, steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb import Session


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call a session wrongly."""

    name: str
    call: Callable[[Session], object]
    error: type[FlashMoeError]
    says: tuple[str, ...]


def _send(stage: str, make: Callable[[Any], Any]) -> Callable[[Session], object]:
    """Send another value back at the first event of a stage."""

    def call(session: Session) -> None:
        with session.steps([1, 2], prefill=True) as steps:
            for event in steps:
                if event.stage == stage:
                    steps.send(make(event.value))

    return call


_IMAGE = {"role": "user", "content": [{"type": "image", "image": "cat.png"}, {"type": "text", "text": "What is it?"}]}
WHOLE = ("expected a sequence of whole numbers", "engine.encode()")
CALLS = [
    Call("empty-text", generate(""), PromptError, ("the prompt is empty", "give some text")),
    Call("no-messages", generate([]), PromptError, ("the prompt is empty", "at least one message")),
    Call("no-ids", feed([]), PromptError, ("nothing to feed", "give at least one token id")),
    Call("no-ids-stepped", steps([]), PromptError, ("nothing to feed", "give at least one token id")),
    Call("no-ids-array", generate(np.array([], int)), PromptError, ("the prompt is empty",)),
    Call("id-above", feed([1, 512]), PromptError, ("token id 512 at place 1", "vocabulary of 512", "tokenizer?")),
    Call("id-negative", feed([-1]), PromptError, ("token id -1 at place 0", "vocabulary of 512", "tokenizer?")),
    Call("id-above-stepped", steps([512]), PromptError, ("token id 512 at place 0", "vocabulary of 512")),
    Call("id-above-generated", generate([512]), PromptError, ("token id 512 at place 0", "vocabulary of 512")),
    Call("id-half", feed([1.5]), PromptError, ("[1.5]", *WHOLE)),
    Call("id-text", feed("12"), PromptError, ("given as str", *WHOLE)),
    Call("ids-as-texts", generate(["a", "b"]), PromptError, ("['a', 'b']", *WHOLE)),
    Call("ids-none", generate(None), PromptError, ("None", *WHOLE)),
    Call("ids-number", feed(3), PromptError, ("are 3", *WHOLE)),
    Call("ids-table", feed(np.ones((2, 2), int)), PromptError, WHOLE),
    Call("message-alone", generate({"role": "user", "content": "a"}), PromptError, ("dict", "put the message in [ ]")),
    Call("message-among-ids", generate([{"role": "user", "content": "a"}, 5]), PromptError, ("messages[1] is a int",)),
    Call("role", generate([{"role": "robot", "content": "a"}]), PromptError, ("'robot'", "give one of system, user")),
    Call("image", generate([_IMAGE]), PromptError, ("messages[0].content[0]", "image", "send text parts only")),
    Call("lone-surrogate", generate("a\ud800"), PromptError, ("U+D800", "character 1", "decode its source")),
    Call("chunk-0", feed([1], chunk=0), OptionError, ("chunk is 0", "give at least 1")),
    Call("max-tokens-0", generate("a", max_tokens=0), OptionError, ("max_tokens is 0", "give at least 1")),
    Call("chunk-half", feed([1, 2], chunk=1.5), OptionError, ("chunk is 1.5, a float", "give a whole number")),
    Call("max-tokens-half", generate("a", max_tokens=1.5), OptionError, ("max_tokens is 1.5", "whole number")),
    Call("stop-number", generate("a", stop=5), OptionError, ("stop is 5", "a list of strings")),
    Call("stop-numbers", generate("a", stop=["b", 5]), OptionError, ("stop is ['b', 5]", "a list of strings")),
    Call("temperature-text", generate("a", temperature="x"), OptionError, ("temperature is 'x'", "give a number")),
    Call("seed-half", generate("a", seed=0.5), OptionError, ("seed is 0.5", "give a whole number")),
    Call("temperature", generate("a", temperature=-1), OptionError, ("temperature -1", "temperature >= 0")),
    Call("temperature-nan", generate("a", temperature=float("nan")), OptionError, ("nan", "temperature >= 0")),
    Call("top-p", generate("a", top_p=0), OptionError, ("top_p 0", "0 < top_p <= 1")),
    Call("min-p", generate("a", min_p=1), OptionError, ("min_p 1", "0 <= min_p < 1")),
    Call("seed", generate("a", seed=-1), OptionError, ("seed is -1", "give 0 or a positive")),
    Call(
        "patch-shape",
        _send("mixer", lambda x: x[:1]),
        OptionError,
        ("mixer of layer 0", "[1, 128]", "[2, 128]", "send"),
    ),
    Call(
        "patch-kind",
        _send("embed", lambda x: np.array(x).tolist()),
        OptionError,
        ("stage embed", "builtins.list", "send"),
    ),
    Call(
        "patch-part", _send("decay", lambda x: x.decay), OptionError, ("decay of layer 0", "DecayBeta(", "send a value")
    ),
    Call(
        "patch-fewer-experts",
        _send("router", lambda x: x._replace(expert_ids=x.expert_ids[:, :2])),
        OptionError,
        ("router of layer 0", "[2, 2]", "[2, 4]", "send a value"),
    ),
    Call(
        "patch-unknown-expert",
        _send("router", lambda x: x._replace(expert_ids=x.expert_ids + 16)),
        OptionError,
        ("router of layer 0", "expert_ids", "0 to 15", "choose others"),
    ),
    Call(
        "patch-nan",
        _send("mixer", lambda x: x * float("nan")),
        NumericError,
        ("layer 0", "not finite", "a value was sent in place"),
    ),
    Call(
        "patch-nan-at-the-end",
        _send("logits", lambda x: x * float("nan")),
        NumericError,
        ("the logits", "not finite", "a value was sent in place"),
    ),
    Call("patch-read", _send("expert_read", lambda reads: reads), OptionError, ("expert_read", "patch ROUTER")),
    Call("send-before-first", lambda s: s.steps([1]).send(1), OptionError, ("before the first event", "call next()")),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_session_refuses_and_stays_usable(call: Call, engine: fm.Engine) -> None:
    session = engine.session()
    session.feed([7, 8, 9])
    expected = np.array(session.fork().feed([10]))
    says(refused(call.error, lambda: call.call(session)), call.says)
    assert session.position == 3
    np.testing.assert_array_equal(np.array(session.feed([10])), expected)


def test_context_beyond_the_model_is_refused(folder: Path) -> None:
    text_fields(max_position_embeddings=20)(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        session.feed([1] * 20)
        error = refused(ContextError, lambda: session.feed([1]))
        says(error, ("1 tokens from position 20", "end at 21", "limit is 20", "max_position_embeddings", "feed fewer"))
        fresh = engine.session()
        for call in (feed([1] * 21), steps([1] * 21), steps([1] * 21, prefill=True), generate([1] * 21)):
            says(refused(ContextError, partial(call, fresh)), ("21 tokens from position 0", "limit is 20"))
            assert fresh.position == 0
        got: list[fm.Token] = []
        got.extend(fresh.generate([1] * 18, max_tokens=9))  # the third stands beyond the end and is never fed
        assert (len(got), fresh.position, got[-1].finish_reason) == (3, 20, "length")
        refused(ContextError, lambda: fresh.feed([1]))


def test_context_beyond_the_budget_is_refused(folder: Path) -> None:
    with fm.open(folder) as engine:
        memory = engine.memory
    budget = memory.fixed_bytes + 300 * memory.kv_bytes_per_token
    with fm.open(folder, memory_budget=budget) as engine:
        assert engine.max_context == 256
        session = engine.session()
        session.feed([1] * 256)
        error = refused(ContextError, lambda: session.feed([1]))
        says(error, ("position 256", "limit is 256", f"memory_budget={budget:,}", "session.reset()"))


def test_budget_leaves_room_for_a_context_shorter_than_a_cache_step(folder: Path) -> None:
    """The cache grows by 256 positions even if the model has 64; a budget that was taken must give all 64."""
    text_fields(max_position_embeddings=64)(folder)
    with fm.open(folder) as engine:
        memory = engine.memory
    with fm.open(folder, memory_budget=memory.fixed_bytes + 256 * memory.kv_bytes_per_token) as engine:
        assert engine.max_context == 64
    budget = memory.fixed_bytes + 64 * memory.kv_bytes_per_token
    refused(BudgetError, lambda: fm.open(folder, memory_budget=budget))


def test_text_without_a_tokenizer_is_refused(folder: Path) -> None:
    unlinked("tokenizer.json")(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        says(refused(CheckpointError, lambda: session.generate("a")), ("no tokenizer.json", "give ids"))
        says(
            refused(OptionError, lambda: session.generate([1], stop="a")),
            ("stop is 'a'", "no tokenizer.json", "leave stop out"),
        )
        assert [token.text for token in session.generate([1], max_tokens=2)] == ["", ""]


def test_messages_without_a_chat_template_are_refused(folder: Path) -> None:
    unlinked("chat_template.jinja")(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        error = refused(FlashMoeError, lambda: session.generate([{"role": "user", "content": "a"}]))
        assert "template" in str(error)
        assert len(list(session.generate("a", max_tokens=2))) == 2


def test_closed_engine_is_refused(folder: Path) -> None:
    engine = fm.open(folder)
    session = engine.session()
    session.feed([1])
    running = session.steps([2])
    next(running)
    engine.close()
    engine.close()
    for call in (
        engine.session,
        session.fork,
        session.reset,
        partial(session.feed, [1]),
        partial(steps([1]), session),
        partial(generate([1]), session),
        partial(next, running),
        engine.evict,
    ):
        says(refused(ClosedError, call), ("closed", "open the model again"))
    running.close()
    assert "closed" in repr(session)
    assert "closed" in engine._repr_html_()


def test_busy_session_is_refused_by_layer_and_stage(engine: fm.Engine) -> None:
    session = engine.session()
    running = session.steps([1])
    for event in running:
        if event.stage == "router":
            break
    for call in (partial(feed([1]), session), partial(steps([1]), session), session.fork, session.reset):
        says(refused(SessionBusyError, call), ("layer 0", "stage router", "close()"))
    running.close()
    session.feed([1])


def test_observer_cannot_use_the_session_it_watches(engine: fm.Engine) -> None:
    session = engine.session()
    with session.observe(lambda _: session.fork()):
        says(refused(SessionBusyError, partial(session.feed, [1, 2])), ("suspended",))
    assert session.position == 0
    session.feed([1, 2])


def test_observer_cannot_close_the_engine(engine: fm.Engine) -> None:
    session = engine.session()
    with session.observe(lambda _: engine.close()):
        error = refused(SessionBusyError, lambda: session.feed([1]))
    says(error, ("close() was called by an observer", "close the engine from outside"))
    assert session.position == 0
    assert session.feed([1]).shape == (512,)


def test_options_that_hold_are_no_error(engine: fm.Engine) -> None:
    """Negative control of the calls: numpy and MLX integers, one-shot iterators, extreme but lawful sampling."""
    import mlx.core as mx

    session = engine.session()
    expected = np.array(session.fork().feed([1, 2]))
    sequences: tuple[Any, ...] = (np.array([1, 2]), mx.array([0, 1]) + 1, iter([1, 2]), (np.uint8(1), 2))
    for ids in sequences:
        np.testing.assert_array_equal(np.array(session.fork().feed(ids)), expected)
    extremes: tuple[dict[str, Any], ...] = (
        {"temperature": 1e-40},
        {"temperature": 1e9},
        {"temperature": 1, "top_p": 1e-9},
    )
    for options in extremes:
        assert len(list(session.fork().generate([1, 2], max_tokens=2, seed=0, **options))) == 2
