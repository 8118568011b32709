"""A conversation: messages through the checkpoint's template, tools that run when they may, a session that stays.

    chat = fm.Chat(engine, tools=[weather], approve=["weather"])
    for piece in chat.stream("How warm is it in Vienna?"):
        ...

`stream` runs on the thread that iterates it, so a widget drives it from a worker thread; `stop` comes from any other.
Knows no widget.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from flashmoe_nb.chat import saved
from flashmoe_nb.chat.approval import approver
from flashmoe_nb.chat.guide import CallGuide, GrammarMaker
from flashmoe_nb.chat.pieces import BrokenCall, Finish, Thought, ToolResult
from flashmoe_nb.chat.prefix_session import PrefixSession
from flashmoe_nb.chat.prompt import PromptMaker
from flashmoe_nb.chat.run_tool import refusal, run_call
from flashmoe_nb.chat.tool import by_name
from flashmoe_nb.chat.turn import Sampling, Turn
from flashmoe_nb.engine.options import stop_strings, whole
from flashmoe_nb.errors import OptionError, PromptError, SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from flashmoe_nb.chat.approval import Approval
    from flashmoe_nb.chat.pieces import ChatPiece, ToolCall
    from flashmoe_nb.chat.tool import FunctionTool
    from flashmoe_nb.engine import Engine, Session


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, the last of its turns and all that happened on the way."""

    text: str
    thought: str
    results: tuple[ToolResult, ...]
    finish: Finish

    def __str__(self) -> str:
        return self.text


class Chat:
    """A conversation with an open engine.

    Args:
        engine: the model.
        system: the system prompt.
        tools: functions marked with `fm.tool`.
        approve: who allows a call: "ask" at the keyboard, "never", the names of the tools allowed, or a function.
        enable_thinking: passed to the chat template.
        thinking_budget: tokens of thought after which the thinking block is closed; None sets no limit.
        max_tokens: of one turn.
        temperature, top_p, min_p, seed, stop: as `Session.generate`.
        max_rounds: how often the model may call tools before it must answer.
        constrained: let a grammar rule out tokens that cannot go on to a call that fits its tool; needs the extra
            `grammar`, and what it costs is in `Finish.grammar_ns`.
        template_variables: further variables for templates that know them.

    Raises:
        OptionError: a value outside its range, or `constrained` without the extra.
        ToolError: two tools of one name.
        UnsupportedError: tools, and a template that writes calls in no known way.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        system: str | None = None,
        tools: Sequence[FunctionTool] = (),
        approve: Approval = "ask",
        enable_thinking: bool = False,
        thinking_budget: int | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        max_rounds: int = 8,
        constrained: bool = False,
        template_variables: Mapping[str, Any] | None = None,
    ) -> None:
        if whole("max_rounds", max_rounds) < 0:
            raise OptionError(f"max_rounds is {max_rounds}: give 0 (tools are not run) or more")
        self.engine = engine
        self.messages: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
        """The conversation; may be changed between turns: what is fed again is found by comparing tokens."""
        self.tools = tuple(tools)
        self.max_rounds = max_rounds
        self.enable_thinking = enable_thinking
        self.thinking_budget = thinking_budget
        self.sampling = Sampling(max_tokens, temperature, top_p, min_p, seed, tuple(stop_strings(stop)))
        self._tools = by_name(self.tools)
        self._functions = {one.name: one for one in self.tools}
        self.approve = approver(approve)
        """Asked before every call; may be replaced, as by a widget that asks with a button."""
        self._prompts = PromptMaker(engine, template_variables)
        if self.tools:
            self._prompts.call_format()
        self._grammars = GrammarMaker(engine) if constrained else None
        self._line = PrefixSession(engine)
        self._busy = threading.Lock()
        self._turn: Turn | None = None
        self._stopped = False

    def __repr__(self) -> str:
        tools = f", tools {', '.join(self._tools)}" if self._tools else ""
        return f"<Chat of {len(self.messages)} messages{tools}, {self.engine!r}>"

    @property
    def session(self) -> Session:
        """What it feeds; to be looked at and recorded, while only the conversation feeds it."""
        return self._line.session

    def send(self, text: str) -> Reply:
        """Say something and wait for the whole answer; raises what `stream` raises."""
        pieces = list(self.stream(text))
        finish = pieces[-1]
        assert isinstance(finish, Finish)
        last = self.messages[-1]
        answer = last["content"] if last["role"] == "assistant" else ""
        thought = "".join(piece.text for piece in pieces if isinstance(piece, Thought))
        return Reply(answer, thought.strip(), tuple(p for p in pieces if isinstance(p, ToolResult)), finish)

    def stream(self, text: str) -> Iterator[ChatPiece]:
        """Say something; what comes back, piece by piece, and a `Finish` at the end.

        Calls of tools run in between, when they may. Dropped half-way, or ended by an error, it leaves the
        conversation as it was before; ended by `stop`, it keeps what was said.

        Raises:
            SessionBusyError: another answer is on its way.
            PromptError, ContextError: the message is not text, or does not fit any more.
        """
        if not isinstance(text, str):
            raise PromptError(f"the message is a {type(text).__name__}: give text")
        return self._stream({"role": "user", "content": text})

    def stop(self) -> None:
        """End the answer on its way after the token in hand; from any thread, and no error without one."""
        self._stopped = True
        if (turn := self._turn) is not None:
            turn.stop()

    def reset(self) -> None:
        """Forget everything but the system prompt."""
        self.messages = [message for message in self.messages[:1] if message["role"] == "system"]

    def save(self, path: Path | str) -> None:
        """Write the conversation to a JSON file; tools are written by name only.

        Raises:
            PackError: the file cannot be written.
        """
        saved.write(path, self.messages, tuple(self._tools), repr(self.engine))

    @classmethod
    def load(cls, path: Path | str, engine: Engine, **options: Any) -> Self:
        """A conversation from a file, to go on with any engine; options are those of `Chat`, but for `system`.

        Raises:
            PromptError: the file is no saved conversation.
            OptionError: the conversation has tools that are not given.
        """
        chat = cls(engine, **options)
        chat.messages = saved.read(path, tuple(chat._tools))
        return chat

    def _stream(self, message: dict[str, Any]) -> Iterator[ChatPiece]:
        if not self._busy.acquire(blocking=False):
            raise SessionBusyError(
                "an answer is on its way: exhaust its stream, or call stop(), before the next message"
            )
        before, done = list(self.messages), False
        self._stopped = False
        try:
            self.messages = [*before, message]
            yield from self._rounds()
            done = True
        finally:
            if not done:
                self.messages = before
            self._turn = None
            self._busy.release()

    def _rounds(self) -> Iterator[ChatPiece]:
        for left in range(self.max_rounds, -1, -1):
            turn = self._new_turn()
            yield from turn.pieces()
            said = turn.message()
            if said["content"] or said.get("tool_calls") or turn.finish.n_generated:
                self.messages = [*self.messages, said]
            finish = turn.finish
            if self._stopped or not turn.calls:
                break
            if left == 0:
                finish = replace(finish, reason="tool_rounds")
                break
            for call in turn.calls:
                result = self._result(call)
                self.messages = [*self.messages, {"role": "tool", "content": result.content}]
                yield result
        yield finish

    def _new_turn(self) -> Turn:
        prompt = self._prompts.make(self.messages, self.tools, enable_thinking=self.enable_thinking)
        guide = None
        if self._grammars is not None and prompt.call_format is not None:
            guide = CallGuide(self._grammars, self.tools, prompt.call_format)
        turn = Turn(
            self._line,
            prompt,
            self.sampling,
            tools=self.tools,
            thinking_budget=self.thinking_budget,
            guide=guide,
        )
        self._turn = turn
        if self._stopped:
            turn.stop()  # it was asked for between two turns
        return turn

    def _result(self, call: ToolCall | BrokenCall) -> ToolResult:
        if isinstance(call, BrokenCall):
            return ToolResult(call, f"error: no valid call: {call.reason}", ok=False)
        if (why := refusal(call, self._tools)) is not None:
            return ToolResult(call, why, ok=False)
        if self._stopped or not self.approve(call):
            return ToolResult(call, "error: the user did not allow this call", ok=False)
        return run_call(call, self._functions[call.name])
