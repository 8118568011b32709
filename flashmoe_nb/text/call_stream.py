"""Text as it is generated, split into text and tool calls, wherever the tokens happen to split it.

A call comes out when its closing tag has come and its body parsed; what does not parse comes out as broken, with the
reason, and is never repaired. Knows both of Qwen's formats; knows no tools but the schemas that type XML values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flashmoe_nb.text import call_json, call_xml
from flashmoe_nb.text.call_json import CallSyntaxError
from flashmoe_nb.text.pieces import BrokenCall, Text, ToolCall
from flashmoe_nb.text.tag import TagFinder

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN, CLOSE = "<tool_call>", "</tool_call>"


class CallFormat(StrEnum):
    """How a model writes its calls."""

    JSON = "json"
    XML = "xml"


class CallStream:
    """Splits one turn.

    Args:
        call_format: how calls are written.
        schemas: JSON schema of the parameters, by function.
    """

    def __init__(self, call_format: CallFormat, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self._format = call_format
        self._schemas = schemas
        self._body: str | None = None  # of the call that is open
        self._looked = 0  # how far the body was searched for its end
        self._opening = TagFinder(OPEN)

    @property
    def inside(self) -> bool:
        """Whether a call is open."""
        return self._body is not None

    def push(self, text: str) -> list[Text | ToolCall | BrokenCall]:
        """More text in; what is certain out."""
        pieces: list[Text | ToolCall | BrokenCall] = []
        rest: str | None = text
        while rest is not None:
            if self._body is None:
                before, rest = self._opening.push(rest)
                if before:
                    pieces.append(Text(before))
                if rest is not None:
                    self._body, self._looked = "", 0
            else:
                self._body, more = self._body + rest, None
                if (end := self._end(self._body)) is not None:
                    pieces.append(self._parsed(self._body[:end]))
                    more, self._body = self._body[end + len(CLOSE) :], None
                    self._opening = TagFinder(OPEN)
                rest = more
        return pieces

    def finish(self) -> list[Text | ToolCall | BrokenCall]:
        """Nothing more comes: text held back, and a call that was not closed as broken."""
        if self._body is not None:
            body, self._body = self._body, None
            if CLOSE in body:
                return [BrokenCall(OPEN + body, f"a value is still open at {CLOSE}: its end is missing")]
            reason = f"the text ended after {len(body)} characters of the call, before {CLOSE}"
            return [BrokenCall(OPEN + body, reason, truncated=True)]
        held = self._opening.flush()
        return [Text(held)] if held else []

    def _end(self, body: str) -> int | None:
        """Where the closing tag stands that is not part of a value."""
        inside = call_json.ends_inside if self._format is CallFormat.JSON else call_xml.ends_inside
        while (end := body.find(CLOSE, self._looked)) >= 0:
            if not inside(body[:end]):
                return end
            self._looked = end + 1
        self._looked = max(self._looked, len(body) - len(CLOSE) + 1, 0)
        return None

    def _parsed(self, body: str) -> ToolCall | BrokenCall:
        raw = OPEN + body + CLOSE
        try:
            if self._format is CallFormat.JSON:
                return ToolCall(*call_json.read_json_call(body), raw)
            return ToolCall(*call_xml.read_xml_call(body, self._schemas), raw)
        except CallSyntaxError as error:
            return BrokenCall(raw, str(error))


def parse_calls(
    text: str, call_format: CallFormat, schemas: Mapping[str, Mapping[str, Any]]
) -> list[Text | ToolCall | BrokenCall]:
    """A whole answer at once."""
    stream = CallStream(call_format, schemas)
    return stream.push(text) + stream.finish()
