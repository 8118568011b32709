"""Scores of generated tool calls: parseable, right tools, right keys, exact arguments; with Wilson intervals.

The parsers are strict on purpose and independent of the package's own: they accept what the template shows.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo.chatml import ToolFormat, xml_value
from flashmoe_nb.lab.demo.toolbox import Arguments, Call

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^>\n]+)>\n(.*)</function>", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n(.*?)\n</parameter>\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Score:
    """One answer; `exact` implies all others."""

    parsed: bool
    names: bool
    keys: bool
    exact: bool


def _json_call(body: str) -> Call | None:
    try:
        value = json.loads(body, object_pairs_hook=_no_repeats)
    except ValueError:
        return None
    if isinstance(value, dict) and isinstance(value.get("name"), str) and isinstance(value.get("arguments"), dict):
        return Call(value["name"], value["arguments"])
    return None


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice in one object; write every key once")
    return dict(pairs)


def _xml_call(body: str) -> Call | None:
    function = _FUNCTION.fullmatch(body)
    if function is None:
        return None
    parameters = _PARAMETER.findall(function.group(2))
    whole = "".join(f"<parameter={name}>\n{value}\n</parameter>\n" for name, value in parameters)
    if whole != function.group(2) or len({name for name, _ in parameters}) < len(parameters):
        return None
    return Call(function.group(1), dict(parameters))


def parse(text: str, tool_format: ToolFormat) -> list[Call] | None:
    """The calls of an answer; None when there is no call, one does not parse, or other text stands around them."""
    bodies = _BLOCK.findall(text)
    if not bodies or _BLOCK.sub("", text).strip():
        return None
    read = _json_call if tool_format is ToolFormat.JSON else _xml_call
    calls = [read(body) for body in bodies]
    return None if None in calls else [call for call in calls if call is not None]


def _expected(arguments: Arguments, tool_format: ToolFormat) -> Arguments:
    if tool_format is ToolFormat.JSON:
        return arguments
    return {name: xml_value(value) for name, value in arguments.items()}


def score(answer: str, expected: Sequence[Call], tool_format: ToolFormat) -> Score:
    """Compare an answer with the calls expected."""
    calls = parse(answer, tool_format)
    if calls is None:
        return Score(parsed=False, names=False, keys=False, exact=False)
    wanted = [Call(call.name, _expected(call.arguments, tool_format)) for call in expected]
    names = [call.name for call in calls] == [call.name for call in wanted]
    keys = names and all(set(a.arguments) == set(b.arguments) for a, b in zip(calls, wanted, strict=True))
    return Score(parsed=True, names=names, keys=keys, exact=keys and calls == wanted)


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if total == 0:
        return 0.0, 1.0
    z = 1.959964
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return (centre - spread) / scale, (centre + spread) / scale


def share(hits: int, total: int) -> str:
    """A share in percent with its interval, as tables show it."""
    low, high = wilson(hits, total)
    return f"{100 * hits / max(1, total):.1f} [{100 * low:.1f}, {100 * high:.1f}]"
