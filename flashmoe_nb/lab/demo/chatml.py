"""How a conversation is written: ChatML with Qwen's two tool-call formats.

The Python twin of `chat_template.jinja` (a test compares them). `ToolFormat.XML` follows the Qwen3.5 template,
`ToolFormat.JSON` the Qwen3 (Hermes) one; as with the real templates, the system prompt says which is in force.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flashmoe_nb.lab.demo.kinds import Schema, Value
    from flashmoe_nb.lab.demo.toolbox import Call

NO_THOUGHT = "<think>\n\n</think>\n\n"
_JSON_HEAD = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>"""
_JSON_TAIL = """
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""
_XML_HEAD = """# Tools

You have access to the following functions:

<tools>"""
_XML_TAIL = """
</tools>

If you choose to call a function ONLY reply in the following format with NO suffix:

<tool_call>
<function=example_function_name>
<parameter=example_parameter_1>
value_1
</parameter>
<parameter=example_parameter_2>
This is the value for the second parameter
that can span
multiple lines
</parameter>
</function>
</tool_call>

<IMPORTANT>
Reminder:
- Function calls MUST follow the specified format: an inner <function=...></function> block must be nested within \
<tool_call></tool_call> XML tags
- Required parameters MUST be specified
- You may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT after
- If there is no function call available, answer the question like normal with your current knowledge and do not tell \
the user about function calls
</IMPORTANT>"""


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class ToolFormat(StrEnum):
    """How a call is written."""

    JSON = "json"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; only an assistant's has calls."""

    role: Role
    content: str
    calls: tuple[Call, ...] = ()


def write_call(call: Call, tool_format: ToolFormat) -> str:
    """One call with its tags."""
    if tool_format is ToolFormat.JSON:
        body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
        return f"<tool_call>\n{body}\n</tool_call>"
    parts = "".join(f"<parameter={name}>\n{xml_value(value)}\n</parameter>\n" for name, value in call.arguments.items())
    return f"<tool_call>\n<function={call.name}>\n{parts}</function>\n</tool_call>"


def xml_value(value: Value) -> str:
    """A value inside `<parameter>`: JSON for objects and lists, else the template's `string` filter."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def system_prompt(content: str, schemas: Sequence[Schema], tool_format: ToolFormat) -> str:
    """The system turn; empty when there is neither a prompt nor a tool."""
    if not schemas:
        return f"<|im_start|>system\n{content}<|im_end|>\n" if content else ""
    listed = "".join("\n" + json.dumps(schema, ensure_ascii=False) for schema in schemas)
    if tool_format is ToolFormat.JSON:
        lead = content + "\n\n" if content else ""
        return f"<|im_start|>system\n{lead}{_JSON_HEAD}{listed}{_JSON_TAIL}<|im_end|>\n"
    tail = "\n\n" + content if content else ""
    return f"<|im_start|>system\n{_XML_HEAD}{listed}{_XML_TAIL}{tail}<|im_end|>\n"


def render(
    messages: Sequence[Message],
    schemas: Sequence[Schema],
    tool_format: ToolFormat,
    *,
    add_generation_prompt: bool = False,
) -> str:
    """A conversation as the template writes it: the empty thought stands in the turns after the last user message."""
    first = messages[0].content if messages and messages[0].role is Role.SYSTEM else ""
    last_user = max((i for i, message in enumerate(messages) if message.role is Role.USER), default=-1)
    out = [system_prompt(first, schemas, tool_format)]
    for i, message in enumerate(messages):
        match message.role:
            case Role.USER:
                out.append(f"<|im_start|>user\n{message.content}<|im_end|>\n")
            case Role.ASSISTANT:
                thought = NO_THOUGHT if i > last_user else ""
                calls = "\n".join(write_call(call, tool_format) for call in message.calls)
                gap = "\n\n" if message.content and calls else ""
                out.append(f"<|im_start|>assistant\n{thought}{message.content}{gap}{calls}<|im_end|>\n")
            case Role.TOOL:
                opened = i > 0 and messages[i - 1].role is Role.TOOL
                goes_on = i + 1 < len(messages) and messages[i + 1].role is Role.TOOL
                head = "" if opened else "<|im_start|>user"
                tail = "" if goes_on else "<|im_end|>\n"
                out.append(f"{head}\n<tool_response>\n{message.content}\n</tool_response>{tail}")
            case Role.SYSTEM:
                continue
    if add_generation_prompt:
        out.append(f"<|im_start|>assistant\n{NO_THOUGHT}")
    return "".join(out)
