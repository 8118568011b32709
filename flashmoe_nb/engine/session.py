"""A conversation's state on an engine: feed tokens, step through them, generate, fork, reset.

Every method may be called from any thread; the work happens on the engine's owner thread. Whatever fails or is
interrupted leaves the session where it stood after the last whole token.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flashmoe_nb.engine.generate import Generation
from flashmoe_nb.engine.mark import Mark
from flashmoe_nb.engine.options import whole
from flashmoe_nb.engine.player import Player
from flashmoe_nb.engine.prefill import DEFAULT_CHUNK
from flashmoe_nb.engine.steps import Steps
from flashmoe_nb.engine.token_ids import whole_ids
from flashmoe_nb.errors import ClosedError, OptionError, PromptError, SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import mlx.core as mx
    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.engine.engine import Engine
    from flashmoe_nb.engine.experts import Rewrite
    from flashmoe_nb.engine.generate import Adjust, Token
    from flashmoe_nb.engine.run import Memory, Run
    from flashmoe_nb.engine.tape import Recorder
    from flashmoe_nb.events import StageEvent

    Observer = Callable[[StageEvent], object]


class Session:
    """One sequence of tokens; made by `engine.session()`."""

    def __init__(self, engine: Engine, memory: Memory, pending: int | None = None) -> None:
        self.engine = engine
        self._memory = memory
        self._pending, self._pending_at = pending, memory.position
        self._run: Run | None = None
        self._steps: weakref.ref[Steps] | None = None
        self._player: Player | None = None
        self._observers: list[Observer] = []
        self.recorders: list[Recorder] = []
        """Told what is fed; `tape` adds one for a while."""
        self._marks: weakref.WeakSet[Mark] = weakref.WeakSet()
        self.rewrites: dict[tuple[int, int], Rewrite] = {}
        """Called with the slot of (layer, expert) after it was read, to change its bytes for this session."""

    def __repr__(self) -> str:
        pending = "" if self.pending is None else ", 1 token sampled but not fed"
        return f"<Session at position {self.position} of {self.engine.max_context}{pending}, {self.engine!r}>"

    @property
    def position(self) -> int:
        """How many tokens the state covers."""
        return self._memory.position

    @property
    def pending(self) -> int | None:
        """The token `generate` gave last: it is fed in front of whatever comes next."""
        return self._pending if self.position == self._pending_at else None  # beyond it, it is fed

    def feed(self, token_ids: Sequence[int], *, chunk: int | None = None) -> mx.array:
        """Feed tokens, all or none: many as prefill, a single one as decode.

        Shapes: returns logits [V] of the last position, evaluated float32.

        Args:
            token_ids: what comes next; a token `generate` sampled last goes in front.
            chunk: tokens of a prefill that go through the layers together; fewer need less memory and read more.

        Raises:
            PromptError: no ids, or one outside the vocabulary.
            ContextError: more positions than the model or the memory budget allows.
            SessionBusyError: a step of this session is suspended, or a player plays it.
            ReadError, NumericError: an expert could not be read, or a value was not finite.
        """
        ids = whole_ids(token_ids)
        if chunk is not None and whole("chunk", chunk) < 1:
            raise OptionError(f"chunk is {chunk}: give at least 1 token")
        self._check_not_played()
        return self.engine.owner_call(lambda: self._feed(ids, chunk))

    def steps(self, token_ids: Sequence[int] = (), *, prefill: bool = False) -> Steps:
        """Go through tokens stage by stage: iterate for `StageEvent`s; `.logits` is set at the end.

        Each event's value is evaluated. `send(value)` goes on with another value in its place; `close()`, or dropping
        the object, rolls back to the last whole token.

        Args:
            token_ids: as for `feed`; without any, the token `generate` sampled last.
            prefill: all tokens through each layer together, all or none; else one after the other.

        Raises:
            PromptError: not a sequence of whole numbers.
            The rest of what `feed` raises, when the first event is asked for.
        """
        return Steps(self, whole_ids(token_ids), prefill=prefill)

    def generate(
        self,
        prompt: str | Sequence[Mapping[str, object]] | Sequence[int],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        tools: Sequence[Mapping[str, object]] | None = None,
        enable_thinking: bool = False,
        adjust: Adjust | None = None,
    ) -> Generator[Token, None, None]:
        """Feed a prompt and yield the tokens that follow, as they come.

        Goes on from `position`; text never splits a UTF-8 character. The last token sampled is fed by the next call.

        Args:
            prompt: raw text, messages for the checkpoint's chat template, or raw token ids.
            max_tokens: stop after this many.
            temperature: 0 takes the likeliest token.
            top_p: draw from the likeliest tokens that hold this share.
            min_p: leave out tokens below this share of the likeliest one's probability.
            seed: of the random numbers; None differs each time.
            stop: text that ends generation, and is not given out; the checkpoint's own stop tokens always do.
            tools: passed to the chat template.
            enable_thinking: passed to the chat template.
            adjust: called with the logits [V] of every token before it is drawn; it is drawn from what this returns
                (-inf rules a token out), while `Token.logprob` stays the model's own.

        Raises:
            PromptError: an empty prompt, an image, or messages without a chat template.
            OptionError: a sampling value outside its range.
        """
        generation = Generation(
            self,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            min_p=min_p,
            seed=seed,
            stop=stop,
            adjust=adjust,
        )
        ids = self.engine.encode(prompt, tools=tools, enable_thinking=enable_thinking)
        return generation.tokens(ids)

    def play(
        self,
        prompt: str | Sequence[Mapping[str, object]] | Sequence[int],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        tools: Sequence[Mapping[str, object]] | None = None,
        enable_thinking: bool = False,
        adjust: Adjust | None = None,
        tokens_per_s: float | None = None,
        paused: bool = False,
    ) -> Player:
        """`generate` in the background: returns at once with a `Player` to pause, step and stop.

        What can be told of the arguments at once is raised here; everything else is the player's `error`, and raised
        by its `wait()`.

        Args:
            prompt: this and the options up to `enable_thinking` as for `generate`.
            max_tokens: stop after this many.
            temperature: 0 takes the likeliest token.
            top_p: draw from the likeliest tokens that hold this share.
            min_p: leave out tokens below this share of the likeliest one's probability.
            seed: of the random numbers.
            stop: text that ends generation.
            tools: passed to the chat template.
            enable_thinking: passed to the chat template.
            adjust: called with each token's logits, on the player's thread.
            tokens_per_s: never faster than this.
            paused: stand still before the prompt, until `step()` or `resume()`.

        Raises:
            PromptError, OptionError: as `generate`; a rate that is none.
            SessionBusyError: another player plays this session, or a step of it is suspended.
        """
        source = self.generate(
            prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            min_p=min_p,
            seed=seed,
            stop=stop,
            tools=tools,
            enable_thinking=enable_thinking,
            adjust=adjust,
        )
        player = Player(self, source, tokens_per_s=tokens_per_s, state="paused" if paused else "playing")
        self.engine.owner_call(lambda: self._begin_play(player))
        player.begin()
        return player

    def reset(self) -> None:
        """Forget everything; position 0."""
        self._check_not_played()
        self.engine.owner_call(self._reset)

    def fork(self) -> Session:
        """A session with the same past, cheaply: arrays are shared until one side writes.

        Raises:
            SessionBusyError: a step is suspended.
        """
        return self.engine.owner_call(self._fork)

    def mark(self) -> Mark:
        """A place to `rewind` to: cheaper than a fork, and good until the session is reset or rewound past it.

        Raises:
            SessionBusyError: a step is suspended.
        """
        return self.engine.owner_call(self._mark)

    def rewind(self, mark: Mark) -> None:
        """Stand where `mark` was taken.

        Raises:
            SessionBusyError: a step is suspended, or the mark's past was fed anew since.
            OptionError: a mark of another session.
        """
        self._check_not_played()
        self.engine.owner_call(lambda: self._rewind(mark))

    def layer_state(self, layer: int) -> dict[str, NDArray[np.float32]]:
        """Copies of what a layer remembers, also while a step is suspended.

        Shapes: keys and values [Hkv, length, Dh] of full attention; memory [Hv, Dv, Dk] and conv_tail [k-1, conv_dim]
        of a delta net.

        Raises:
            OptionError: no such layer.
        """
        if not 0 <= whole("layer", layer) < self.engine.config.num_layers:
            raise OptionError(f"layer {layer} does not exist: give 0 to {self.engine.config.num_layers - 1}")
        return self.engine.owner_call(lambda: self._memory.state[layer].to_numpy(self.engine.ops))

    @contextmanager
    def observe(self, observer: Observer) -> Iterator[None]:
        """Call `observer` with every `StageEvent` of this session, on the engine's thread, while the block runs."""
        self._observers.append(observer)
        try:
            yield
        finally:
            self._observers.remove(observer)

    @contextmanager
    def tape(self, recorder: Recorder) -> Iterator[None]:
        """Tell `recorder` what is fed while the block runs, on the engine's thread; evaluates nothing more for it."""
        self.recorders.append(recorder)
        try:
            yield
        finally:
            self.recorders.remove(recorder)

    # -- on the owner thread -----------------------------------------------------------------------------------------
    def start_run(self, token_ids: Sequence[int], *, chunk: int | None, watched: bool, steps: Steps | None) -> Run:
        """Check everything, then begin; for `feed` and `Steps`."""
        self.check_idle()
        if steps is not None:
            self._check_not_played()
        ids = self._checked(token_ids)
        pending = [] if self.pending is None else [self.pending]
        if chunk is None and steps is None:
            chunk = DEFAULT_CHUNK if len(pending) + len(ids) > 1 else None
        self.engine.check_context(self.position, len(pending) + len(ids))
        self._run = self.engine.new_run(
            self._memory,
            pending + ids,
            chunk=chunk,
            watched=watched or bool(self._observers),
            measure=watched,
            recorders=tuple(self.recorders),
            rewrites=self.rewrites,
        )
        if self._player is not None:
            self._run.stop_when(self._player.stop_asked)
        self._steps = weakref.ref(steps) if steps is not None else None
        return self._run

    def advance(self, run: Run, reply: object = None) -> StageEvent | None:
        """One event on, told to the observers; None at the end."""
        event = run.advance(reply)
        if event is not None:
            try:
                for observer in self._observers:
                    observer(event)
            except BaseException:
                run.abandon()
                raise
        return event

    def check_idle(self) -> None:
        """No step of this session may be under way; one whose `Steps` object is gone is rolled back.

        Raises:
            SessionBusyError: naming layer and stage.
        """
        if self.engine.closed:
            raise ClosedError("the engine of this session is closed: open the model again")
        run = self._run
        if run is None or run.done:
            return
        if self._steps is None or self._steps() is not None:  # None: a feed, and an observer of it is asking
            event = run.last_event
            where = "before its first stage" if event is None else f"in layer {event.layer}, stage {event.stage}"
            msg = f"a step of this session is suspended {where}: exhaust it or call its close() first"
            raise SessionBusyError(msg)
        run.abandon()

    def release(self) -> None:
        """The engine closes: a suspended step is given up and the state freed; `position` stays."""
        if self._run is not None:
            self._run.abandon()
        self._memory.state.clear()

    def set_pending(self, token_id: int) -> None:
        """The token sampled last."""
        self._pending, self._pending_at = token_id, self.position

    def end_play(self, player: Player) -> None:
        """This player makes no more tokens."""
        if self._player is player:
            self._player = None

    def _begin_play(self, player: Player) -> None:
        self.check_idle()
        self._check_not_played()
        self._player = player

    def _check_not_played(self) -> None:
        """Only a session's player may feed it while there is one.

        Raises:
            SessionBusyError: another asks.
        """
        player = self._player
        if player is not None and not player.may_feed():
            msg = f"a player plays this session, {player!r}: call its stop(), or wait() until it is done; "
            raise SessionBusyError(msg + "to look at the session meanwhile, fork() it")

    def _feed(self, token_ids: Sequence[int], chunk: int | None) -> mx.array:
        run = self.start_run(token_ids, chunk=chunk, watched=False, steps=None)
        while self.advance(run) is not None:
            pass
        assert run.logits is not None
        return run.logits

    def _reset(self) -> None:
        self.check_idle()
        self._memory = self.engine.new_memory()
        self._pending = None
        for mark in self._marks:
            mark.valid = False

    def _mark(self) -> Mark:
        self.check_idle()
        mark = Mark.of(self._memory, self.pending)
        self._marks.add(mark)
        return mark

    def _rewind(self, mark: Mark) -> None:
        self.check_idle()
        if mark.memory is not self._memory and mark.valid:
            raise OptionError(f"the mark at position {mark.position} is of another session: give one of this session")
        mark.rewind(self._marks)
        self._pending, self._pending_at = mark.pending, mark.position

    def _fork(self) -> Session:
        self.check_idle()
        return self.engine.new_session(self._memory.fork(), self.pending)

    def _checked(self, ids: Sequence[int]) -> list[int]:
        if not ids and self.pending is None:
            raise PromptError("there is nothing to feed: give at least one token id")
        vocab = self.engine.config.vocab_size
        for at, token in enumerate(ids):
            if not 0 <= token < vocab:
                msg = f"token id {token} at place {at} is outside the vocabulary of {vocab}: "
                raise PromptError(msg + "was the text encoded with this checkpoint's tokenizer?")
        return list(ids)
