"""Decoding in the background, with the buttons of a tape deck: `session.play(...)`.

A thread exists only while tokens are made: to pause is to let it end between two tokens, to go on is to start another
with the same generator. So a paused player that nobody holds is garbage like any other. The thread is no daemon: it
stops by itself, within a stage, once the main thread has ended. Knows no widgets.
"""

from __future__ import annotations

import threading
from time import perf_counter_ns
from typing import TYPE_CHECKING, Literal

from flashmoe_nb.engine.options import number
from flashmoe_nb.engine.owner import Cancelled
from flashmoe_nb.errors import OptionError, SessionBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from flashmoe_nb.engine.generate import Token
    from flashmoe_nb.engine.session import Session

PlayerState = Literal["playing", "paused", "done", "stopped", "failed"]

_LOOK_S = 0.2
"""How long one wait lasts at most: then it looks again for an interrupt, or whether the main thread is still there."""


class Player:
    """Tokens as they come, from a thread of their own; made by `session.play()`.

    The session belongs to the player until it is done or stopped: it can be forked and looked at, not fed.
    """

    def __init__(
        self, session: Session, source: Generator[Token, None, None], *, tokens_per_s: float | None, state: PlayerState
    ) -> None:
        self.session = session
        self.error: BaseException | None = None
        """What ended it, when `state` is "failed"; `wait()` raises it."""
        self._source = source
        self._changed = threading.Condition()
        self._state: PlayerState = state
        self._pausing = state == "paused"
        self._stopping = False
        self._steps_left = 0
        self._tokens_per_s = _checked_rate(tokens_per_s)
        self._tokens: list[Token] = []
        self._thread: threading.Thread | None = None
        self._feeding = False
        self._listeners: list[Callable[[Token], object]] = []
        self._state_listeners: list[Callable[[PlayerState], object]] = []

    def __repr__(self) -> str:
        why = "" if self.error is None else f": {type(self.error).__name__}: {self.error}"
        return f"<Player {self._state} after {len(self._tokens)} tokens{why}>"

    # -- what it stands at -------------------------------------------------------------------------------------------
    @property
    def state(self) -> PlayerState:
        """Of these the last three are for good."""
        return self._state

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Those made so far."""
        return tuple(self._tokens)

    @property
    def text(self) -> str:
        """What they say together."""
        return "".join(token.text for token in self._tokens)

    @property
    def tokens_per_s(self) -> float | None:
        """Never faster than this; None is as fast as it goes. Set it at any time."""
        return self._tokens_per_s

    @tokens_per_s.setter
    def tokens_per_s(self, value: float | None) -> None:
        rate = _checked_rate(value)
        with self._changed:
            self._tokens_per_s = rate
            self._changed.notify_all()

    # -- the buttons -------------------------------------------------------------------------------------------------
    def pause(self) -> None:
        """Stand still after the token at hand; nothing once it has ended."""
        with self._changed:
            self._pausing, self._steps_left = True, 0
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on.

        Raises:
            OptionError: it has ended.
        """
        with self._changed:
            self._check_not_ended()
            self._pausing, self._steps_left = False, 0
        self._start()

    def step(self) -> None:
        """Make exactly one token more, then stand still; calls add up.

        Raises:
            OptionError: it has ended.
        """
        with self._changed:
            self._check_not_ended()
            self._pausing = True
            self._steps_left += 1
            self._changed.notify_all()
        self._start()

    def stop(self) -> None:
        """End, and leave the session where it stood after the last whole token; returns once that is so.

        A token or a prompt in the middle is rolled back. Called by a listener it only asks.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            stood = self._state == "paused"
            if stood:
                self._set("stopped")
            elif not self._is_current():
                self._changed.wait_for(self._has_ended)
        if stood:
            self._tell_state("stopped")

    def wait(self, timeout: float | None = None) -> PlayerState:
        """Wait until no more tokens are made: it is done, stopped or paused; or for that many seconds.

        A KeyboardInterrupt stops the player.

        Raises:
            Exception: what ended it, if it failed.
            SessionBusyError: a listener asks, for which it would wait itself.
        """
        if self._is_current():
            raise SessionBusyError("wait() was called by a listener of this player: it would wait for itself; return")
        try:
            self._wait_while_playing(timeout)
        except KeyboardInterrupt:
            self.stop()
            raise
        if self.error is not None:
            raise self.error
        return self._state

    # -- who listens -------------------------------------------------------------------------------------------------
    def subscribe(self, listener: Callable[[Token], object]) -> Callable[[], None]:
        """Call `listener` with every token from now on, on the player's thread; returns what ends that.

        A slow one slows this player, never the engine; one that raises ends it as "failed".
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_state(self, listener: Callable[[PlayerState], object]) -> Callable[[], None]:
        """Call `listener` after each change of `state`, on whichever thread changed it; returns what ends that."""
        self._state_listeners.append(listener)
        return lambda: self._state_listeners.remove(listener)

    # -- for the session ---------------------------------------------------------------------------------------------
    def stop_asked(self) -> bool:
        """Whether the feed at hand is to be given up; asked between stages, on the engine's thread."""
        return self._stopping or not threading.main_thread().is_alive()

    def may_feed(self) -> bool:
        """Whether it is this player that asks."""
        return self._feeding and self._is_current()

    def begin(self) -> None:
        """Play, unless it was made to stand still."""
        if self._state == "playing":
            self._start()

    # -- inside ------------------------------------------------------------------------------------------------------
    def _start(self) -> None:
        """See to it that there is a thread."""
        with self._changed:
            if self._thread is not None or self._has_ended():
                return
            self._thread = threading.Thread(target=self._work, name="flashmoe player", daemon=False)
            self._thread.start()
            self._state = "playing"
        self._tell_state("playing")

    def _work(self) -> None:
        while not self._leave(*self._make_token()):
            pass

    def _make_token(self) -> tuple[PlayerState, BaseException | None]:
        """One token, told to the listeners; returns how things stand then."""
        start_ns = perf_counter_ns()
        try:
            self._feeding = True
            token = next(self._source)
            self._feeding = False
            with self._changed:
                self._tokens.append(token)
                self._steps_left = max(self._steps_left - 1, 0)
            for listener in list(self._listeners):
                listener(token)
        except Cancelled:
            return "stopped", None
        except BaseException as error:  # noqa: BLE001 - kept for whoever waits
            return "failed", error
        if token.finish_reason is not None:
            return "done", None
        self._wait_for_turn(start_ns)
        return "playing", None

    def _wait_for_turn(self, start_ns: int) -> None:
        """Until a token that began at `start_ns` has taken the time the rate gives it, or a button is pressed."""
        with self._changed:
            while not self._pausing and not self.stop_asked() and self._tokens_per_s is not None:
                left_s = 1 / self._tokens_per_s - (perf_counter_ns() - start_ns) / 1e9
                if left_s <= 0:
                    return
                self._changed.wait(min(left_s, _LOOK_S))

    def _wait_while_playing(self, timeout: float | None) -> None:
        """In short pieces: not every system lets an interrupt end a long one."""
        end_ns = None if timeout is None else perf_counter_ns() + int(timeout * 1e9)
        with self._changed:
            while self._state == "playing":
                left_s = _LOOK_S if end_ns is None else (end_ns - perf_counter_ns()) / 1e9
                if left_s <= 0:
                    return
                self._changed.wait(min(left_s, _LOOK_S))

    def _leave(self, state: PlayerState, error: BaseException | None) -> bool:
        """Whether the thread ends here: because of how things stand, or because of a button."""
        with self._changed:
            if state == "playing" and self.stop_asked():
                state = "stopped"
            elif state == "playing" and self._pausing and not self._steps_left:
                state = "paused"
            if state == "playing":
                return False
            self._set(state, error)
        self._tell_state(state)
        return True

    def _set(self, state: PlayerState, error: BaseException | None = None) -> None:
        """There is no thread any more, or will be none in a moment; the lock is held."""
        self._thread, self._feeding = None, False
        self._state, self.error = state, error
        if self._has_ended():
            self._source.close()
            self.session.end_play(self)
        self._changed.notify_all()

    def _tell_state(self, state: PlayerState) -> None:
        for listener in list(self._state_listeners):
            listener(state)

    def _check_not_ended(self) -> None:
        if self._has_ended():
            msg = f"this player is {self._state} after {len(self._tokens)} tokens: call session.play() for another"
            raise OptionError(msg)

    def _has_ended(self) -> bool:
        return self._state in ("done", "stopped", "failed")

    def _is_current(self) -> bool:
        return threading.current_thread() is self._thread


def _checked_rate(tokens_per_s: float | None) -> float | None:
    if tokens_per_s is None:
        return None
    if not 0 < number("tokens_per_s", tokens_per_s) < float("inf"):
        raise OptionError(f"tokens_per_s is {tokens_per_s}: give more than 0, or None for no limit")
    return float(tokens_per_s)
