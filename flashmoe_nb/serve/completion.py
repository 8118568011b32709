"""A request made ready: its prompt, its sampling, and the turn it becomes. Knows no HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.chat.guide import CallGuide
from flashmoe_nb.chat.tool import by_name
from flashmoe_nb.chat.turn import Sampling, Turn
from flashmoe_nb.errors import CheckpointError, ContextError, OptionError
from flashmoe_nb.serve.alternatives import Alternatives

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.chat.guide import GrammarMaker
    from flashmoe_nb.chat.prefix_session import PrefixSession
    from flashmoe_nb.chat.prompt import Prompt, PromptMaker
    from flashmoe_nb.chat.tool import SchemaTool
    from flashmoe_nb.engine import Engine, Token
    from flashmoe_nb.serve.request import ChatRequest
    from flashmoe_nb.text import GenerationDefaults

    Grammars = Callable[[], GrammarMaker]


class Completion:
    """What a request asks of the model.

    Raises:
        PromptError, ToolError, OptionError, UnsupportedError: what cannot be asked.
        ContextError: the prompt leaves no room for an answer.
    """

    def __init__(
        self,
        asked: ChatRequest,
        engine: Engine,
        prompts: PromptMaker,
        grammars: Grammars,
        defaults: GenerationDefaults,
        default_max_tokens: int,
    ) -> None:
        if engine.tokenizer is None:
            raise CheckpointError(f"{engine.checkpoint.folder} has no tokenizer.json: put the model's there")
        tools = asked.schema_tools()
        self.tools = by_name(tools)
        self.prompt = prompts.make(
            asked.template_messages(), tools, enable_thinking=asked.chat_template_kwargs.enable_thinking
        )
        if (n_prompt := len(self.prompt.ids)) >= engine.max_context:
            raise ContextError(
                f"the prompt is {n_prompt:,} tokens, the context has {engine.max_context:,} and the answer needs one: "
                "shorten the messages"
            )
        self.sampling = _sampling(asked, defaults, default_max_tokens)
        self.alternatives = Alternatives(engine.tokenizer, asked.top_logprobs or 0) if asked.logprobs else None
        self._guide = _guide(asked, tools, self.prompt, grammars)
        self._thinking_budget = asked.thinking_budget
        self._bias = _bias(asked.logit_bias or {}, engine.config.vocab_size)

    def turn(self, line: PrefixSession) -> Turn:
        """The turn, on a session."""
        return Turn(
            line,
            self.prompt,
            self.sampling,
            tools=tuple(self.tools.values()),
            thinking_budget=self._thinking_budget,
            adjust=self._adjust,
            guide=self._guide,
            listener=self._hear,
        )

    def _adjust(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.alternatives is not None:
            self.alternatives.hear(logits)
        if self._bias is None:
            return logits
        logits = logits.copy()
        logits[self._bias[0]] += self._bias[1]
        return logits

    def _hear(self, token: Token) -> None:
        if self.alternatives is not None:
            self.alternatives.add(token)


def _guide(asked: ChatRequest, tools: Sequence[SchemaTool], prompt: Prompt, grammars: Grammars) -> CallGuide | None:
    """What constrains the calls: tool_choice "required" or a name, or `strict` functions."""
    if prompt.call_format is None or not (asked.must_call or asked.is_strict):
        return None
    named = [tool for tool in tools if asked.called_name in (None, tool.name)]
    return CallGuide(grammars(), named, prompt.call_format, required=asked.must_call)


def _sampling(asked: ChatRequest, defaults: GenerationDefaults, default_max_tokens: int) -> Sampling:
    """The request's wishes, else the checkpoint's, else the likeliest token."""
    wished = 0.0 if defaults.do_sample is False else defaults.temperature
    given = (asked.temperature, asked.top_p, asked.min_p)
    fallback = (wished or 0.0, defaults.top_p or 1.0, defaults.min_p or 0.0)
    temperature, top_p, min_p = (b if a is None else a for a, b in zip(given, fallback, strict=True))
    return Sampling(asked.limit or default_max_tokens, temperature, top_p, min_p, asked.seed, asked.stops)


def _bias(asked: dict[str, float], vocab_size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]] | None:
    if not asked:
        return None
    try:
        ids = [int(key) for key in asked]
    except ValueError:
        raise OptionError("logit_bias has a key that is no token id: give ids as strings of digits") from None
    if outside := [token for token in ids if not 0 <= token < vocab_size]:
        raise OptionError(f"logit_bias names token {outside[0]}, the vocabulary has {vocab_size}: give other ids")
    return np.array(ids, np.intp), np.array(list(asked.values()), np.float32)
