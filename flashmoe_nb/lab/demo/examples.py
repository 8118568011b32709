"""Prompts to try the demo model with, from data/prompts: one for each domain, and conversations with tools.

Given to `session.generate` as they are; the expert choices of each differ visibly from the others'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flashmoe_nb.engine.demo import shipped_places
from flashmoe_nb.errors import OptionError

PLACES = shipped_places("prompts")


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt, and what to expect of it."""

    name: str
    domain: str
    """Of the training text it belongs to."""
    about: str
    prompt: str | list[dict[str, Any]]
    """Raw text, or messages."""
    tools: list[dict[str, Any]] | None
    """Schemas for the chat template."""
    max_tokens: int
    """Enough to show it."""


def names() -> list[str]:
    """Of all examples, sorted."""
    return sorted(path.stem for place in PLACES for path in place.glob("*.json"))


def load(name: str) -> Example:
    """One example.

    Raises:
        OptionError: there is none of this name.
    """
    for place in PLACES:
        path = place / f"{name}.json"
        if path.is_file():
            row = json.loads(path.read_text("utf8"))
            return Example(name, row["domain"], row["about"], row["prompt"], row.get("tools"), row["max_tokens"])
    raise OptionError(f'there is no example "{name}": give one of {", ".join(names())}')
