"""A conversation as a list of entries that a front end draws, each knowing its tokens in the trace. Knows no widget."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from flashmoe_nb.chat.pieces import BrokenCall, Finish, Text, Thought, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flashmoe_nb.chat.pieces import ChatPiece

EntryKind = Literal["system", "user", "thought", "text", "call", "broken", "result", "refused", "end", "error"]
MOST_ENTRIES = 200
"""Older ones are not shown any more; the conversation has them still."""


@dataclass(slots=True)
class Entry:
    """What one side said in one way."""

    kind: EntryKind
    text: str
    name: str = ""
    """Of a tool."""
    marks: list[tuple[int, int]] = field(default_factory=list)
    """Where in the text a token begins, and its row in the trace; none where that is not known."""


class Entries:
    """Grows piece by piece on one thread, is listed on any."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, kind: EntryKind, text: str, name: str = "") -> None:
        """One that is whole."""
        with self._lock:
            self._entries.append(Entry(kind, text, name))

    def add_messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """What was said before; of what the model was told, no tokens are known."""
        for message in messages:
            said = str(message.get("content") or "")
            match message["role"]:
                case "assistant":
                    if thought := message.get("reasoning_content"):
                        self.add("thought", str(thought))
                    if said:
                        self.add("text", said)
                    for call in message.get("tool_calls", ()):
                        function = call["function"]
                        self.add("call", arguments_text(function["arguments"]), function["name"])
                case "tool":
                    self.add("result", said)
                case "system":
                    self.add("system", said)
                case _:
                    self.add("user", said)

    def take(self, piece: ChatPiece, row: int) -> None:
        """A piece of an answer; `row` is the place in the trace of the token that ended it."""
        match piece:
            case Thought() | Text():
                self._grow("thought" if isinstance(piece, Thought) else "text", piece.text, row)
            case ToolCall():
                self._add_at("call", arguments_text(piece.arguments), piece.name, row)
            case BrokenCall():
                self._add_at("broken", f"{piece.raw}\n{piece.reason}", "", row)
            case ToolResult():
                name = piece.call.name if isinstance(piece.call, ToolCall) else ""
                self.add("result" if piece.ok else "refused", piece.content, name)
            case Finish():
                self.add("end", finish_text(piece))

    def last(self) -> tuple[int, dict[str, Any]]:
        """The entry that grows, and its number in what is listed."""
        with self._lock:
            return min(len(self._entries), MOST_ENTRIES) - 1, asdict(self._entries[-1])

    def listed(self) -> list[dict[str, Any]]:
        """The last ones, as JSON takes them."""
        with self._lock:
            return [asdict(entry) for entry in self._entries[-MOST_ENTRIES:]]

    def _grow(self, kind: EntryKind, text: str, row: int) -> None:
        with self._lock:
            if not self._entries or self._entries[-1].kind != kind:
                self._entries.append(Entry(kind, ""))
            entry = self._entries[-1]
            entry.marks.append((len(entry.text), row))
            entry.text += text

    def _add_at(self, kind: EntryKind, text: str, name: str, row: int) -> None:
        with self._lock:
            self._entries.append(Entry(kind, text, name, [(0, row)]))


def arguments_text(arguments: object) -> str:
    """As a person reads them."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def finish_text(finish: Finish) -> str:
    """How an answer ended, and what it cost, in a line."""
    why = {
        "stop": "",
        "length": "cut off at the most tokens · ",
        "tool_calls": "",
        "tool_rounds": "too many rounds of calls · ",
        "stopped": "stopped · ",
    }[finish.reason]
    reused = f" ({finish.n_reused:,} of them known from before)" if finish.n_reused else ""
    return f"{why}{finish.n_generated:,} tokens after a prompt of {finish.n_prompt:,}{reused}"
