"""One token stopped in the middle: its stages so far, what was sent in place of values, and the way to do it again.

A stage already seen is only looked at again; to change one, the token is rolled back and done anew with the same values
sent, up to that stage. Knows no breakpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import mlx.core as mx

    from flashmoe_nb.engine import Session, Steps
    from flashmoe_nb.events import StageEvent


class TokenRun:
    """Steps through one token of a session."""

    def __init__(
        self,
        session: Session,
        token_id: int,
        patch: Callable[[StageEvent], Any],
        sent: Mapping[int, Any] | None = None,
    ) -> None:
        """Begin.

        Args:
            session: stands at the token before.
            token_id: what to feed; what `generate` sampled last where there is such a token.
            patch: what to send in place of an event's value, None for nothing; asked once for each new stage.
            sent: what was sent when this token was done before, by index of the event; `patch` is not asked for it.
        """
        self._session, self._patch = session, patch
        self._ids = (token_id,) if session.pending is None else ()  # a token sampled before goes in by itself
        self.sent: dict[int, Any] = dict(sent or {})
        self._known = dict(self.sent) if sent is not None else None
        self.events: list[StageEvent] = []
        self.logits: mx.array | None = None
        """Of the whole token, once it is done."""
        self._steps: Steps = session.steps(self._ids)

    def advance(self) -> bool:
        """One stage on; False when the token is done."""
        reply = self._reply()
        try:
            self.events.append(self._steps.send(reply))
        except StopIteration:
            self.logits = self._steps.logits
            return False
        return True

    def redo(self, index: int, value: Any) -> None:
        """Send `value` at an event, and stand there."""
        self.redo_after(index)
        self.sent[index] = self.events[index].value = value  # shown from now on, and sent when the stage is left

    def redo_after(self, index: int) -> None:
        """Stand at an event with nothing after it: at once where it is the last, else by doing the token anew."""
        if index < len(self.events) - 1:
            self._steps.close()
            self._known = {at: kept for at, kept in self.sent.items() if at < index}
            self.sent = dict(self._known)
            self.events = []
            self._steps = self._session.steps(self._ids)
            while len(self.events) <= index:
                self.advance()
        self.sent = {at: kept for at, kept in self.sent.items() if at < index}
        self._known = None

    def close(self) -> None:
        """Roll the token back."""
        self._steps.close()

    def _reply(self) -> Any:
        """What goes in place of the last event's value; remembered, so that the token can be done again."""
        at = len(self.events) - 1
        if at < 0:
            return None
        if at not in self.sent and self._known is None and self.events[at].stage is not Stage.EXPERT_READ:
            value = self._patch(self.events[at])
            if value is not None:
                self.sent[at] = value
        return self.sent.get(at)
