"""A debugger with buttons: the layer as a diagram of its stages, every value, the router's choice, and changes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from safetensors.numpy import load

from flashmoe_nb.engine import Engine, Player, Session
from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe import Debugger
from flashmoe_nb.widgets.debug_desk import DebugDesk
from flashmoe_nb.widgets.debugger_panel import DebuggerPanel
from flashmoe_nb.widgets.palette import viridis
from flashmoe_nb.widgets.static_page import write_page
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Steppable = Debugger | Session | Engine | Player | View

_PICTURE_PIXELS = 512
"""Width of a picture."""


class LayerDebugger(View):
    """Steps through a token, stage by stage, looks at values and changes them."""

    _esm = STATIC / "layer_debugger.js"

    def __init__(self, source: Steppable | None = None, prompt: str = "") -> None:
        """`prompt` is what is stepped through; the debugger of `fm.Debugger` already has one."""
        super().__init__()
        self.panel = DebuggerPanel(self)
        if source is not None:
            self.attach(source, prompt=prompt)

    def __repr__(self) -> str:
        return f"<LayerDebugger of {self.debugger!r}>"

    @property
    def debugger(self) -> Debugger | None:
        """What the buttons move; use it from cells as well, while no button's work is under way."""
        return None if self.panel.desk is None else self.panel.desk.debugger

    def attach(self, source: Any, *, measure_residency: bool = False, prompt: str = "") -> Self:  # noqa: ARG002
        """Step through a prompt from now on.

        Args:
            source: a debugger as it stands; or what to make one of: a session, which goes on from where it stands, an
                engine, a paused player or a view of a session, of which a fork is stepped through.
            measure_residency: stepping always does.
            prompt: for a new debugger.

        Raises:
            OptionError: a recorded trace, or anything else that cannot be stepped.
        """
        debugger = source if isinstance(source, Debugger) else Debugger(self._session_of(source), prompt)
        self.panel.show(DebugDesk(debugger))
        return self

    def detach(self) -> Self:
        """Roll the token at hand back; what is shown stays."""
        panel = self.panel
        if panel.desk is not None:
            panel.take({"do": "halt"})
            panel.errands.wait()
            panel.desk.debugger.close()
            panel.desk = None
        return self

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """With a picture for where no widget can live."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is not None and self.debugger is not None:
            bundle[0]["image/png"] = self.snapshot().data
        return bundle

    def picture(self) -> NDArray[np.uint8]:
        """The value at hand as the inspector draws it, symmetric about nought."""
        chunk = self.state.get("debugger", {}).get("chunk", "")
        if not chunk:
            return super().picture()
        values = load(base64.b64decode(chunk)).get("slice", np.zeros((1, 1), np.float32))
        size = np.abs(values[np.isfinite(values)]).max(initial=0) or 1.0
        colours = viridis(np.where(np.isfinite(values), 0.5 + values / size / 2, 0.5))
        wide, high = max(1, _PICTURE_PIXELS // values.shape[1]), max(4, 96 // values.shape[0])
        return colours.repeat(high, axis=0).repeat(wide, axis=1)

    def to_html(self, path: str | Path) -> Path:
        """Write what is shown as one page that opens from disk and needs no network.

        Raises:
            OptionError: nothing is attached, or the path is taken.
        """
        if self.debugger is None:
            raise OptionError("nothing is attached to this LayerDebugger: attach(session, prompt=...)")
        traits = {name: getattr(self, name) for name in self.KEPT_TRAITS}
        title = f"LayerDebugger: {self.debugger.where or 'between tokens'}"
        return write_page(Path(path), title=title, bundle=str(self._esm), traits=traits, run=b"")

    def _session_of(self, source: Any) -> Session:
        if isinstance(source, Engine):
            return source.session()
        if isinstance(source, Player):
            return source.session.fork()
        if isinstance(source, Session):
            return source
        msg = f"LayerDebugger.attach was given {source!r}: give a session, an engine, a player or an fm.Debugger; "
        raise OptionError(msg + "a recorded trace has no values to step through")
