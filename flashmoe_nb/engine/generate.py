"""The token loop: feed, sample, decode text, yield.

Runs in the caller's thread; each feed is one command to the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Literal

import numpy as np

from flashmoe_nb.engine.options import stop_strings, whole
from flashmoe_nb.engine.sampling import Sampler, log_softmax
from flashmoe_nb.engine.stop_text import StopText
from flashmoe_nb.errors import OptionError
from flashmoe_nb.text import Detokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.engine.session import Session

    Adjust = Callable[[NDArray[np.float32]], NDArray[np.float32]]

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Token:
    """One sampled token."""

    id: int
    text: str
    """What became certain with it: never part of a UTF-8 character, nor of a stop string."""
    logprob: float
    """Natural log of its probability before temperature."""
    position: int
    """Where in the context it will stand."""
    duration_ns: int
    """Wall time of the feed that led to it: the prompt for the first, one decode step for the others."""
    bytes_read: int
    """Expert bytes read in that feed, by page cache or disk."""
    n_reads: int
    finish_reason: FinishReason | None = None
    """Set on the last token."""


class Generation:
    """One call of `session.generate`."""

    def __init__(
        self,
        session: Session,
        *,
        max_tokens: int,
        temperature: float,
        top_p: float,
        min_p: float,
        seed: int | None,
        stop: str | Sequence[str],
        adjust: Adjust | None,
    ) -> None:
        self._max_tokens = whole("max_tokens", max_tokens)
        if self._max_tokens < 1:
            raise OptionError(f"max_tokens is {max_tokens}: give at least 1")
        self._session = session
        self._sampler = Sampler(temperature, top_p, min_p)
        if seed is not None and whole("seed", seed) < 0:
            raise OptionError(f"seed is {seed}: give 0 or a positive whole number, or leave it out")
        self._rng = np.random.default_rng(seed)
        self._stop_text = StopText(stop_strings(stop))
        self._adjust = adjust
        engine = session.engine
        if stop and engine.tokenizer is None:
            msg = f"stop is {stop!r}, but {engine.checkpoint.folder} has no tokenizer.json to tell text by: "
            raise OptionError(msg + "put it there, or leave stop out")
        self._stop_ids = engine.stop_ids
        self._detokenizer = Detokenizer(engine.tokenizer, skip_special_tokens=True) if engine.tokenizer else None

    def tokens(self, ids: Sequence[int]) -> Generator[Token, None, None]:
        """Feed `ids`, then yield until a stop token, a stop string or the limit."""
        engine, session = self._session.engine, self._session
        for count in range(1, self._max_tokens + 1):
            before = engine.bytes_read, engine.n_reads
            start_ns = perf_counter_ns()
            logits = np.array(session.feed(ids))
            duration_ns = perf_counter_ns() - start_ns
            chosen = self._sampler.draw(logits if self._adjust is None else self._adjust(logits), self._rng)
            session.set_pending(chosen)
            text = self._text(chosen)
            full = count == self._max_tokens or session.position >= engine.max_context  # no room to feed this token
            finish: FinishReason | None = "length" if full else None
            if chosen in self._stop_ids or self._stop_text.found:
                finish = "stop"
            if finish and not self._stop_text.found:
                text += self._last_text()
            yield Token(
                chosen,
                text,
                float(log_softmax(logits)[chosen]),
                session.position,
                duration_ns,
                engine.bytes_read - before[0],
                engine.n_reads - before[1],
                finish,
            )
            if finish:
                return
            ids = ()

    def _text(self, token_id: int) -> str:
        return "" if self._detokenizer is None else self._stop_text.push(self._detokenizer.push(token_id))

    def _last_text(self) -> str:
        if self._detokenizer is None:
            return ""
        text = self._stop_text.push(self._detokenizer.flush())
        return text if self._stop_text.found else text + self._stop_text.flush()
