"""`fm.Debugger`: stop in the middle of a token, look at every value, change it, go on, go back.

Tokens are fed one by one. Forward, nothing is evaluated for the debugger until a breakpoint may stop in the token at
hand: then that token is rolled back and stepped through. Backward, a token is brought back from the nearest mark before
it and done again with the values that were sent. Knows no widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.marks import Marks
from flashmoe_nb.observe.patches import Patches
from flashmoe_nb.observe.place import Breakpoint, Place, checked_breakpoint
from flashmoe_nb.observe.routing_tape import RoutingTape
from flashmoe_nb.observe.token_run import TokenRun, outcome
from flashmoe_nb.observe.values import like, named_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import mlx.core as mx
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session
    from flashmoe_nb.events import StageEvent

_MARK_BYTES = 512 * 2**20


class Debugger:
    """Steps a session through a prompt. A context manager: an error inside puts the session back where it stood."""

    def __init__(
        self,
        session: Session,
        prompt: str | Sequence[Mapping[str, object]] | Sequence[int] = (),
        *,
        mark_bytes: int = _MARK_BYTES,
    ) -> None:
        """Stand before the first token.

        Args:
            session: goes on from where it stands.
            prompt: text, messages or token ids; more can be added with `add`.
            mark_bytes: memory for places to come back to; fewer make going back slower, never wrong.
        """
        self.session = session
        self.patches = Patches()
        """What lasts; change it with its methods, at any moment: it acts on the stages after this place. Requantized
        experts act from the next token, or from going back."""
        self.breakpoints: list[Breakpoint] = []
        self.logits: mx.array | None = None
        """Of the last whole token. Shapes: [V]."""
        self._ids: list[int] = []
        self._sent: list[dict[int, Any]] = []  # for each whole token
        self._marks = Marks(session, max(2, mark_bytes // max(1, session.engine.memory.state_bytes)))
        self._in_force = Patches()
        self._run: TokenRun | None = None
        self._at = 0
        self._numbers = 0
        self._first = session.position
        if session.pending is not None:
            self._ids.append(session.pending)
        if len(prompt):
            self.add(prompt)

    def __repr__(self) -> str:
        return f"<Debugger at {self.where or 'the end'}; {len(self.breakpoints)} breakpoints, {self.patches!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    # -- where one is ------------------------------------------------------------------------------------------------
    @property
    def where(self) -> Place | None:
        """The stage one stands at; None before the first step, and when every token is whole."""
        event = self.event
        return None if event is None else self._place(event)

    @property
    def event(self) -> StageEvent | None:
        """The stage one stands at, with its value."""
        return self._run.events[self._at] if self._run else None

    @property
    def events(self) -> list[StageEvent]:
        """The stages of this token, up to where one stands."""
        return self._run.events[: self._at + 1] if self._run else []

    @property
    def values(self) -> dict[str, NDArray[Any]]:
        """Every value of the current layer so far, by stage: "router.logits", "mixer", ... as numpy arrays."""
        seen = self.events
        return named_values(self.session.engine, [event for event in seen if event.layer == seen[-1].layer])

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Of all tokens given."""
        return tuple(self._ids)

    @property
    def tokens_left(self) -> int:
        """Tokens given that are not whole yet."""
        return len(self._ids) - len(self._sent)

    # -- forward -----------------------------------------------------------------------------------------------------
    def add(self, prompt: str | Sequence[Mapping[str, object]] | Sequence[int]) -> None:
        """More tokens after those given."""
        self._ids += self.session.engine.encode(prompt)

    def add_likeliest(self) -> int:
        """The likeliest next token after those given, once all are whole; returns its id.

        Raises:
            OptionError: tokens are left, or there is none before.
        """
        if self.tokens_left or self.logits is None:
            raise OptionError("the next token is not known yet: run() to the end of the tokens given first")
        self._ids.append(int(np.argmax(np.array(self.logits))))
        return self._ids[-1]

    def step(self) -> Place | None:
        """One stage on; from a token's last stage to the next token's first. None when all tokens are whole."""
        if self._run is None:
            return self._begin()
        if self._in_force != self.patches:
            self._take_patches()
            self._run.redo_after(self._at)
        if self._at + 1 < len(self._run.events):
            self._at += 1
            return self.where
        if self._run.advance():
            self._at += 1
            return self.where
        self._finish()
        return self._begin()

    def step_layer(self) -> Place | None:
        """To the first stage of the next layer, or of what comes after the last."""
        event = self.event
        return self._step_while(
            lambda now: event is not None and (now.layer, now.position) == (event.layer, event.position)
        )

    def step_token(self) -> Place | None:
        """To the first stage of the next token."""
        event = self.event
        return self._step_while(lambda now: event is not None and now.position == event.position)

    def run(self) -> Place | None:
        """To the next breakpoint; None when all tokens are whole."""
        return self._run_to(self.breakpoints)

    def run_until(
        self,
        *,
        token: int | None = None,
        layer: int | None = None,
        stage: str | None = None,
        expert: int | None = None,
        when: Callable[[StageEvent], bool] | None = None,
    ) -> Place | None:
        """As `run` with one breakpoint more, for this once."""
        return self._run_to(
            [*self.breakpoints, checked_breakpoint(self.session.engine.config, 0, token, layer, stage, expert, when)]
        )

    # -- breakpoints -------------------------------------------------------------------------------------------------
    def break_at(
        self,
        *,
        token: int | None = None,
        layer: int | None = None,
        stage: str | None = None,
        expert: int | None = None,
        when: Callable[[StageEvent], bool] | None = None,
    ) -> Breakpoint:
        """Stop wherever all that is given holds.

        Args:
            token: position in the context.
            layer: number.
            stage: a name of `Stage`.
            expert: at the router of a layer that chose it.
            when: asked with the event; steps through every token, so it costs more.

        Raises:
            OptionError: a stage, layer or expert that does not exist.
        """
        self._numbers += 1
        made = checked_breakpoint(self.session.engine.config, self._numbers, token, layer, stage, expert, when)
        self.breakpoints.append(made)
        return made

    def clear(self, number: int | None = None) -> None:
        """Remove one breakpoint, or all."""
        self.breakpoints = [one for one in self.breakpoints if number is not None and one.number != number]

    # -- back --------------------------------------------------------------------------------------------------------
    def back(self, *, token: int | None = None, layer: int | None = None, stage: str | None = None) -> Place | None:
        """One stage back; or to the last place before this one where all that is given holds.

        Raises:
            OptionError: there is no such place since the debugger began.
        """
        wanted = checked_breakpoint(self.session.engine.config, 0, token, layer, stage, None, None)
        while True:
            event = self.event
            if event is None or self._at == 0:
                self._open_whole(len(self._sent) - 1)
            elif token is not None and event.position > token:
                self._open_whole(max(token - self._first, 0))
            else:
                self._at -= 1
            event = self.event
            assert event is not None
            if wanted.stops_at(event, set()):
                return self.where

    # -- change ------------------------------------------------------------------------------------------------------
    def set(self, name: str, values: Any) -> None:
        """Put other values in place of a stage's, in this layer of this token; stages after it are done anew.

        Args:
            name: as in `values`, e.g. "mixer" or "router.routing_weights".
            values: of the same shape.

        Raises:
            OptionError: no such value in this layer so far, or another shape.
        """
        if self._run is None:
            raise OptionError("there is no stage to change: step() into a token first")
        stage, _, part = name.partition(".")
        layer = self._run.events[self._at].layer
        found = [n for n, e in enumerate(self._run.events[: self._at + 1]) if (e.layer, e.stage) == (layer, stage)]
        if not found or name not in self.values:
            raise OptionError(f'"{name}" is no value of this layer so far: give one of {", ".join(self.values)}')
        old = self._run.events[found[-1]].value
        new = like(old._asdict()[part] if part else old, values, name)
        self.session.engine.ops.evaluate(new)
        self._run.redo(found[-1], old._replace(**{part: new}) if part else new)
        self._at = found[-1]

    def compare_layer(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Every value of this layer and token without the changes made in this layer, and with all of them.

        What was changed before this layer stays in both, so both start from the same residual stream. The session
        stands where it stood.

        Raises:
            OptionError: no layer to compare.
        """
        event = self.event
        if self._run is None or event is None or event.layer is None:
            raise OptionError("there is no layer to compare: step() into one first")
        run = self._run
        run.close()
        forks = self.session.fork(), self.session.fork()
        run.redo_all()
        first = next(number for number, one in enumerate(run.events) if one.layer == event.layer)
        before = {number: value for number, value in run.sent.items() if number < first}
        kept = run.sent if self._in_force == self.patches else {n: v for n, v in run.sent.items() if n < self._at}
        self.patches.install(forks[1])
        return (
            outcome(forks[0], run.token_ids, event.layer, before, None),
            outcome(forks[1], run.token_ids, event.layer, kept, self._patch),
        )

    # -- end ---------------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Roll the token at hand back; the whole ones stay."""
        self.session.rewrites.clear()
        if self._run is not None:
            self._run.close()
            self._run = None

    def abort(self) -> None:
        """Put the session back where it stood when the debugger began."""
        self.close()
        self._marks.rewind_to_start()
        self._ids, self._sent, self.logits = self._ids[:0], [], None

    # -- inside ------------------------------------------------------------------------------------------------------
    def _begin(self) -> Place | None:
        """Stand at the first stage of the next token."""
        if not self.tokens_left:
            return None
        self._take_patches()
        self._marks.take(len(self._sent))
        self._run, self._at = TokenRun(self.session, self._ids[len(self._sent)], self._patch), 0
        try:
            self._run.advance()
        except BaseException:
            self._run = None
            raise
        return self.where

    def _take_patches(self) -> None:
        self.patches.check(self.session.engine)
        self.patches.install(self.session)
        self._in_force = self.patches.copy()

    def _finish(self) -> None:
        """The token at hand is whole."""
        assert self._run is not None
        self.logits = self._run.logits
        self._sent.append(self._run.sent)
        self._run = None

    def _step_while(self, inside: Callable[[StageEvent], bool]) -> Place | None:
        while True:
            place, event = self.step(), self.event
            if place is None or event is None or not inside(event):
                return place

    def _run_to(self, breakpoints: Sequence[Breakpoint]) -> Place | None:
        while True:
            if self._run is None and not self._skip_whole(breakpoints):
                return None
            place, event = self.step(), self.event
            if place is None or event is None:
                return None
            if any(one.stops_at(event, self._chosen(event)) for one in breakpoints):
                return place

    def _skip_whole(self, breakpoints: Sequence[Breakpoint]) -> bool:
        """Feed tokens in which nothing stops, unwatched; False when none is left."""
        if self.patches or any(one.needs_values for one in breakpoints):
            return bool(self.tokens_left)
        while self.tokens_left:
            token = self.session.position
            self._marks.take(len(self._sent))
            tape = RoutingTape()
            with self.session.tape(tape):
                pending = self.session.pending is not None  # goes in by itself
                logits = self.session.feed([] if pending else [self._ids[len(self._sent)]])
            experts = tape.experts(self.session.engine)
            if any(one.may_stop(token, experts) for one in breakpoints):
                self._marks.rewind(len(self._sent))
                return True
            self.logits = logits
            self._sent.append({})
        return False

    def _open_whole(self, number: int) -> None:
        """Go back to the end of an earlier token: from the nearest mark, doing again what came between.

        Raises:
            OptionError: there is none.
        """
        if number < 0:
            raise OptionError(f"there is nothing before token {self._first}: the debugger began there")
        if self._run is not None:
            self._run.close()
            self._run = None
        for again in range(self._marks.rewind(number), number):
            run = self._again(again)
            while run.advance():
                pass
            self.logits = run.logits
        sent = self._sent[number]
        self._run = self._again(number)
        del self._sent[number:]
        while self._run.advance() and self._run.events[-1].stage is not Stage.LOGITS:
            pass
        self._run.sent = dict(sent)
        self._at = len(self._run.events) - 1

    def _again(self, number: int) -> TokenRun:
        return TokenRun(self.session, self._ids[number], self._patch, self._sent[number])

    def _patch(self, event: StageEvent) -> Any:
        if event.stage is not Stage.ROUTER or event.layer is None:
            return None
        return self.patches.route(self.session.engine, event.layer, event.value)

    def _chosen(self, event: StageEvent) -> AbstractSet[int]:
        """Experts a router chose, as patched."""
        if event.stage is not Stage.ROUTER:
            return set()
        value = self._patch(event) or event.value
        return set(self.session.engine.ops.to_numpy(value.expert_ids).ravel().tolist())

    def _place(self, event: StageEvent) -> Place:
        tokenizer = self.session.engine.tokenizer
        number = event.position - self._first
        text = tokenizer.decode([self._ids[number]]) if tokenizer and 0 <= number < len(self._ids) else ""
        return Place(event.position, text, event.layer, event.stage)
