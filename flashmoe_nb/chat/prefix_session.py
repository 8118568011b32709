"""A session that is fed only what it has not seen: the longest common prefix, by token ids, is kept.

Where a new prompt leaves the path of the old one (a template drops old thoughts, say), the session goes back to the
last mark before that place. Marks are taken where turns begin: at <|im_start|>. Knows no text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.errors import ContextError, PromptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flashmoe_nb.engine import Engine, Session, Token
    from flashmoe_nb.engine.generate import Adjust
    from flashmoe_nb.engine.mark import Mark

PIECE = 512
"""Tokens of a prompt fed between two looks at whether to stop."""
_LATEST_MARKS = 3
"""Besides the first; each holds the delta-net memories once more (190 MB for 397B)."""
_TURN_START = "<|im_start|>"


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Stopping was asked for while the prompt was being fed."""


class PrefixSession:
    """One session of an engine, used for prompt after prompt."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._session = engine.session()
        self._line: list[int] = []  # what was fed, and behind it what was sampled and is not fed yet
        self._marks: list[Mark] = []
        tokenizer = engine.tokenizer
        self._turn_start = None if tokenizer is None else tokenizer.token_id(_TURN_START)

    def __repr__(self) -> str:
        return f"<PrefixSession of {len(self.fed)} tokens, {len(self._marks)} marks>"

    @property
    def session(self) -> Session:
        """The session itself."""
        return self._session

    @property
    def fed(self) -> list[int]:
        """The tokens the state covers."""
        return self._line[: self._session.position]

    @property
    def last_turn(self) -> int:
        """Where the last turn fed begins; a prompt that agrees so far goes on with the same conversation."""
        return max((mark.position for mark in self._marks if mark.valid), default=0)

    def common(self, ids: Sequence[int]) -> int:
        """How many tokens of a prompt need not be fed again, as things stand."""
        return self._reach(ids)[0]

    def prepare(self, ids: Sequence[int], stop: Callable[[], bool] = lambda: False) -> int:
        """Go back as far as needed and feed a prompt but for its last tokens, which `generate` feeds.

        Returns:
            How many tokens were there already.

        Raises:
            PromptError, ContextError: as `Session.feed`.
            Stopped: `stop` said so between two pieces.
        """
        if not ids:
            raise PromptError("the prompt is empty: give at least one token")
        if len(ids) > self.engine.max_context:
            raise ContextError(
                f"the prompt is {len(ids):,} tokens, the limit is {self.engine.max_context:,}: "
                "shorten the conversation, or open the model with a larger memory budget"
            )
        reused, mark = self._reach(ids)
        self._go_back(reused, mark)
        pending = self._session.pending is not None
        turns = [at for at, token in enumerate(ids) if token == self._turn_start and at > reused]
        wanted = {turns[-1], *(turns[:1] if not self._marks else ())} if turns else set[int]()
        at = reused
        for end in sorted(wanted | set(range(reused + PIECE, len(ids) - 1, PIECE))):
            if end <= at or end >= len(ids):
                continue
            if stop():
                raise Stopped
            self._session.feed(ids[at + pending : end] if end > at + pending else ())
            at, pending = end, False
            self._line = list(ids[:at])
            if end in wanted:
                self._remember()
        self._line = list(ids)
        return reused

    def generate(
        self,
        *,
        max_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        stop: Sequence[str] = (),
        adjust: Adjust | None = None,
    ) -> Iterator[Token]:
        """Tokens after what was prepared; the options are those of `Session.generate`."""
        # What is sampled and waiting goes in front by itself.
        rest = self._line[self._session.position + (self._session.pending is not None) :]
        tokens = self._session.generate(
            rest,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            min_p=min_p,
            seed=seed,
            stop=stop,
            adjust=adjust,
        )
        for token in tokens:
            self._line.append(token.id)
            yield token

    def extend(self, ids: Sequence[int]) -> None:
        """Put further tokens behind what was generated; the next `generate` feeds them first."""
        self._line = [*self._line, *ids]

    def _reach(self, ids: Sequence[int]) -> tuple[int, Mark | None]:
        """How far the state, or the best mark, goes along `ids`; at least the last token is left to feed."""
        fed, pending = self.fed, self._session.pending
        agreed = next((at for at, (a, b) in enumerate(zip(fed, ids, strict=False)) if a != b), min(len(fed), len(ids)))
        waiting = () if pending is None else (pending,)
        whole = agreed == len(fed) == self._session.position
        if whole and len(ids) > agreed + len(waiting) and tuple(ids[agreed : agreed + len(waiting)]) == waiting:
            return agreed, None
        usable = [mark for mark in self._marks if mark.valid and mark.position <= min(agreed, len(ids) - 1)]
        best = max(usable, key=lambda mark: mark.position, default=None)
        return (best.position, best) if best else (0, None)

    def _go_back(self, position: int, mark: Mark | None) -> None:
        if mark is not None:
            self._session.rewind(mark)
        elif position == 0 and (self._session.position or self._session.pending is not None):
            self._session.reset()
        self._marks = [one for one in self._marks if one.valid]

    def _remember(self) -> None:
        """The first mark (after the system prompt, for other conversations) and the latest stay."""
        self._marks.append(self._session.mark())
        if len(self._marks) > 1 + _LATEST_MARKS:
            del self._marks[1]
