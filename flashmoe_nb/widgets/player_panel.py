"""Joins a view and a session that plays: clicks become calls of its player, its state goes to every front end."""

from __future__ import annotations

import threading
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from flashmoe_nb.errors import FlashMoeError, OptionError, SessionBusyError
from flashmoe_nb.widgets.errand import Errands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flashmoe_nb.engine import Player, Session, Token
    from flashmoe_nb.widgets.view import View

    Args = Mapping[str, Any]

_SHORTEST_NS = 200_000_000
"""Between two reports while tokens come: what draws every token gets them by the trace."""
_TEXT_SHOWN = 4_000
_RATE_TOKENS = 33


class PlayerPanel:
    """Takes the commands "player" and "toggle" of a view; the part it keeps there is called "player"."""

    def __init__(self, view: View) -> None:
        self.errands = Errands()
        self.player: Player | None = None
        """The last one; None before the first prompt."""
        self.session: Session | None = None
        self._view = view
        self._told_ns = 0
        self._telling = threading.Lock()
        self._times_ns: deque[int] = deque(maxlen=_RATE_TOKENS)
        self._endings: list[Callable[[], None]] = []
        self._commands: dict[str, Callable[[Args], object]] = {
            "play": self._play,
            "pause": lambda _: self._playing().pause(),
            "resume": lambda _: self._playing().resume(),
            "step": lambda _: self._playing().step(),
            "stop": lambda _: self._playing().stop(),
            "speed": lambda args: setattr(self._playing(), "tokens_per_s", args["tokens_per_s"]),
            "toggle": lambda _: self._toggle(),
        }
        view.on_command("player", self.take)
        view.on_command("toggle", lambda _: self.take({"do": "toggle"}))

    def show(self, session: Session, player: Player | None = None) -> None:
        """Play this session from now on; what it played before goes on, unseen."""
        self.errands.wait()
        self.leave()
        self.session = session
        self._follow(player)
        self._tell()

    def leave(self) -> None:
        """Listen no more."""
        for end in self._endings:
            end()
        self._endings = []
        self.session = self.player = None

    def take(self, args: Args) -> None:
        """Have a command done after those before it; returns at once. One too many is refused, as the panel says."""
        if self.session is None:
            return
        try:
            self.errands.add(lambda: self._do(args))
        except SessionBusyError as error:
            self._tell(str(error))

    # -- on the worker -----------------------------------------------------------------------------------------------
    def _do(self, args: Args) -> None:
        error = ""
        command = self._commands.get(str(args.get("do")))
        try:
            if command is None:
                raise OptionError(f"command {args.get('do')!r} is not known: give one of {', '.join(self._commands)}")
            command(args)
        except FlashMoeError as caught:
            error = str(caught)
        self._tell(error)

    def _play(self, args: Args) -> None:
        """Another prompt: after what was there, or from the start."""
        session = self.session
        assert session is not None
        session.engine.encode(args["prompt"])  # refused before anything is given up
        if self.player is not None and self.player.state in ("playing", "paused"):
            self.player.stop()
        if args.get("fresh", True):
            session.reset()
        self._follow(
            session.play(
                args["prompt"],
                max_tokens=args.get("max_tokens", 256),
                temperature=args.get("temperature", 0.0),
                tokens_per_s=args.get("tokens_per_s"),
                paused=True,
            )
        )
        if args.get("step", False):
            self._playing().step()
        else:
            self._playing().resume()

    def _toggle(self) -> None:
        player = self._playing()
        if player.state == "playing":
            player.pause()
        else:
            player.resume()

    def _playing(self) -> Player:
        if self.player is None:
            raise OptionError("nothing plays yet: give a prompt and press play")
        return self.player

    # -- telling -----------------------------------------------------------------------------------------------------
    def _follow(self, player: Player | None) -> None:
        for end in self._endings:
            end()
        self._endings = []
        self._times_ns.clear()
        self.player = player
        if player is not None:
            self._endings = [player.subscribe(self._heard), player.subscribe_state(lambda _: self._tell())]

    def _heard(self, _: Token) -> None:
        now_ns = perf_counter_ns()
        self._times_ns.append(now_ns)
        if now_ns - self._told_ns > _SHORTEST_NS:
            self._tell()

    def _tell(self, error: str = "") -> None:
        with self._telling:  # what is read last is told last
            self._told_ns = perf_counter_ns()
            if self.session is not None:
                self._view.keep({"kind": "player", **self._facts(self.session, self.player, error)})

    def _facts(self, session: Session, player: Player | None, error: str) -> dict[str, Any]:
        facts = {
            "position": session.position,
            "max_context": session.engine.max_context,
            "measured_per_s": self._measured_per_s(),
        }
        if player is None:
            return {**facts, "state": "idle", "tokens": 0, "text": "", "tokens_per_s": None, "error": error}
        return {
            **facts,
            "state": player.state,
            "tokens": len(player.tokens),
            "text": player.text[-_TEXT_SHOWN:],
            "tokens_per_s": player.tokens_per_s,
            "error": error or ("" if player.error is None else str(player.error)),
        }

    def _measured_per_s(self) -> float | None:
        times = list(self._times_ns)
        return None if len(times) < 2 else (len(times) - 1) * 1e9 / (times[-1] - times[0])  # noqa: PLR2004 - a pair
