"""Dialogues: their split, their determinism, and that template and trainer write the same text."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from flashmoe_nb.lab.demo import dialogues, prompts, scoring
from flashmoe_nb.lab.demo.chatml import Message, Role, ToolFormat, render, write_call
from flashmoe_nb.lab.demo.kinds import Draw
from flashmoe_nb.lab.demo.pools import Pools, Split, split_of
from flashmoe_nb.lab.demo.toolbox import FIXED, Call, invented

if TYPE_CHECKING:
    import jinja2


def _template() -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(files("flashmoe_nb.lab.demo").joinpath("chat_template.jinja").read_text("utf8"))


def _plain(message: Message) -> dict[str, object]:
    calls = [{"type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in message.calls]
    return {"role": str(message.role), "content": message.content} | ({"tool_calls": calls} if calls else {})


@pytest.mark.parametrize("tool_format", list(ToolFormat))
@pytest.mark.parametrize("system", ["", "You are brief."])
def test_render_equals_template(tool_format: ToolFormat, system: str) -> None:
    calls = (Call("a", {"x": "é", "y": [1, True], "z": {"k": 2.5}, "b": False}), Call("b", {}))
    messages = [Message(Role.SYSTEM, system)] if system else []
    messages += [
        Message(Role.USER, "one"), Message(Role.ASSISTANT, "", calls), Message(Role.TOOL, "{}"),
        Message(Role.TOOL, "1"),
        Message(Role.ASSISTANT, "done"), Message(Role.USER, "two"), Message(Role.ASSISTANT, "so:", calls[:1]),
    ]  # fmt: skip
    for schemas in ([], [FIXED[0].schema(), FIXED[14].schema()]):
        ours = render(messages, schemas, tool_format, add_generation_prompt=True)
        theirs = _template().render(
            messages=[_plain(message) for message in messages], tools=schemas, tool_format=str(tool_format),
            add_generation_prompt=True,
        )  # fmt: skip
        assert ours == theirs


def test_conversation_is_deterministic(pools: dict[Split, Pools]) -> None:
    first, second = (Draw("seed", pools[Split.TRAIN]) for _ in range(2))
    assert [dialogues.conversation(first) for _ in range(30)] == [dialogues.conversation(second) for _ in range(30)]
    assert dialogues.conversation(Draw("other", pools[Split.TRAIN])) != dialogues.conversation(first)


def test_pools_share_no_entry(pools: dict[Split, Pools]) -> None:
    train, held = pools[Split.TRAIN], pools[Split.HELDOUT]
    for name in ("names", "words", "everyday", "cities"):
        assert getattr(train, name)
        assert getattr(held, name)
        assert not set(getattr(train, name)) & set(getattr(held, name))
    assert split_of("Paris") is split_of("PARIS")


def test_heldout_prompts_are_fixed_and_their_calls_score_full(pools: dict[Split, Pools]) -> None:
    for tool_format in ToolFormat:
        asked = prompts.heldout(pools[Split.HELDOUT], tool_format, 40)
        assert asked == prompts.heldout(pools[Split.HELDOUT], tool_format, 40)
        assert asked[:20] == prompts.heldout(pools[Split.HELDOUT], tool_format, 20)
        for prompt in asked:
            answer = "\n".join(write_call(call, tool_format) for call in prompt.calls)
            assert scoring.score(answer, prompt.calls, prompt.tool_format).exact


def test_refusal_prompt_offers_no_fitting_tool(pools: dict[Split, Pools]) -> None:
    for prompt in prompts.refusals(pools[Split.HELDOUT], ToolFormat.JSON, 20):
        assert not prompt.calls
        assert "<tools>" in prompt.text


def test_a_renamed_tool_is_the_same_tool_under_a_new_name(pools: dict[Split, Pools]) -> None:
    draw = Draw("names", pools[Split.TRAIN])
    known = {tool.name for tool in FIXED}
    for tool in FIXED:
        other = dialogues.renamed(draw, tool)
        assert other.name not in known
        assert (other.description, other.parameters, other.sentences) == (
            tool.description, tool.parameters, tool.sentences)  # fmt: skip


def test_conversations_refuse_with_fitting_looking_tools_on_offer(pools: dict[Split, Pools]) -> None:
    draw = Draw("refusals", pools[Split.TRAIN])
    texts = [dialogues.conversation(draw)[0] for _ in range(300)]
    refused = [text for text in texts if any(words in text for words in dialogues._REFUSALS)]
    assert len(refused) > 60
    assert any(f'"name": "{tool.name}"' in text for text in refused for tool in FIXED)


def test_several_calls_at_once_go_to_different_tools_in_training(pools: dict[Split, Pools]) -> None:
    draw = Draw("several", pools[Split.TRAIN])
    sizes, same, most = [], 0, 0
    for _ in range(400):
        dialogue = dialogues.Dialogue(dialogues.some_tools(draw))
        dialogues._call_turn(draw, dialogue)
        calls = dialogue.messages[1].calls
        sizes.append(len(calls))
        same += len({call.name for call in calls}) < len(calls) <= len(dialogue.tools)
        most = max(most, len(dialogue.tools))
    assert (max(sizes), most, same) == (4, 6, 0)
    assert 0.35 < sum(size > 1 for size in sizes) / len(sizes) < 0.55


def test_words_come_again_in_training_and_are_fixed_where_measured(pools: dict[Split, Pools]) -> None:
    again = Draw("words", pools[Split.TRAIN])
    words = [again.word() for _ in range(2000)]
    near = sum(word in words[max(0, i - 4) : i] for i, word in enumerate(words)) / len(words)
    assert 0.08 < near < 0.3
    digest = hashlib.sha256("\n".join(_heldout_texts(pools)).encode()).hexdigest()
    assert digest.startswith("67ddb9a97a8c")  # of the generator as it was before the habits of training changed


def _heldout_texts(pools: dict[Split, Pools]) -> list[str]:
    draw = Draw("held", pools[Split.HELDOUT])
    return [dialogues.conversation(draw)[0] for _ in range(50)]


def test_optional_parameter_left_unsaid_is_not_in_the_call(pools: dict[Split, Pools]) -> None:
    draw = Draw("optional", pools[Split.TRAIN])
    seen = 0
    for _ in range(200):
        tool = invented(draw)
        text, call = dialogues.ask(draw, tool)
        assert set(tool.parameters) - tool.optional <= set(call.arguments)
        assert "{" not in text
        seen += set(call.arguments) != set(tool.parameters)
    assert seen > 0
