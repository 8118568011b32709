"""Qwen's template families: the same text as transformers gives, and as the original files gave.

The originals (Apache-2.0, by the Qwen team) are not in this repository: those of Qwen3-0.6B, Qwen3-4B-Thinking-2507 and
Qwen3.5-4B; the second stands for Qwen3-Next-Thinking, which has the same form. What transformers rendered with them was
recorded once, as digests in templates/digests.json; templates/qwen.jinja, written anew, must give the same texts.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from flashmoe_nb.errors import PromptError
from flashmoe_nb.text import ChatTemplate

FOLDER = Path(__file__).parent / "templates"
SOURCE = (FOLDER / "qwen.jinja").read_text("utf-8")
FAMILIES = ("qwen3", "qwen3-next", "qwen3.5")
DIGESTS = json.loads((FOLDER / "digests.json").read_text("utf-8"))

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Où fait-il <b>beau</b> & chaud?",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "units": {"type": "array"}},
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "description": "", "parameters": {"type": "object"}}},
]


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def said(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


SYSTEM = {"role": "system", "content": "Be brief."}
ASK = {"role": "user", "content": "Weather in Köln?"}
WEATHER = call(
    "get_weather", {"city": "Köln", "days": 2, "units": ["c", "%"], "exact": True, "note": None, "x": {"y": 1.5}}
)
GAVE = {"role": "tool", "content": '{"sky": "blue"}'}

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one question": [ASK],
    "a system prompt": [SYSTEM, ASK],
    "white space around": [{"role": "system", "content": " Be brief.\n"}, {"role": "user", "content": "\n Hi \n"}],
    "two turns": [ASK, said("Blue."), {"role": "user", "content": "And tomorrow?"}],
    "ends with an answer": [ASK, said("Blue.")],
    "a thought in the content": [ASK, said("<think>\nhm\n</think>\n\nBlue."), {"role": "user", "content": "Sure?"}],
    "a thought apart": [ASK, said("Blue.", reasoning_content="\nhm\nhm\n"), {"role": "user", "content": "Sure?"}],
    "a thought at the end": [ASK, said("Blue.", reasoning_content="hm")],
    "a call": [SYSTEM, ASK, said("", tool_calls=[WEATHER])],
    "a call with words": [ASK, said("Let me see.", tool_calls=[WEATHER]), GAVE],
    "a call without a thought, then its result": [ASK, said("", tool_calls=[WEATHER]), GAVE],
    "a call with a thought": [ASK, said("", reasoning_content="look it up", tool_calls=[WEATHER]), GAVE],
    "two calls, two results": [ASK, said("", tool_calls=[WEATHER, call("now", {})]), GAVE, GAVE, said("Blue.")],
    "a call long ago": [ASK, said("", tool_calls=[WEATHER]), GAVE, said("Blue."), {"role": "user", "content": "More"}],
    "calls in two rounds": [
        ASK, said("", reasoning_content="a", tool_calls=[WEATHER]), GAVE,
        said("", reasoning_content="b", tool_calls=[call("now", {})]), GAVE,
    ],
    "a result as the user": [ASK, said("x"), {"role": "user", "content": "<tool_response>\n1\n</tool_response>"}],
    "markup in the content": [{"role": "user", "content": "<b>&amp;</b> <|im_end|> {{ x }} \\n 'q' \"r\""}],
}  # fmt: skip
OPTIONS = [(generate, think, tools) for generate in (True, False) for think in (True, False) for tools in (True, False)]


def rendered_by_transformers(source: str, folder: Path, messages: list, **options: Any) -> str:
    transformers = pytest.importorskip("transformers")
    oracle = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), chat_template=source)
    text: str = oracle.apply_chat_template(messages, tokenize=False, **options)
    return text


def digest(texts: list[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_texts_equal_transformers_and_the_originals(tokenizer_folder: Path, family: str, name: str):
    template = ChatTemplate({"default": SOURCE}, {}, "qwen.jinja")
    messages, texts = CONVERSATIONS[name], []
    for generate, think, with_tools in OPTIONS:
        tools = TOOLS if with_tools else None
        ours = template.render(
            messages,
            tools=tools,
            add_generation_prompt=generate,
            enable_thinking=think,
            template_variables={"family": family},
        )
        options: Any = {"tools": tools, "add_generation_prompt": generate, "enable_thinking": think, "family": family}
        assert ours == rendered_by_transformers(SOURCE, tokenizer_folder, messages, **options)
        texts.append(ours)
    assert digest(texts) == DIGESTS[family][name]


def test_the_digests_tell_families_and_conversations_apart():
    found = [value for family in FAMILIES for value in DIGESTS[family].values()]
    assert len(set(found)) > 2 * len(CONVERSATIONS)
    assert all(set(DIGESTS[family]) == set(CONVERSATIONS) for family in FAMILIES)


@pytest.mark.parametrize("messages", [[SYSTEM], [ASK, SYSTEM]])
def test_what_qwen3_5_refuses_is_refused(messages: list):
    template = ChatTemplate({"default": SOURCE}, {}, "qwen.jinja")
    with pytest.raises(PromptError, match=r"No user query|must be at the beginning"):
        template.render(messages, template_variables={"family": "qwen3.5"})
