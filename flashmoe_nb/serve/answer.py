"""From the pieces of a turn to OpenAI's chat completion, whole or in chunks. Knows no HTTP."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from flashmoe_nb.chat.pieces import BrokenCall, Finish, Text, Thought, ToolCall
from flashmoe_nb.chat.run_tool import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flashmoe_nb.chat.tool import Tool
    from flashmoe_nb.serve.alternatives import Alternatives
    from flashmoe_nb.serve.desk import Item


class Answer:
    """One answer in the making; `add` takes the pieces in order.

    Calls that do not parse, or do not fit the schema they were offered with, are not passed off as calls: they stand
    in the content as they were written, and again under `flashmoe.broken_calls` with the reason.
    """

    def __init__(self, model: str, tools: Mapping[str, Tool], alternatives: Alternatives | None) -> None:
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}
        self._tools, self._alternatives = tools, alternatives
        self._content: list[str] = []
        self._thought: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._broken: list[dict[str, str]] = []
        self._rows: list[dict[str, Any]] = []  # of log probabilities
        self._finish: Finish | None = None

    def first_chunk(self) -> dict[str, Any]:
        """Says who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def add(self, item: Item) -> dict[str, Any] | None:
        """Take a piece; its chunk, if it makes one."""
        match item:
            case Finish():
                self._finish = item
                return self._chunk({}, finish_reason=self._reason())
            case Thought():
                self._thought.append(item.text)
                return self._chunk({"reasoning_content": item.text})
            case Text():
                text = item.text if any(self._content) else item.text.lstrip()
                self._content.append(text)
                return self._chunk({"content": text}) if text else None
            case ToolCall():
                if (why := refusal(item, self._tools)) is not None:
                    return self._break(item.raw, why)
                self._calls.append(self._call(item))
                return self._chunk({"tool_calls": [{"index": len(self._calls) - 1} | self._calls[-1]]})
            case BrokenCall():
                return self._break(item.raw, item.reason)

    def usage_chunk(self) -> dict[str, Any]:
        """The last chunk, where it was asked for."""
        return self._head | {"object": "chat.completion.chunk", "choices": [], "usage": self._usage()}

    def whole(self) -> dict[str, Any]:
        """The answer at once."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._content).strip() or None}
        if thought := "".join(self._thought).strip():
            message["reasoning_content"] = thought
        if self._calls:
            message["tool_calls"] = self._calls
        elif message["content"] is None:
            message["content"] = ""
        choice = {"index": 0, "message": message, "finish_reason": self._reason(), "logprobs": None}
        if self._alternatives is not None:
            choice["logprobs"] = {"content": self._rows}
        extra = {"flashmoe": {"broken_calls": self._broken}} if self._broken else {}
        return self._head | {"object": "chat.completion", "choices": [choice], "usage": self._usage()} | extra

    def _break(self, raw: str, why: str) -> dict[str, Any]:
        self._content.append(raw)
        self._broken.append({"raw": raw, "reason": why})
        return self._chunk({"content": raw}) | {"flashmoe": {"broken_calls": [self._broken[-1]]}}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        function = {"name": call.name, "arguments": arguments}
        return {"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": function}

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": self._logprobs()}
        return self._head | {"object": "chat.completion.chunk", "choices": [choice]}

    def _logprobs(self) -> dict[str, Any] | None:
        if self._alternatives is None:
            return None
        rows = self._alternatives.take()
        self._rows += rows
        return {"content": rows}

    def _reason(self) -> str:
        assert self._finish is not None
        if self._calls and self._finish.reason == "stop":
            return "tool_calls"
        return "length" if self._finish.reason == "length" else "stop"

    def _usage(self) -> dict[str, Any]:
        assert self._finish is not None
        prompt, made = self._finish.n_prompt, self._finish.n_generated
        return {
            "prompt_tokens": prompt,
            "completion_tokens": made,
            "total_tokens": prompt + made,
            "prompt_tokens_details": {"cached_tokens": self._finish.n_reused},
        }
