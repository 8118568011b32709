import copy
import json
from enum import StrEnum
from pathlib import Path

import pytest

from flashmoe_nb.errors import CheckpointError, PromptError
from flashmoe_nb.text import ChatTemplate, Tokenizer

# What real templates lean on: macros, namespaces, loop controls, tojson, trimmed blocks, special tokens.
FEATURES = """\
{%- macro turn(role, text) %}
    {{- '<|im_start|>' + role + '\\n' + text|trim + eos_token + '\\n' }}
{%- endmacro %}
{% if tools %}
{{ tools | tojson }}
{{ tools | tojson(indent=2) }}
{% endif %}
{%- set ns = namespace(users=0) %}
{%- for message in messages %}
    {%- if message.role == 'system' %}
        {%- continue %}
    {%- endif %}
    {%- if message.role == 'user' %}
        {%- set ns.users = ns.users + 1 %}
    {%- endif %}
    {{- turn(message.role, message.content) }}
    {%- for call in message.tool_calls or [] %}
        {{- call.function.name }}: {{ call.function.arguments | tojson }}
    {% endfor %}
{%- endfor %}
{{ ns.users }} {{ mood | default('calm') }} {{ strftime_now('%Y') | length }}
{% if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}{{ '<think>\\n\\n</think>\\n\\n' if enable_thinking is false else '<think>\\n' }}
{%- endif %}
"""
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Où fait-il <b>beau</b> & chaud?"}}]
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "  What's the weather in Köln? <|im_end|>  "},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "n": 1.5}}}],
    },
    {"role": "tool", "content": '{"sky": "blue"}'},
]


def template(source: str) -> ChatTemplate:
    return ChatTemplate({"default": source}, {"eos_token": "<|im_end|>"}, "test")


@pytest.mark.parametrize("enable_thinking", [False, True])
@pytest.mark.parametrize("add_generation_prompt", [False, True])
@pytest.mark.parametrize("tools", [None, TOOLS])
def test_render_equals_transformers(
    tokenizer: Tokenizer, tokenizer_folder: Path, tools: list | None, add_generation_prompt: bool, enable_thinking: bool
):
    transformers = pytest.importorskip("transformers")
    oracle = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_folder / "tokenizer.json"), chat_template=FEATURES
    )
    oracle.eos_token = "<|im_end|>"  # noqa: S105 - a token of text
    options = {"add_generation_prompt": add_generation_prompt, "enable_thinking": enable_thinking}
    expected = oracle.apply_chat_template(MESSAGES, tools=tools, tokenize=False, mood="gay", **options)
    ours = template(FEATURES).render(MESSAGES, tools=tools, template_variables={"mood": "gay"}, **options)
    assert ours == expected
    ids = oracle.apply_chat_template(MESSAGES, tools=tools, mood="gay", return_dict=False, **options)
    assert tokenizer.encode(ours) == ids


def test_render_joins_text_parts_and_leaves_the_messages_alone():
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]
    messages = [{"role": "user", "content": parts}]
    before = copy.deepcopy(messages)
    assert template("{{ messages[0].content }}").render(messages) == "Hello there"
    assert messages == before


def test_render_passes_further_keys_in_their_order():
    message = {"content": None, "reasoning_content": "hm", "role": "assistant", "tool_calls": [{"name": "f"}]}
    shown = template("{{ messages | tojson }}").render([message])
    assert json.loads(shown) == [message | {"content": ""}]
    assert list(json.loads(shown)[0]) == list(message)


def test_render_gives_templates_plain_strings():
    class Role(StrEnum):
        USER = "user"

    out = template("{{ messages[0].role.name is defined }} {{ messages[0].role }}")
    assert out.render([{"role": Role.USER, "content": "x"}]) == "False user"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image"},
        {"type": "image_url", "image_url": {"url": "x.png"}},
        {"type": "image", "image": object()},
        {"image": "x.png"},
        {"type": "input_audio", "input_audio": {}},
        {"type": "video", "video": "x.mp4"},
    ],
)
def test_render_refuses_images_audio_and_video(part: dict):
    messages = [{"role": "user", "content": "hi"}, {"role": "user", "content": [{"type": "text", "text": "a"}, part]}]
    with pytest.raises(PromptError, match=r"messages\[1\]\.content\[1\] is an? .* part: vision weights are not loaded"):
        template("x").render(messages)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages is empty"),
        ("hi", "messages is a str, a list is needed"),
        ({"role": "user", "content": "hi"}, "messages is a dict, a list is needed"),
        (["hi"], r"messages\[0\] is a str"),
        ([{"content": "hi"}], r"messages\[0\]\.role is None: give one of system, user, assistant, tool"),
        ([{"role": "robot", "content": "hi"}], "role is 'robot'"),
        ([{"role": "user"}], "content is a NoneType"),
        ([{"role": "assistant", "content": None}], "content is a NoneType"),
        ([{"role": "user", "content": 3}], "content is a int"),
        ([{"role": "user", "content": ["hi"]}], r"content\[0\] is a str"),
        ([{"role": "user", "content": [{"type": "text"}]}], r"content\[0\] has type 'text' and no text"),
        ([{"role": "user", "content": [{"type": "file", "text": "a"}]}], "has type 'file'"),
        ([{"role": "user", "content": "a", "tool_calls": [{}]}], "only an assistant message calls tools"),
        ([{"role": "assistant", "content": "a", "tool_calls": "f"}], "tool_calls is not a list of mappings"),
        ([{"role": "user", "content": "a", "when": Path()}], r"messages\[0\]\.when is a .*Path, a JSON value"),
        ([{"role": "user", "content": "a", 3: "b"}], "has the key 3"),
    ],
)
def test_render_refuses_messages_it_cannot_take(messages: list, said: str):
    with pytest.raises(PromptError, match=said):
        template("x").render(messages)


def test_render_refuses_tools_that_are_no_schemas():
    with pytest.raises(PromptError, match=r"tools\[0\] is a builtin_function_or_method"):
        template("x").render([{"role": "user", "content": "a"}], tools=[print])
    with pytest.raises(PromptError, match="tools is a dict"):
        template("x").render([{"role": "user", "content": "a"}], tools=TOOLS[0])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ raise_exception('no system message, please') }}", "refused these messages: no system message, please"),
        ("{{ 'a' + 1 }}", "refused these messages"),
        ("{{ missing.attribute }}", "refused these messages"),
        ("{{ messages[0].content.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "refused these messages"),
    ],
)
def test_an_error_in_the_template_is_one_prompt_error(source: str, said: str):
    with pytest.raises(PromptError, match=said):
        template(source).render([{"role": "user", "content": "a"}])


def test_render_refuses_variables_it_sets_itself():
    with pytest.raises(PromptError, match='template_variables has "messages"'):
        template("x").render([{"role": "user", "content": "a"}], template_variables={"messages": []})


def test_open_without_a_template_says_a_string_works(tmp_path: Path):
    opened = ChatTemplate.open(tmp_path)
    assert not opened.available
    with pytest.raises(PromptError, match=r"has no chat template, .* or give the prompt as a plain string"):
        opened.render([{"role": "user", "content": "a"}])


def test_open_finds_the_template_where_it_may_be_written(tmp_path: Path):
    user = [{"role": "user", "content": "a"}]
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": "from json"}))
    assert ChatTemplate.open(tmp_path).render(user) == "from json"
    config = {"chat_template": "from config {{ eos_token }}", "eos_token": {"content": "</s>"}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert ChatTemplate.open(tmp_path).render(user) == "from config </s>"
    (tmp_path / "chat_template.jinja").write_text("from jinja {{ eos_token }}")
    assert ChatTemplate.open(tmp_path).render(user) == "from jinja </s>"


def test_named_templates_are_chosen_by_tools(tmp_path: Path):
    named = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "with tools"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    opened = ChatTemplate.open(tmp_path)
    assert opened.render([{"role": "user", "content": "a"}]) == "plain"
    assert opened.render([{"role": "user", "content": "a"}], tools=TOOLS) == "with tools"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named[1:]}))
    with pytest.raises(PromptError, match='templates tool_use and none called "default"'):
        ChatTemplate.open(tmp_path).render([{"role": "user", "content": "a"}])


def test_open_refuses_a_template_that_is_no_text(tmp_path: Path):
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": 3}))
    with pytest.raises(CheckpointError, match="neither a string nor a list"):
        ChatTemplate.open(tmp_path)


def test_a_broken_template_is_refused_when_it_is_needed(tmp_path: Path):
    (tmp_path / "chat_template.jinja").write_text("line one\n{% if %}")
    opened = ChatTemplate.open(tmp_path)
    with pytest.raises(CheckpointError, match="is not valid Jinja, line 2"):
        opened.render([{"role": "user", "content": "a"}])
