"""The demo model's chat format, against prompts as its training data had them, written out."""

from pathlib import Path

import pytest

from flashmoe_nb.errors import PromptError
from flashmoe_nb.text import ChatTemplate

SOURCE = Path(__file__).parents[2] / "data" / "demo" / "chat_template.jinja"
TEMPLATE = ChatTemplate({"default": SOURCE.read_text()}, {}, SOURCE.name)

ASSISTANT = "<|im_start|>assistant\n<think>\n\n</think>\n\n"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "set_light",
            "description": "Control a light.",
            "parameters": {
                "type": "object",
                "properties": {"room": {"type": "string"}, "on": {"type": "boolean"}, "tags": {"type": "array"}},
                "required": ["room", "on", "tags"],
            },
        },
    }
]
SCHEMA = (
    '{"type": "function", "function": {"name": "set_light", "description": "Control a light.", "parameters": '
    '{"type": "object", "properties": {"room": {"type": "string"}, "on": {"type": "boolean"}, '
    '"tags": {"type": "array"}}, "required": ["room", "on", "tags"]}}}'
)
JSON_SYSTEM = (
    "<|im_start|>system\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n" + SCHEMA + "\n</tools>\n\n"
    "For each function call, return a json object with function name and arguments within <tool_call></tool_call> "
    'XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n'
)
XML_SYSTEM = (
    "<|im_start|>system\n# Tools\n\nYou have access to the following functions:\n\n<tools>\n"
    + SCHEMA
    + "\n</tools>\n\n"
    "If you choose to call a function ONLY reply in the following format with NO suffix:\n\n<tool_call>\n"
    "<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</parameter>\n"
    "<parameter=example_parameter_2>\nThis is the value for the second parameter\nthat can span\nmultiple lines\n"
    "</parameter>\n</function>\n</tool_call>\n\n<IMPORTANT>\nReminder:\n- Function calls MUST follow the specified "
    "format: an inner <function=...></function> block must be nested within <tool_call></tool_call> XML tags\n"
    "- Required parameters MUST be specified\n- You may provide optional reasoning for your function call in natural "
    "language BEFORE the function call, but NOT after\n- If there is no function call available, answer the question "
    "like normal with your current knowledge and do not tell the user about function calls\n</IMPORTANT><|im_end|>\n"
)
USER = "Switch the garden lamp off."
CONVERSATION = [
    {"role": "user", "content": USER},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "type": "function",
                "function": {"name": "set_light", "arguments": {"room": "garden", "on": False, "tags": ["a", "b"]}},
            },
            {"name": "set_light", "arguments": {"room": "hall", "on": True, "tags": []}},
        ],
    },
    {"role": "tool", "content": '{"status": "ok"}'},
    {"role": "tool", "content": '{"status": "error"}'},
    {"role": "assistant", "content": "Done."},
]
RESULTS = (
    '<|im_end|>\n<|im_start|>user\n<tool_response>\n{"status": "ok"}\n</tool_response>\n'
    '<tool_response>\n{"status": "error"}\n</tool_response><|im_end|>\n' + ASSISTANT + "Done.<|im_end|>\n"
)
JSON_CALLS = (
    '<tool_call>\n{"name": "set_light", "arguments": {"room": "garden", "on": false, "tags": ["a", "b"]}}\n</tool_call>'
    '\n<tool_call>\n{"name": "set_light", "arguments": {"room": "hall", "on": true, "tags": []}}\n</tool_call>'
)
XML_CALLS = (
    "<tool_call>\n<function=set_light>\n<parameter=room>\ngarden\n</parameter>\n<parameter=on>\nFalse\n</parameter>\n"
    '<parameter=tags>\n["a", "b"]\n</parameter>\n</function>\n</tool_call>\n'
    "<tool_call>\n<function=set_light>\n<parameter=room>\nhall\n</parameter>\n<parameter=on>\nTrue\n</parameter>\n"
    "<parameter=tags>\n[]\n</parameter>\n</function>\n</tool_call>"
)


def user(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n"


@pytest.mark.parametrize("enable_thinking", [False, True])
def test_a_question_ends_with_the_empty_think_block(enable_thinking: bool):
    rendered = TEMPLATE.render([{"role": "user", "content": "Hi there"}], enable_thinking=enable_thinking)
    assert rendered == user("Hi there") + ASSISTANT


@pytest.mark.parametrize(
    ("tool_format", "system", "calls"), [("json", JSON_SYSTEM, JSON_CALLS), ("xml", XML_SYSTEM, XML_CALLS)]
)
def test_tool_conversations_are_as_trained(tool_format: str, system: str, calls: str):
    variables = {"tool_format": tool_format}
    prompt = TEMPLATE.render(CONVERSATION[:1], tools=TOOLS, template_variables=variables)
    assert prompt == system + user(USER) + ASSISTANT
    whole = TEMPLATE.render(CONVERSATION, tools=TOOLS, add_generation_prompt=False, template_variables=variables)
    assert whole == prompt + calls + RESULTS


def test_json_is_the_default_format_and_arguments_may_be_json_text():
    call = {"name": "f", "arguments": '{"a":1}'}
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "Yes.", "tool_calls": [call]}]
    rendered = TEMPLATE.render(messages, tools=TOOLS, add_generation_prompt=False)
    assert rendered == JSON_SYSTEM + user("x") + ASSISTANT + (
        'Yes.\n\n<tool_call>\n{"name": "f", "arguments": {"a":1}}\n</tool_call><|im_end|>\n'
    )


def test_a_system_message_stands_before_the_tools():
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x"}]
    assert TEMPLATE.render(messages) == "<|im_start|>system\nBe brief.<|im_end|>\n" + user("x") + ASSISTANT
    with_tools = TEMPLATE.render(messages, tools=TOOLS)
    assert with_tools == JSON_SYSTEM.replace("# Tools", "Be brief.\n\n# Tools", 1) + user("x") + ASSISTANT


def test_an_answer_fed_back_with_its_think_block_gets_no_second_one():
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "<think>\n\n</think>\n\nHello"}]
    assert TEMPLATE.render(messages, add_generation_prompt=False) == user("x") + ASSISTANT + "Hello<|im_end|>\n"


def test_the_empty_think_block_stands_only_after_the_last_question():
    past = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "Hello"}]
    rendered = TEMPLATE.render([*past, {"role": "user", "content": "y"}])
    assert rendered == user("x") + "<|im_start|>assistant\nHello<|im_end|>\n" + user("y") + ASSISTANT


def test_what_the_model_was_never_shown_is_refused():
    question = {"role": "user", "content": "x"}
    with pytest.raises(PromptError, match="must be the first"):
        TEMPLATE.render([question, {"role": "system", "content": "Be brief."}])
    with pytest.raises(PromptError, match='tool_format is "yaml"'):
        TEMPLATE.render([question], template_variables={"tool_format": "yaml"})
    call = {"role": "assistant", "content": "", "tool_calls": [{"name": "f", "arguments": "{}"}]}
    with pytest.raises(PromptError, match="arguments are a string"):
        TEMPLATE.render([question, call], template_variables={"tool_format": "xml"})
