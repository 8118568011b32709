"""The body of a call as Qwen3 writes it: {"name": ..., "arguments": {...}}. Strict: anything else is refused.

Knows no tags and no tools.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
_MAX_DEPTH = 64
"""Objects and lists inside each other."""


class CallSyntaxError(ValueError):
    """A body that is no call; the message says why, and goes to the user and to the model."""


def ends_inside(body: str) -> bool:
    """Whether the text stops in the middle of a string, where a closing tag would be part of that string."""
    return any(not match[1] for match in _STRING.finditer(body))


def read_json_call(body: str) -> tuple[str, dict[str, Any]]:
    """Name and arguments.

    Raises:
        CallSyntaxError: no JSON, a key that stands twice, a number JSON does not have, or other keys than the two.
    """
    value = read_json(body)
    if not isinstance(value, dict):
        raise CallSyntaxError(f"the call is a JSON {_kind(value)}, expected an object with name and arguments")
    if value.keys() != {"name", "arguments"}:
        raise CallSyntaxError(f"the call has the keys {sorted(value)}, expected name and arguments")
    name, arguments = value["name"], value["arguments"]
    if not isinstance(name, str) or not name:
        raise CallSyntaxError(f"name is a JSON {_kind(name)}, expected the name of a function")
    if not isinstance(arguments, dict):
        raise CallSyntaxError(f"arguments is a JSON {_kind(arguments)}, expected an object")
    return name, arguments


def read_json(text: str) -> Any:
    """A JSON value by the letter of the standard, and one that can be written out again as UTF-8.

    Raises:
        CallSyntaxError: it is none.
    """
    if _depth(text) > _MAX_DEPTH:
        raise CallSyntaxError(f"the JSON is nested more than {_MAX_DEPTH} deep")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise CallSyntaxError(f"no valid JSON: {error.msg} at character {error.pos}") from None
    except UnicodeEncodeError:
        raise CallSyntaxError("no valid JSON: half a surrogate pair, which is no character") from None
    except CallSyntaxError:
        raise
    except (ValueError, RecursionError) as error:  # a whole number of thousands of digits, say
        raise CallSyntaxError(f"no valid JSON: {error}") from None
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for symbol in _STRING.sub("", text):
        depth += (symbol in "[{") - (symbol in "]}")
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in {earlier for earlier, _ in pairs[:at]})
        raise CallSyntaxError(f'the key "{twice}" stands twice in one object')
    return made


def _no_constant(name: str) -> float:
    raise CallSyntaxError(f"no valid JSON: {name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise CallSyntaxError(f"the number {text} is too large")
    return value


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
