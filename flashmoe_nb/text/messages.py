"""Chat messages as a template may see them: checked, text only, rebuilt out of plain JSON values.

Roles, content and tool calls are checked; other keys pass. Knows no template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLES = ("system", "user", "assistant", "tool")


def checked_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Copies of `messages` with every content one string.

    Text parts are joined, as the templates of vision models do; templates of text models would drop a list silently.

    Raises:
        PromptError: no messages, an unknown role, content that is not text (images are refused), or a value that is
            not JSON's.
    """
    if isinstance(messages, (str, Mapping)):
        raise PromptError(f"messages is a {type(messages).__name__}, a list is needed: put the message in [ ]")
    if not messages:
        raise PromptError('messages is empty: give at least {"role": "user", "content": "..."}')
    return [_checked_message(message, f"messages[{i}]") for i, message in enumerate(messages)]


def checked_tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Copies of tool definitions (JSON schemas of functions).

    Raises:
        PromptError: a tool is not a mapping, or holds a value JSON cannot.
    """
    if isinstance(tools, (str, Mapping)):
        raise PromptError(f"tools is a {type(tools).__name__}, a list of JSON schemas is needed: put the tool in [ ]")
    return [_mapping(tool, f"tools[{i}]", "a JSON schema of a function") for i, tool in enumerate(tools)]


def plain(value: object, where: str) -> Any:
    """A copy of `value` made of exact JSON types, so that a template meets no foreign object.

    Raises:
        PromptError: something in it is not a JSON value; `where` names it.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # an enum's own __str__ would give its name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise PromptError(f"{where} is a {type(value).__name__}, a JSON value is needed: convert it first")


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise PromptError(f"{where} has the key {key!r}, keys are strings: convert it first")
    return str.__str__(key)


def _mapping(value: object, where: str, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise PromptError(f"{where} is a {type(value).__name__}, a mapping is needed: {what}")
    copied: dict[str, Any] = plain(value, where)
    return copied


def _checked_message(message: object, where: str) -> dict[str, Any]:
    if not isinstance(message, Mapping):
        raise PromptError(
            f'{where} is a {type(message).__name__}, a mapping is needed: {{"role": "user", "content": "..."}}'
        )
    role = message.get("role")
    if role not in ROLES:
        raise PromptError(f"{where}.role is {role!r}: give one of {', '.join(ROLES)}")
    # First, for an image object is no JSON value and deserves the clearer message.
    content = _content(message, where)
    rest = {key: value for key, value in message.items() if key != "content"}
    copied = _mapping(rest, where, "a message")
    if copied.get("tool_calls") is not None:
        _check_tool_calls(copied["tool_calls"], role, where)
    # The caller's order of keys, for templates that write a whole message as JSON.
    return {key: content if key == "content" else copied[key] for key in message} | {"content": content}


def _content(message: Mapping[str, Any], where: str) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return str.__str__(content)
    if content is None and message.get("role") == "assistant" and message.get("tool_calls"):
        return ""
    if isinstance(content, (list, tuple)):
        return "".join(_part_text(part, f"{where}.content[{i}]") for i, part in enumerate(content))
    raise PromptError(
        f'{where}.content is a {type(content).__name__}: give a string or a list of {{"type": "text", "text": "..."}}'
    )


def _part_text(part: object, where: str) -> str:
    if not isinstance(part, Mapping):
        raise PromptError(f'{where} is a {type(part).__name__}: parts are {{"type": "text", "text": "..."}}')
    kind = part.get("type", "text")
    text = part.get("text")
    for article, medium in (("an", "image"), ("an", "audio"), ("a", "video")):
        if medium in str(kind) or any(medium in str(key) for key in part):
            raise PromptError(
                f"{where} is {article} {medium} part: vision weights are not loaded, so images, audio and video "
                "are refused; send text parts only"
            )
    if kind != "text" or not isinstance(text, str):
        raise PromptError(f'{where} has type {kind!r} and no text of that kind: give {{"type": "text", "text": "..."}}')
    return str.__str__(text)


def _check_tool_calls(calls: object, role: str, where: str) -> None:
    if role != "assistant":
        raise PromptError(f"{where} has tool_calls and the role {role!r}: only an assistant message calls tools")
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise PromptError(f'{where}.tool_calls is not a list of mappings: [{{"function": {{"name", "arguments"}}}}]')
