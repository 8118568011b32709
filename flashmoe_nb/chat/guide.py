"""Calls that are valid by construction: a grammar rules out every token that cannot go on to a call that fits a schema.

Optional, by the extra `grammar`: llguidance needs no torch. Text outside of calls stays free, unless a call is asked
for. Only the token limit can still cut a call short.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.chat.grammar import call_grammar
from flashmoe_nb.errors import CheckpointError, OptionError, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.chat.tool import Tool
    from flashmoe_nb.engine import Engine
    from flashmoe_nb.text.call_stream import CallFormat


class GrammarMaker:
    """Grammars over one engine's vocabulary; reading the tokenizer is the slow part, so one is kept.

    Raises:
        OptionError: the extra is not installed.
        CheckpointError: the folder has no tokenizer.
    """

    def __init__(self, engine: Engine) -> None:
        try:
            import llguidance  # noqa: PLC0415 - an extra, and only needed where calls are constrained
        except ImportError as error:
            raise OptionError(
                'constrained calls need llguidance: pip install "flashmoe-nb[grammar]", or leave calls unconstrained'
            ) from error
        path = engine.checkpoint.folder / "tokenizer.json"
        if engine.tokenizer is None:
            raise CheckpointError(f"{path} does not exist: put the model's tokenizer.json there")
        self._module = llguidance
        self._token_id = engine.tokenizer.token_id
        self.vocab_size = engine.config.vocab_size
        self._tokenizer = llguidance.LLTokenizer(
            str(path), n_vocab=self.vocab_size, eos_token=sorted(engine.stop_ids) or None
        )

    def matcher(self, tools: Sequence[Tool], call_format: CallFormat, *, with_opening: bool) -> Any:
        """What follows one call token by token.

        Raises:
            ToolError: a schema that has no grammar.
        """
        grammar = call_grammar(tools, call_format, self._token_id, with_opening=with_opening)
        matcher = self._module.LLMatcher(self._tokenizer, self._module.LLMatcher.grammar_from_lark(grammar))
        if matcher.is_error():
            names = ", ".join(tool.name for tool in tools)
            raise ToolError(f"no grammar for {names} ({matcher.get_error()}): use a simpler schema")
        return matcher


class CallGuide:
    """Guides one turn.

    Args:
        maker: of the engine.
        tools: what may be called.
        call_format: how calls are written.
        required: the turn must begin with a call.

    Raises:
        ToolError: a schema that has no grammar.
    """

    def __init__(
        self, maker: GrammarMaker, tools: Sequence[Tool], call_format: CallFormat, *, required: bool = False
    ) -> None:
        self._maker, self._tools, self._format = maker, tools, call_format
        first = maker.matcher(tools, call_format, with_opening=required)  # refuses a schema without a grammar
        self._matcher: Any = first if required else None
        self._ready: Any = None if required else first
        """For the first call that is opened."""
        self._required = required
        self._was_inside = False
        self._bits = np.empty((1, -(-maker.vocab_size // 32)), np.int32)
        self.spent_ns = 0
        """Time taken so far."""

    def mask(self, logits: NDArray[np.float32], *, inside: bool, thinking: bool) -> NDArray[np.float32]:
        """Logits with what the grammar forbids at -inf. Shapes: logits [V].

        Args:
            logits: of the next token.
            inside: whether a call is open.
            thinking: whether the thinking block is open, where nothing is constrained.
        """
        start_ns = time.perf_counter_ns()
        self._turn_to(inside=inside)
        if self._matcher is not None and not thinking:
            self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
            allowed = np.unpackbits(self._bits.view(np.uint8)[0], bitorder="little")[: len(logits)].astype(bool)
            logits = np.where(allowed, logits, np.float32(-np.inf))
        self.spent_ns += time.perf_counter_ns() - start_ns
        return logits

    def accept(self, token_id: int, *, thinking: bool) -> None:
        """The token drawn.

        Raises:
            ToolError: the grammar cannot go on, which is a fault of the grammar.
        """
        if self._matcher is None or thinking:
            return
        start_ns = time.perf_counter_ns()
        if not self._matcher.consume_token(token_id):
            raise ToolError(f"the grammar of the tools cannot go on ({self._matcher.get_error()}): report this schema")
        self.spent_ns += time.perf_counter_ns() - start_ns

    def _turn_to(self, *, inside: bool) -> None:
        """A call begins or has ended."""
        if inside and not self._was_inside and not self._required:
            if self._ready is None:
                self._ready = self._maker.matcher(self._tools, self._format, with_opening=False)
            self._matcher, self._ready = self._ready, None
        elif self._was_inside and not inside:
            self._matcher, self._required = None, False
        self._was_inside = inside
