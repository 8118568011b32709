r"""The grammar of a tool call, for llguidance: what may stand between <tool_call> and </tool_call>, by schemas.

JSON calls are the name and the arguments as JSON of their schema, in the spacing models are taught; XML calls have the
parameters in the schema's order, strings as they are up to "\n</parameter>". Knows no model and no tokens.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flashmoe_nb.text.call_stream import CLOSE, OPEN, CallFormat
from flashmoe_nb.text.call_xml import json_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flashmoe_nb.chat.tool import Tool

_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_TEXT = r"text[lazy]: /(?s:.*)\n<\/parameter>\n/"


def call_grammar(
    tools: Sequence[Tool], call_format: CallFormat, token_id: Callable[[str], int | None], *, with_opening: bool
) -> str:
    """A Lark grammar of one call.

    Args:
        tools: what may be called.
        call_format: how.
        token_id: the id of a tag that is one token; None for one that is spelt out.
        with_opening: begin with <tool_call>, else behind it.
    """
    write = _json_rules if call_format is CallFormat.JSON else _xml_rules
    rules = [rule for number, tool in enumerate(tools) for rule in write(f"call_{number}", tool)]
    names = " | ".join(f"call_{number}" for number in range(len(tools)))
    opening = f"{_tag(OPEN, token_id)} " if with_opening else ""
    line_break = _literal("\n")
    start = f"start: {opening}{line_break} ( {names} ) {line_break} {_tag(CLOSE, token_id)}"
    return "\n".join([start, *rules, *([_TEXT] if call_format is CallFormat.XML else ())]) + "\n"


def _tag(text: str, token_id: Callable[[str], int | None]) -> str:
    """A tag as its token, which llguidance keeps apart from the same text in pieces."""
    found = token_id(text)
    return _literal(text) if found is None else f"<[{found}]>"


def _json_rules(rule: str, tool: Tool) -> list[str]:
    head = f'{{"name": {json.dumps(tool.name)}, "arguments": '
    return [f"{rule}: {_literal(head)} {rule}_args {_literal('}')}", f"{rule}_args: %json {_schema(tool.parameters)}"]


def _xml_rules(rule: str, tool: Tool) -> list[str]:
    schema = tool.parameters
    rules, parts = [], []
    for number, (key, value) in enumerate(schema.get("properties", {}).items()):
        name = f"{rule}_p{number}"
        head = _literal(f"<parameter={key}>\n")
        body = _xml_value(value, schema.get("$defs", {}))
        rules.append(f"{name}: {head} {body}")
        parts.append(name if key in schema.get("required", ()) else f"{name}?")
    sequence = " ".join([_literal(f"<function={tool.name}>\n"), *parts, _literal("</function>")])
    return [f"{rule}: {sequence}", *rules]


def _xml_value(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A value up to the end of its parameter."""
    end = _literal("\n</parameter>\n")
    named = definitions.get(str(schema.get("$ref")).removeprefix("#/$defs/"), schema)
    choices = [named["const"]] if "const" in named else named.get("enum")
    if isinstance(choices, list) and all(isinstance(choice, str) for choice in choices):
        return f"( {' | '.join(_literal(choice) for choice in choices)} ) {end}"
    types = json_types(schema, definitions)
    if types == {"boolean"} and not schema.keys() & {"const", "enum"}:
        return f'( "True" | "False" | "true" | "false" ) {end}'
    if types and "string" not in types:
        return f"%json {_schema({**schema, '$defs': dict(definitions)})} {end}"
    return "text"


def _schema(schema: Mapping[str, Any]) -> str:
    """One line of JSON; what the schema does not name is not generated."""
    closed = {"additionalProperties": False} if schema.get("type") == "object" else {}
    return json.dumps({**closed, **schema, "x-guidance": _SPACING}, ensure_ascii=False)


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
