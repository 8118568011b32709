"""Conversations as JSON files: written whole or not at all, checked when read. Knows no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import OptionError, PackError, PromptError
from flashmoe_nb.storage.atomic import write_json
from flashmoe_nb.text.messages import checked_messages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 1
_MAX_BYTES = 64 * 2**20


def write(path: Path | str, messages: Sequence[Mapping[str, Any]], tools: Sequence[str], model: str) -> None:
    """Write messages and the names of the tools.

    Raises:
        PackError: the file cannot be written.
    """
    target = Path(path)
    row = {"format": FORMAT, "kind": "flashmoe_nb chat", "model": model, "tools": list(tools), "messages": messages}
    try:
        write_json(target, row)
    except OSError as error:
        raise PackError(f"{target} cannot be written ({error}): give a path in a folder you may write to") from error


def read(path: Path | str, tools: Sequence[str]) -> list[dict[str, Any]]:
    """The messages of a file.

    Raises:
        PromptError: no saved conversation, or one of a later format.
        OptionError: it was held with tools that are not among `tools`.
    """
    source = Path(path)
    try:
        if (size := source.stat().st_size) > _MAX_BYTES:
            raise PromptError(f"{source} is {size:,} bytes, the limit is {_MAX_BYTES:,}: this is no conversation")
        row = json.loads(source.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, PromptError):
            raise
        raise PromptError(f"{source} cannot be read ({error}): give a file that Chat.save wrote") from error
    if not isinstance(row, dict) or row.get("kind") != "flashmoe_nb chat" or row.get("format") != FORMAT:
        found = row.get("format") if isinstance(row, dict) else type(row).__name__
        raise PromptError(f"{source} has format {found!r}, expected {FORMAT}: give a file that Chat.save wrote")
    named = row.get("tools")
    missing = sorted(set(named if isinstance(named, list) else []) - set(tools), key=str)
    if missing:
        raise OptionError(f"{source} was held with the tools {', '.join(map(str, missing))}: give them in tools=")
    messages = row.get("messages")
    return checked_messages(messages) if messages else []
