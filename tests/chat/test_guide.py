"""Calls under a grammar: a model of random weights makes valid ones, and what it would have said otherwise is none."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.chat.grammar import call_grammar
from flashmoe_nb.chat.guide import CallGuide, GrammarMaker
from flashmoe_nb.chat.pieces import BrokenCall, Text, ToolCall
from flashmoe_nb.chat.prefix_session import PrefixSession
from flashmoe_nb.chat.prompt import PromptMaker
from flashmoe_nb.chat.tool import SchemaTool, Tool
from flashmoe_nb.chat.turn import Sampling, Turn
from flashmoe_nb.errors import OptionError, ToolError
from flashmoe_nb.text.call_stream import CallFormat
from tests.chat.conftest import Script

pytest.importorskip("llguidance")

LAMP = SchemaTool(
    "lamp",
    {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["hall", "cellar"]},
            "level": {"type": "integer", "minimum": 0, "maximum": 9},
            "on": {"type": "boolean"},
        },
        "required": ["room", "on"],
    },
)
NOW = SchemaTool("now", {})


@pytest.fixture(scope="module")
def maker(shared_engine: fm.Engine) -> GrammarMaker:
    return GrammarMaker(shared_engine)


def turn(
    engine: fm.Engine, maker: GrammarMaker | None, tool_format: str, tools: Sequence[Tool], seed: int, **options: Any
) -> Turn:
    prompt = PromptMaker(engine, {"tool_format": tool_format}).make([{"role": "user", "content": "Light"}], tools)
    guide = None if maker is None else CallGuide(maker, tools, CallFormat(tool_format), **options)
    sampling = Sampling(max_tokens=300, temperature=1.5, seed=seed)
    made = Turn(PrefixSession(engine), prompt, sampling, tools=tools, guide=guide)
    list(made.pieces())
    return made


@pytest.mark.parametrize("tool_format", ["json", "xml"])
@pytest.mark.parametrize("seed", range(6))
def test_a_required_call_is_valid_whatever_the_model(
    engine: fm.Engine, maker: GrammarMaker, tool_format: str, seed: int
):
    made = turn(engine, maker, tool_format, (LAMP, NOW), seed, required=True)
    first = made.pieces_so_far[0]
    assert isinstance(first, ToolCall)
    tool = {"lamp": LAMP, "now": NOW}[first.name]
    assert tool.problem(first.arguments) is None
    assert made.finish.grammar_ns > 0


TYPES = SchemaTool(
    "types",
    {
        "type": "object",
        "properties": {
            "either": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}]},
            "listed": {"type": ["boolean", "null"]},
            "one": {"enum": [1, 2]},
            "fixed": {"const": 7},
            "word": {"const": "yes"},
            "named": {"$ref": "#/$defs/Level"},
            "shade": {"$ref": "#/$defs/Shade"},
        },
        "required": ["either", "listed", "one", "fixed", "word", "named", "shade"],
        "$defs": {"Level": {"type": "integer", "minimum": 0, "maximum": 9}, "Shade": {"enum": ["red", "blue"]}},
    },
)


@pytest.mark.parametrize("tool_format", ["json", "xml"])
@pytest.mark.parametrize("seed", range(4))
def test_values_of_any_type_are_valid(engine: fm.Engine, maker: GrammarMaker, tool_format: str, seed: int):
    (call,) = turn(engine, maker, tool_format, (TYPES,), seed, required=True).calls[:1]
    assert isinstance(call, ToolCall)
    assert TYPES.problem(call.arguments) is None


def test_without_a_grammar_the_same_model_calls_nothing(engine: fm.Engine):
    for seed in range(3):
        assert not [piece for piece in turn(engine, None, "json", (LAMP,), seed).calls if isinstance(piece, ToolCall)]


def test_text_stays_free_and_a_call_once_opened_is_guided(
    engine: fm.Engine, maker: GrammarMaker, monkeypatch: pytest.MonkeyPatch
):
    """The script wants to break the call; the grammar leaves only what goes on to a whole one."""
    from flashmoe_nb.engine.sampling import Sampler

    wanted = engine.encode("Well. <tool_call>\nnonsense")
    place = iter(range(10_000))

    def draw(_self: Sampler, logits: np.ndarray, rng: np.random.Generator) -> int:
        at = next(place)
        if at < len(wanted) and np.isfinite(logits[wanted[at]]):
            return wanted[at]
        return int(rng.choice(np.flatnonzero(np.isfinite(logits))))

    monkeypatch.setattr(Sampler, "draw", draw)
    made = turn(engine, maker, "json", (LAMP,), seed=1)
    text, call = made.pieces_so_far[0], made.calls[0]
    assert isinstance(text, Text)
    assert isinstance(call, ToolCall)
    assert LAMP.problem(call.arguments) is None


def test_the_limit_can_still_cut_a_call(engine: fm.Engine, maker: GrammarMaker):
    prompt = PromptMaker(engine).make([{"role": "user", "content": "Light"}], (LAMP,))
    guide = CallGuide(maker, (LAMP,), CallFormat.JSON, required=True)
    made = Turn(PrefixSession(engine), prompt, Sampling(max_tokens=5), tools=(LAMP,), guide=guide)
    (piece,) = made.pieces()
    assert isinstance(piece, BrokenCall)
    assert piece.truncated


def test_a_conversation_may_be_constrained(engine: fm.Engine, script: Script):
    @fm.tool
    def ring(times: int) -> str:
        return "rang" * times

    script('<tool_call>\n{"name": "ring", "arguments": {"times": 2}}\n</tool_call>', "Done.")
    reply = fm.Chat(engine, tools=[ring], approve=["ring"], constrained=True).send("Ring")
    assert reply.results[0].content == "rangrang"
    assert reply.text == "Done."


def test_the_grammar_takes_what_templates_write_and_refuses_others(maker: GrammarMaker, engine: fm.Engine):
    good = '\n{"name": "lamp", "arguments": {"room": "hall", "on": true}}\n</tool_call>'
    bad = {
        '\n{"name": "lamp", "arguments": {"room": "attic"': "attic",
        '\n{"name": "lamp", "arguments": {"on": true': "the order of the schema",
        '\n{"name": "shell"': "no such tool",
        r"\n{\name\: ": "the original's corruption",
    }
    assert engine.tokenizer is not None
    ids = engine.encode(good)
    matcher = maker.matcher((LAMP, NOW), CallFormat.JSON, with_opening=False)
    assert matcher.try_consume_tokens(ids) == len(ids)
    assert matcher.is_accepting()
    for text, why in bad.items():
        ids = engine.encode(text)
        assert maker.matcher((LAMP, NOW), CallFormat.JSON, with_opening=False).try_consume_tokens(ids) < len(ids), why


def test_tags_that_are_no_single_token_are_spelt_out():
    grammar = call_grammar((NOW,), CallFormat.XML, {"<tool_call>": 7}.get, with_opening=True)
    assert grammar.startswith('start: <[7]> "\\n" ( call_0 ) "\\n" "</tool_call>"')


def test_a_schema_without_a_grammar_is_refused(maker: GrammarMaker):
    strange = SchemaTool("f", {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)"}}})
    with pytest.raises(ToolError, match="no grammar for f"):
        CallGuide(maker, (strange,), CallFormat.JSON)


def test_without_the_extra_it_says_how_to_get_it(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(OptionError, match=r'pip install "flashmoe-nb\[grammar\]"'):
        fm.Chat(engine, constrained=True)
