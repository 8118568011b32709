"""What a model's text consists of, piece by piece as it comes: thoughts, text, calls. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
