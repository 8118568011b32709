"""A feed that stops after every stage: iterate for events, send a value to replace one, close to undo.

The generator of design.md section 2 as the caller sees it; it lives on the owner thread and is resumed by command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import mlx.core as mx

from flashmoe_nb.engine.prefill import DEFAULT_CHUNK
from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flashmoe_nb.engine.run import Run
    from flashmoe_nb.engine.session import Session
    from flashmoe_nb.events import StageEvent


class Steps:
    """Iterator over the `StageEvent`s of a feed; made by `session.steps()`."""

    def __init__(self, session: Session, token_ids: Sequence[int], *, prefill: bool) -> None:
        self._session, self._ids, self._prefill = session, token_ids, prefill
        self._run: Run | None = None
        self._closed = False
        self.logits: mx.array | None = None
        """[V] float32 of the last position, once the iteration is exhausted."""

    def __repr__(self) -> str:
        event = self._run.last_event if self._run else None
        where = "done" if self._closed else repr(event) if event else "not begun"
        return f"<Steps over {len(self._ids)} tokens: {where}>"

    def __iter__(self) -> Steps:
        return self

    def __next__(self) -> StageEvent:
        """The next event."""
        return self.send(None)

    def send(self, value: object) -> StageEvent:
        """Go on with `value` in place of the last event's, and return the next event.

        Raises:
            StopIteration: everything is fed; `logits` is set.
            OptionError: there is no event yet whose value could be replaced.
        """
        if self._closed:
            raise StopIteration
        if value is not None:
            if self._run is None:
                raise OptionError("send() came before the first event, there is no value to replace: call next() first")
            mx.eval(value)  # here: a lazy array must not cross threads
        try:
            event = self._session.engine.owner_call(lambda: self._advance(value))
        except BaseException:
            self._closed = True
            if self._run is not None:
                self._session.engine.owner_call(self._run.abandon)
            raise
        if event is None:
            self._closed = True
            assert self._run is not None
            self.logits = self._run.logits
            raise StopIteration
        return event

    def close(self) -> None:
        """Roll back to the last whole token; does nothing once exhausted."""
        self._closed = True
        if self._run is not None and not self._run.done:
            self._session.engine.owner_call(self._run.abandon)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _advance(self, value: object) -> StageEvent | None:
        if self._run is None:
            chunk = DEFAULT_CHUNK if self._prefill else None
            self._run = self._session.start_run(self._ids, chunk=chunk, watched=True, steps=self)
        return self._session.advance(self._run, value)
