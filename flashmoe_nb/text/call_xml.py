"""The body of a call as Qwen3.5 writes it: <function=NAME> and a <parameter=KEY> with plain text for each argument.

The text says no type, so the tool's schema does: strings are taken as they stand, everything else must be the JSON of
its type (Python's True, False and None, which the template writes, count as JSON's). Knows no surrounding tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flashmoe_nb.text.call_json import CallSyntaxError, read_json

_FUNCTION = re.compile(r"\s*<function=([^<>\s]+)>(.*)</function>\s*", re.DOTALL)
_OPEN = re.compile(r"\s*<parameter=([^<>\s]+)>")
_CLOSE = "</parameter>"
_OPEN_TAG = "<parameter="
_PYTHON_WORDS = {"True": True, "False": False, "None": None}
_NO_SCHEMA: Mapping[str, Any] = {}


def ends_inside(body: str) -> bool:
    """Whether the text stops inside a parameter, where a closing tag of the call would be part of the value."""
    return body.rfind(_OPEN_TAG) > body.rfind(_CLOSE)


def read_xml_call(body: str, schemas: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Name and arguments.

    Args:
        body: between the call's tags.
        schemas: JSON schema of the parameters, by function; values of a function that is not there stay text.

    Raises:
        CallSyntaxError: anything outside the tags, a parameter that stands twice, or text that is not of its type.
    """
    match = _FUNCTION.fullmatch(body)
    if match is None:
        raise CallSyntaxError("expected <function=NAME> ... </function> and nothing around it")
    name, inner = match[1], match[2]
    schema = schemas.get(name, _NO_SCHEMA)
    properties = schema.get("properties", _NO_SCHEMA)
    arguments: dict[str, Any] = {}
    for key, text in _parameters(inner):
        if key in arguments:
            raise CallSyntaxError(f'the parameter "{key}" stands twice')
        arguments[key] = _value(key, text, properties.get(key, _NO_SCHEMA), schema.get("$defs", _NO_SCHEMA))
    return name, arguments


def _parameters(inner: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while match := _OPEN.match(inner, at):
        end = inner.find(_CLOSE, match.end())
        if end < 0:
            raise CallSyntaxError(f'the parameter "{match[1]}" is not closed by {_CLOSE}')
        text = inner[match.end() : end]
        # One line break on either side belongs to the tags, any other to the value.
        found.append((match[1], text.removeprefix("\n").removesuffix("\n")))
        at = end + len(_CLOSE)
    if rest := inner[at:].strip():
        raise CallSyntaxError(f"{rest[:40]!r} stands between the parameters")
    return found


def _value(key: str, text: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    types = json_types(schema, definitions)
    if not types - {"string"}:
        return text
    try:
        value = _PYTHON_WORDS[text.strip()] if text.strip() in _PYTHON_WORDS else read_json(text)
    except CallSyntaxError:
        value = text
    if _is_one_of(value, types - {"string"}):
        return value
    if "string" in types:
        return text
    raise CallSyntaxError(f'the parameter "{key}" is {text[:40]!r}, expected JSON of type {" or ".join(sorted(types))}')


def json_types(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int = 0) -> set[str]:
    """The JSON types a schema allows at its top; empty where it does not say.

    Args:
        schema: of one parameter.
        definitions: what its references name.
        depth: of references followed already.
    """
    if depth > 8 or not isinstance(schema, Mapping):  # noqa: PLR2004 - references that go round in circles end here
        return set()
    if isinstance(reference := schema.get("$ref"), str):
        return json_types(definitions.get(reference.removeprefix("#/$defs/"), _NO_SCHEMA), definitions, depth + 1)
    for word in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(word), list):
            return set[str]().union(*(json_types(branch, definitions, depth + 1) for branch in branches))
    if "const" in schema or "enum" in schema:
        return {_json_type(value) for value in schema.get("enum", [schema.get("const")])}
    named = schema.get("type")
    return {named} if isinstance(named, str) else set(named) if isinstance(named, list) else set()


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {int: "integer", float: "number", str: "string", list: "array"}.get(type(value), "object")


def _is_one_of(value: object, types: set[str]) -> bool:
    kind = _json_type(value)
    return kind in types or (kind == "integer" and "number" in types)
