"""All views of a run in one widget: prompt and buttons, tokens, routers, reads, page cache, cache sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from flashmoe_nb.engine import Engine, Player, Session
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.cache_panel import CachePanel
from flashmoe_nb.widgets.limit_panel import LimitPanel
from flashmoe_nb.widgets.player_panel import PlayerPanel
from flashmoe_nb.widgets.replay_panel import ReplayPanel
from flashmoe_nb.widgets.router_panel import RouterPanel
from flashmoe_nb.widgets.router_view import MODES, usage_picture
from flashmoe_nb.widgets.view import STATIC, View, engine_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.widgets.view import Attachable

PROMPT = "def read_file(path):\n"
"""What the prompt box holds at first, so that one click shows something."""
WATCHABLE_PER_S = 20.0
"""Tokens a second at first: more, and nobody sees what happens. The field beside the buttons lifts it."""


class Dashboard(View):
    """One token through all views: who was chosen, what was read, what the page cache holds.

    Attached to a session, a player or an engine it plays and draws as it decodes; attached to a trace it replays.
    """

    _esm = STATIC / "dashboard.js"

    def __init__(self, source: Attachable | Engine | None = None, *, prompt: str = PROMPT) -> None:
        super().__init__()
        self.playing = PlayerPanel(self)
        self.routers = RouterPanel(self)
        self.limits = LimitPanel(self)
        self.cache = CachePanel(self)
        self.replays = ReplayPanel(self)
        self.prompt = prompt
        self.on_command("mode", self._choose_mode)
        if source is not None:
            self.attach(source)

    @property
    def player(self) -> Player | None:
        """What plays or played last; None before the first prompt, and for a trace."""
        return self.playing.player

    def attach(self, source: Attachable | Engine, *, measure_residency: bool = False) -> Self:
        """Show an engine in a new session, a session, a player, what another view shows, or a trace.

        Args:
            source: all but a trace and a view can be played.
            measure_residency: as `View.attach`.

        Raises:
            OptionError: anything else.
        """
        if isinstance(source, Engine):
            source = source.session()
        if engine_of(source) is not self.engine:
            self.limits.lift().result()
        super().attach(source, measure_residency=measure_residency)
        if isinstance(source, Player):
            self.playing.show(source.session, source)
        elif isinstance(source, Session):
            self.playing.show(source)
        plays = self.playing.session is not None
        self.keep({"kind": "dashboard", "plays": plays, "prompt": self.prompt, "tokens_per_s": WATCHABLE_PER_S})
        self.limits.show()
        self.cache.show()
        self.replays.show()
        return self

    def detach(self) -> Self:
        """As every view; what plays goes on, unseen."""
        self.playing.errands.wait()
        self.playing.leave()
        self.cache.leave()
        self.routers.forget()
        super().detach()
        return self

    def close(self) -> None:
        """As every view; lifts a limit that was imposed here."""
        self.limits.close()
        super().close()
        self.replays.close()

    def to_html(self, path: str | Path) -> Path:
        """As every view: one page in which the run can be replayed."""
        self.cache.keep_seen()
        return super().to_html(path)

    def picture(self) -> NDArray[np.uint8]:
        """How often each expert was chosen."""
        return super().picture() if self.trace is None or not len(self.trace) else usage_picture(self.trace)

    def _record(self, session: Session) -> None:
        self._holding.enter_context(self.routers.record(session))

    def _choose_mode(self, args: dict[str, Any]) -> None:
        """What the routers' colours mean; kept for a reload."""
        if args["mode"] not in MODES:
            raise OptionError(f"mode {args['mode']!r} is not known: give one of {', '.join(MODES)}")
        self.keep({"kind": "mode", "mode": args["mode"]})

    def _fresh(self) -> None:
        self.cache.fresh()


def dashboard(source: Attachable | Engine, *, prompt: str = PROMPT, measure_residency: bool = False) -> Dashboard:
    """Watch a model: all views of a run in one widget, linked by the token that is chosen.

    Args:
        source: an open engine, a session, a player, or a trace from `fm.load_trace`, which needs no model.
        prompt: what the prompt box holds at first.
        measure_residency: ask before every read how much of it the page cache holds: costs up to 0.1 ms a read.

    Raises:
        OptionError: anything else is given.
    """
    return Dashboard(prompt=prompt).attach(source, measure_residency=measure_residency)
