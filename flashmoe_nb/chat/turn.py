"""One turn of the assistant: from a prompt to thoughts, text and calls, and to the message they make together.

Driven by the caller, token by token, on the caller's thread; `stop` may be called from any other. Knows nothing of
who runs the calls.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flashmoe_nb.chat.pieces import BrokenCall, Finish, FinishReason, Text, Thought, ToolCall
from flashmoe_nb.chat.prefix_session import Stopped
from flashmoe_nb.engine.options import whole
from flashmoe_nb.errors import OptionError
from flashmoe_nb.text.call_stream import CallStream
from flashmoe_nb.text.thinking import CLOSE as THINK_CLOSE
from flashmoe_nb.text.thinking import ThinkingSplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.chat.guide import CallGuide
    from flashmoe_nb.chat.pieces import Piece
    from flashmoe_nb.chat.prefix_session import PrefixSession
    from flashmoe_nb.chat.prompt import Prompt
    from flashmoe_nb.chat.tool import Tool
    from flashmoe_nb.engine import Token
    from flashmoe_nb.engine.generate import Adjust

    Listener = Callable[[Token], object]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a turn is drawn; the fields are the options of `Session.generate`."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


class Turn:
    """Iterate over `pieces()`, then read `message()` and `finish`.

    Args:
        line: the session it runs on.
        prompt: what it follows.
        sampling: how it is drawn.
        tools: what may be called; their schemas give XML values their types.
        thinking_budget: tokens of thought after which the block is closed; None sets no limit.
        adjust: as for `Session.generate`.
        guide: keeps calls to the grammar of their tools.
        listener: called with every token sampled, before its text is looked at.

    Raises:
        OptionError: a thinking budget below 1.
    """

    def __init__(
        self,
        line: PrefixSession,
        prompt: Prompt,
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        thinking_budget: int | None = None,
        adjust: Adjust | None = None,
        guide: CallGuide | None = None,
        listener: Listener | None = None,
    ) -> None:
        if thinking_budget is not None and whole("thinking_budget", thinking_budget) < 1:
            raise OptionError(f"thinking_budget is {thinking_budget}: give at least 1, or enable_thinking=False")
        self._line, self._prompt, self._sampling = line, prompt, sampling
        self._budget, self._adjust, self._guide, self._listener = thinking_budget, adjust, guide, listener
        self._thinking = ThinkingSplit(prompt.text)
        schemas = {one.name: one.parameters for one in tools}
        self._calls = None if prompt.call_format is None else CallStream(prompt.call_format, schemas)
        self._stop = threading.Event()
        self._n_reused = self._n_generated = 0
        self._reason: FinishReason = "stopped"
        self.pieces_so_far: list[Piece] = []

    @property
    def finish(self) -> Finish:
        """How it ended."""
        grammar_ns = 0 if self._guide is None else self._guide.spent_ns
        return Finish(self._reason, len(self._prompt.ids), self._n_reused, self._n_generated, grammar_ns)

    @property
    def calls(self) -> list[ToolCall | BrokenCall]:
        """The calls so far, broken ones too, in order."""
        return [piece for piece in self.pieces_so_far if isinstance(piece, (ToolCall, BrokenCall))]

    @property
    def in_call(self) -> bool:
        """Whether a call has been opened and not closed."""
        return self._calls is not None and self._calls.inside

    @property
    def in_thought(self) -> bool:
        """Whether the thinking block is open."""
        return self._thinking.open

    def stop(self) -> None:
        """End after the token in hand; from any thread."""
        self._stop.set()

    def pieces(self) -> Iterator[Piece]:
        """Feed, sample, and give out what is certain."""
        try:
            self._n_reused = self._line.prepare(self._prompt.ids, self._stop.is_set)
        except Stopped:
            return
        for text in self._texts():
            yield from self._kept(self._split(self._thinking.push(text)))
        yield from self._kept(self._split(self._thinking.finish()))
        if self._calls is not None:
            yield from self._kept(self._calls.finish())

    def message(self) -> dict[str, Any]:
        """The turn as a message of the conversation; broken calls stand in its content as they were written."""
        content = "".join(
            piece.text if isinstance(piece, Text) else piece.raw
            for piece in self.pieces_so_far
            if isinstance(piece, (Text, BrokenCall))
        ).strip()
        message: dict[str, Any] = {"role": "assistant", "content": content}
        if thought := "".join(piece.text for piece in self.pieces_so_far if isinstance(piece, Thought)).strip():
            message["reasoning_content"] = thought
        if calls := [piece for piece in self.pieces_so_far if isinstance(piece, ToolCall)]:
            message["tool_calls"] = [
                {"type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in calls
            ]
        return message

    def _texts(self) -> Iterator[str]:
        """The text of token after token; closes the thinking block when its budget is spent."""
        n_thought = 0
        for token in self._tokens(self._sampling.max_tokens, self._sampling.seed):
            yield token.text
            n_thought += self._thinking.open
            if self._budget is not None and n_thought >= self._budget and self._thinking.open:
                break
        else:
            return
        if self._stop.is_set() or self._reason in ("stop", "length"):
            return
        closing = f"\n{THINK_CLOSE}\n\n"
        self._line.extend(self._line.engine.encode(closing))
        yield closing
        left = self._sampling.max_tokens - self._n_generated
        # Another stream of random numbers: the first would repeat the draws of the beginning.
        seed = None if self._sampling.seed is None else self._sampling.seed + 1
        for token in self._tokens(left, seed):
            yield token.text

    def _tokens(self, max_tokens: int, seed: int | None) -> Iterator[Token]:
        self._reason = "stopped"
        sampling = self._sampling
        tokens = self._line.generate(
            max_tokens=max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            seed=seed,
            stop=sampling.stop,
            adjust=None if self._adjust is None and self._guide is None else self._adjusted,
        )
        for token in tokens:
            self._n_generated += 1
            if self._guide is not None and token.id not in self._line.engine.stop_ids:
                self._guide.accept(token.id, thinking=self.in_thought)
            if token.finish_reason is not None:
                self._reason = token.finish_reason
            if self._listener is not None:
                self._listener(token)
            yield token
            if self._stop.is_set():
                return

    def _adjusted(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._adjust is not None:
            logits = self._adjust(logits)
        if self._guide is not None:
            logits = self._guide.mask(logits, inside=self.in_call, thinking=self.in_thought)
        return logits

    def _split(self, pieces: Iterable[Thought | Text]) -> Iterator[Piece]:
        """Calls out of the text."""
        for piece in pieces:
            if isinstance(piece, Text) and self._calls is not None:
                yield from self._calls.push(piece.text)
            else:
                yield piece

    def _kept(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.pieces_so_far.append(piece)
            yield piece
