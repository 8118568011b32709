"""From messages and tools to the prompt of a turn: its text, its tokens, and how the model is to write calls.

Which format the checkpoint's template speaks is read off the template itself, by rendering a call with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flashmoe_nb.chat.tool import definitions
from flashmoe_nb.errors import UnsupportedError
from flashmoe_nb.text.call_stream import CallFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flashmoe_nb.chat.tool import Tool
    from flashmoe_nb.engine import Engine

_PROBE = "flashmoe_probe"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a turn follows."""

    text: str
    ids: tuple[int, ...]
    call_format: CallFormat | None
    """None without tools."""


class PromptMaker:
    """Renders with one checkpoint's template.

    Args:
        engine: whose checkpoint has the template and the tokenizer.
        template_variables: further variables for templates that know them.
    """

    def __init__(self, engine: Engine, template_variables: Mapping[str, Any] | None = None) -> None:
        self._engine = engine
        self._template = engine.template
        self._variables = dict(template_variables or {})
        self._format: CallFormat | None = None

    def make(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Tool] = (), *, enable_thinking: bool = False
    ) -> Prompt:
        """The prompt for the assistant's next turn.

        Raises:
            PromptError: no template, or messages it does not take.
            UnsupportedError: tools, and a template that writes calls in no known way.
            CheckpointError: the folder has no tokenizer.
        """
        call_format = self.call_format() if tools else None
        text = self._template.render(
            messages,
            tools=definitions(tools) or None,
            enable_thinking=enable_thinking,
            template_variables=self._variables,
        )
        return Prompt(text, tuple(self._engine.encode(text)), call_format)

    def call_format(self) -> CallFormat:
        """How the template writes a call.

        Raises:
            UnsupportedError: in none of the two known ways.
        """
        if self._format is None:
            self._format = self._probe()
        return self._format

    def _probe(self) -> CallFormat:
        call = {"type": "function", "function": {"name": _PROBE, "arguments": {"value": "x"}}}
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
        text = self._template.render(messages, add_generation_prompt=False, template_variables=self._variables)
        if f"<tool_call>\n<function={_PROBE}>\n<parameter=value>\n" in text:
            return CallFormat.XML
        if f'<tool_call>\n{{"name": "{_PROBE}", "arguments": {{"value": "x"}}}}\n</tool_call>' in text:
            return CallFormat.JSON
        raise UnsupportedError(
            f"the chat template of {self._engine.checkpoint.folder} writes tool calls neither as JSON in <tool_call> "
            "nor as <function=...>, which are the known ways: leave tools out, or add the model's own template"
        )
