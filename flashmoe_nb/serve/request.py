"""The body of POST /v1/chat/completions: what is understood, what is let through unused, and what is refused.

Whatever would silently do something else than asked is an error with a reason. Knows no model.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import pydantic
from pydantic import Field

from flashmoe_nb.chat.tool import SchemaTool
from flashmoe_nb.errors import PromptError
from flashmoe_nb.text.call_json import CallSyntaxError, read_json

MAX_TOOLS = 128
Message: TypeAlias = dict[str, Any]


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class Function(_Strict):
    """A function the model may call."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    strict: bool | None = None


class ToolDefinition(_Strict):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: Function


class FunctionName(_Strict):
    """One function by name."""

    name: str


class NamedChoice(_Strict):
    """That this function must be called."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(_Strict):
    """What a stream also tells."""

    include_usage: bool = False
    include_obfuscation: bool = False


class TemplateOptions(_Strict):
    """Variables of the chat template, as other servers call them."""

    enable_thinking: bool = False


class ResponseFormat(_Strict):
    """Only plain text."""

    type: Literal["text"]


class ChatRequest(_Strict):
    """One request."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    tools: Annotated[list[ToolDefinition], Field(max_length=MAX_TOOLS)] = []
    tool_choice: Literal["none", "auto", "required"] | NamedChoice = "auto"
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, lt=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    thinking_budget: Annotated[int, Field(ge=1)] | None = None
    chat_template_kwargs: TemplateOptions = TemplateOptions()
    # Understood, where they ask for nothing else than what is done anyway.
    n: Literal[1] | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    parallel_tool_calls: Literal[True] | None = None
    response_format: ResponseFormat | None = None
    # Bookkeeping of the caller's.
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: Literal[False] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None

    @pydantic.model_validator(mode="after")
    def _agree(self) -> ChatRequest:
        """Fields that contradict each other."""
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        if not self.tools and self.tool_choice not in ("none", "auto"):
            raise ValueError("tool_choice asks for a call, but there are no tools")
        names = [one.function.name for one in self.tools]
        if isinstance(self.tool_choice, NamedChoice) and self.tool_choice.function.name not in names:
            raise ValueError(f'tool_choice names "{self.tool_choice.function.name}", which is not among the tools')
        return self

    @property
    def limit(self) -> int | None:
        """Tokens asked for at most."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def must_call(self) -> bool:
        """Whether the answer must be a call."""
        return bool(self.tools) and self.tool_choice not in ("none", "auto")

    @property
    def called_name(self) -> str | None:
        """The one function that must be called; None leaves the choice."""
        return self.tool_choice.function.name if isinstance(self.tool_choice, NamedChoice) else None

    @property
    def is_strict(self) -> bool:
        """Whether a function asks that its calls fit its schema by construction; then all do."""
        return any(one.function.strict for one in self.tools)

    def schema_tools(self) -> tuple[SchemaTool, ...]:
        """The tools offered; none with tool_choice "none".

        Raises:
            ToolError: a name or a schema that is none.
        """
        if self.tool_choice == "none":
            return ()
        functions = (one.function for one in self.tools)
        return tuple(SchemaTool(one.name, one.parameters, one.description or "") for one in functions)

    def template_messages(self) -> list[Message]:
        """The messages as chat templates take them: arguments as objects, the developer as the system.

        Raises:
            PromptError: arguments of an earlier call that are no JSON object.
        """
        return [_template_message(message, f"messages[{at}]") for at, message in enumerate(self.messages)]


def _template_message(message: Message, where: str) -> Message:
    made = {key: value for key, value in message.items() if value is not None}
    if made.get("role") == "developer":
        made["role"] = "system"
    calls = made.get("tool_calls")
    if isinstance(calls, list):
        made["tool_calls"] = [_with_object(call, f"{where}.tool_calls[{at}]") for at, call in enumerate(calls)]
    return made


def _with_object(call: Any, where: str) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise PromptError(f'{where} has no function with a name: give {{"function": {{"name", "arguments"}}}}')
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = read_json(arguments or "{}")
        except CallSyntaxError as error:
            raise PromptError(f"{where}.function.arguments: {error}") from None
    if not isinstance(arguments, dict):
        raise PromptError(f"{where}.function.arguments is a {type(arguments).__name__}: give a JSON object")
    return call | {"function": function | {"arguments": arguments}}
