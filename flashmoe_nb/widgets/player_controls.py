"""Play, pause, step, stop: the buttons of a session that decodes in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flashmoe_nb.engine import Engine, Player, Session
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.player_panel import PlayerPanel
from flashmoe_nb.widgets.static_page import write_page
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    Playable = Session | Player | Engine


class PlayerControls(View):
    """A prompt, its answer as it comes, and buttons; the kernel stays free meanwhile."""

    _esm = STATIC / "player_controls.js"

    def __init__(self, source: Playable | None = None) -> None:
        super().__init__()
        self.panel = PlayerPanel(self)
        if source is not None:
            self.attach(source)

    def __repr__(self) -> str:
        return f"<PlayerControls of {self.player or self.panel.session!r}>"

    @property
    def player(self) -> Player | None:
        """What plays or played last; None before the first prompt."""
        return self.panel.player

    def attach(self, source: Any, *, measure_residency: bool = False) -> Self:  # noqa: ARG002
        """Play this session from now on.

        Args:
            source: a session, a player as it is, or an engine, of which a new session is made.
            measure_residency: nothing is recorded here; give it to the view that draws the reads.

        Raises:
            OptionError: a recorded trace, or anything else that cannot play.
        """
        if isinstance(source, Player):
            self.panel.show(source.session, source)
        elif isinstance(source, Session | Engine):
            self.panel.show(source if isinstance(source, Session) else source.session())
        else:
            msg = f"PlayerControls.attach was given {source!r}: give a session, a player or an engine"
            raise OptionError(msg + "; a recorded trace cannot play")
        return self

    def detach(self) -> Self:
        """Leave the player alone: it goes on as it is."""
        self.panel.errands.wait()
        self.panel.leave()
        return self

    def to_html(self, path: str | Path) -> Path:
        """Write what is shown as one page that opens from disk and needs no network.

        Raises:
            OptionError: nothing is attached, or the path is taken.
        """
        if self.panel.session is None:
            raise OptionError("nothing is attached to this PlayerControls: attach(session)")
        traits = {name: getattr(self, name) for name in self.KEPT_TRAITS}
        return write_page(Path(path), title="PlayerControls", bundle=str(self._esm), traits=traits, run=b"")
