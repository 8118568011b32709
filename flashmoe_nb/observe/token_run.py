"""One token stopped in the middle: its stages so far, what was sent in place of values, and the way to do it again.

A stage already seen is only looked at again; to change one, the token is rolled back and done anew with the same values
sent, up to that stage. Knows no breakpoints.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import FlashMoeError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.values import named_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import mlx.core as mx
    from numpy.typing import NDArray

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
        self.token_ids = (token_id,) if session.pending is None else ()  # a token sampled before goes in by itself
        self.sent: dict[int, Any] = dict(sent or {})
        self._known = dict(self.sent) if sent is not None else None
        self.events: list[StageEvent] = []
        self.logits: mx.array | None = None
        """Of the whole token, once it is done."""
        self._steps: Steps = session.steps(self.token_ids)

    def advance(self) -> bool:
        """One stage on; False when the token is done. A stage that fails leaves one where one stood."""
        reply = self._reply()
        try:
            self.events.append(self._steps.send(reply))
        except StopIteration:
            self.logits = self._steps.logits
            return False
        except FlashMoeError:
            self.redo_all()
            raise
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
            self._steps = self._session.steps(self.token_ids)
            while len(self.events) <= index:
                self.advance()
        self.sent = {at: kept for at, kept in self.sent.items() if at < index}
        self._known = None

    def redo_all(self) -> None:
        """Begin anew where the session stands, and come to the same stage with the same values sent."""
        n_events, known, sent = len(self.events), self._known, self.sent
        self._steps.close()
        self._known, self.events = dict(sent), []
        self._steps = self._session.steps(self.token_ids)
        while len(self.events) < n_events:
            self.advance()
        self._known, self.sent = known, sent
        if n_events - 1 in sent:  # set, and not yet left
            self.events[-1].value = sent[n_events - 1]

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


def outcome(
    session: Session,
    token_ids: Sequence[int],
    layer: int,
    sent: Mapping[int, Any],
    patch: Callable[[StageEvent], Any] | None,
) -> dict[str, NDArray[Any]]:
    """Every value of one layer for a token, with values sent by index of the event, else what `patch` gives."""
    values: dict[str, NDArray[Any]] = {}
    reply: Any = None
    with session.steps(token_ids) as steps:
        for index in count():
            event = steps.send(reply)
            reply = sent.get(index)
            if reply is None and patch is not None and event.stage is not Stage.EXPERT_READ:
                reply = patch(event)
            if reply is not None:
                event.value = reply
            if event.layer == layer:
                values |= named_values(session.engine, [event])
                if event.stage is Stage.COMBINE:
                    break
    return values
