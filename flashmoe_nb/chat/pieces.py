"""What an assistant's turn consists of, piece by piece as it comes: thoughts, text, calls, results. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from flashmoe_nb.text.pieces import BrokenCall, Text, Thought, ToolCall

__all__ = ["BrokenCall", "ChatPiece", "Finish", "FinishReason", "Piece", "Text", "Thought", "ToolCall", "ToolResult"]

FinishReason = Literal["stop", "length", "tool_calls", "tool_rounds", "stopped"]
"""`tool_rounds`: the limit of rounds was met with a call open. `stopped`: somebody asked for it."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model is told about a call: the tool's result, or why there is none."""

    call: ToolCall | BrokenCall
    content: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a turn."""

    reason: FinishReason
    n_prompt: int
    """Tokens of the prompt."""
    n_reused: int
    """Of these, how many the session had already been fed."""
    n_generated: int
    grammar_ns: int = 0
    """Time that constraining calls to a grammar took."""


Piece: TypeAlias = "Thought | Text | ToolCall | BrokenCall"
ChatPiece: TypeAlias = "Piece | ToolResult | Finish"
