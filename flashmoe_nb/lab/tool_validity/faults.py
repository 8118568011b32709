"""What is wrong with an answer that should be tool calls: one class, and in syntax errors the reason.

The parsers are the package's own, strict ones; whether the calls are the expected ones is `lab.demo.scoring`'s to say.
Knows no model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flashmoe_nb.lab.demo import scoring
from flashmoe_nb.text.call_stream import CallFormat, parse_calls
from flashmoe_nb.text.pieces import BrokenCall, Text, ToolCall

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.prompts import Prompt

_BACKSLASHES = re.compile(r"\\[A-Za-z_]+\\")
ORIGINAL_CORRUPTION = r'\name\ for "name"'
"""What the original saw of 2-bit experts in its JSON (`README.md` of danveloper/flash-moe)."""


class Fault(StrEnum):
    """The first of these that holds."""

    NONE = "exact"
    NO_CALL = "no call"
    CUT_OFF = "cut off inside a call"
    SYNTAX = "broken syntax"
    AROUND = "text around the calls"
    TOOLS = "wrong tools"
    KEYS = "wrong keys"
    VALUES = "wrong values"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer."""

    fault: Fault
    detail: str
    """Of broken syntax, the parser's reason without its numbers."""
    backslashes: bool
    """Whether it has the original's corruption anywhere."""


def judge(answer: str, prompt: Prompt) -> Verdict:
    """Classify an answer."""
    fault, detail = _fault(answer, prompt)
    return Verdict(fault, detail, bool(_BACKSLASHES.search(answer)))


def _fault(answer: str, prompt: Prompt) -> tuple[Fault, str]:
    pieces = parse_calls(answer, CallFormat(prompt.tool_format.value), {})
    broken = [piece for piece in pieces if isinstance(piece, BrokenCall)]
    if broken:
        truncated = any(piece.truncated for piece in broken)
        return (Fault.CUT_OFF, "") if truncated else (Fault.SYNTAX, re.sub(r"\d+", "N", broken[0].reason))
    if not any(isinstance(piece, ToolCall) for piece in pieces):
        return Fault.NO_CALL, ""
    if any(isinstance(piece, Text) and piece.text.strip() for piece in pieces):
        return Fault.AROUND, ""
    score = scoring.score(answer, prompt.calls, prompt.tool_format)
    if score.exact:
        return Fault.NONE, ""
    return (Fault.VALUES if score.keys else Fault.KEYS if score.names else Fault.TOOLS), ""
