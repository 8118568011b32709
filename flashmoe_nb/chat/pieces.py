"""What an assistant's turn consists of, piece by piece as it comes: thoughts, text, calls, results. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

FinishReason = Literal["stop", "length", "tool_calls", "tool_rounds", "stopped"]
"""`tool_rounds`: the limit of rounds was met with a call open. `stopped`: somebody asked for it."""


@dataclass(frozen=True, slots=True)
class Thought:
    """Text inside the thinking block."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that parsed; whether its arguments fit the tool is the tool's to say."""

    name: str
    arguments: dict[str, Any]
    raw: str = ""
    """What the model wrote, tags and all."""


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """What began as a call and is none."""

    raw: str
    reason: str
    truncated: bool = False
    """The text ended inside the call."""


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
