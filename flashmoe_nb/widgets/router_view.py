"""All layers times all experts on one canvas: which the routers choose now, and which they chose before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import traitlets

from flashmoe_nb.widgets.palette import viridis
from flashmoe_nb.widgets.router_panel import RouterPanel
from flashmoe_nb.widgets.sweeper import Sweeper
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine, Session
    from flashmoe_nb.observe.trace import Trace
    from flashmoe_nb.widgets.view import Attachable

MODES = ("now", "counts", "recency", "residency", "source")
_ROW_PIXELS = 12
_PICTURE_PIXELS = 1024
"""Width of a picture drawn without a front end."""


class RouterView(View):
    """The experts chosen for each token, layer by layer; click a layer for its router's decision."""

    _esm = STATIC / "router_view.js"

    mode = traitlets.Enum(MODES, "now")
    """What colours mean: experts of this token over a fading glow, how often, how long ago, page cache, hit or miss."""

    def __init__(self, source: Attachable | None = None) -> None:
        self._sweeper: Sweeper | None = None
        super().__init__()
        self.on_command("mode", lambda args: self.set_trait("mode", args["mode"]))
        self.routers = RouterPanel(self)
        if source is not None:
            self.attach(source)

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; keeps the routers' logits of a session's last tokens."""
        super().attach(source, measure_residency=measure_residency)
        if self.mode == "residency":
            self._start_sweep()
        return self

    def detach(self) -> Self:
        """As every view; keeps no more logits, and looks at the page cache no more."""
        self._stop_sweep()
        self.routers.forget()
        super().detach()
        return self

    def picture(self) -> NDArray[np.uint8]:
        """How often each expert was chosen, brighter the more often, on a logarithmic scale."""
        if self.trace is None or not len(self.trace):
            return super().picture()
        return usage_picture(self.trace)

    @traitlets.observe("mode")
    def _mode_changed(self, change: dict[str, Any]) -> None:
        self.keep({"kind": "mode", "mode": change["new"]})
        if change["new"] == "residency":
            self._start_sweep()
        else:
            self._stop_sweep()

    def _record(self, session: Session) -> None:
        self._holding.enter_context(self.routers.record(session))

    # -- the page cache, while it is shown ---------------------------------------------------------------------------
    def _start_sweep(self) -> None:
        engine: Engine | None = self.engine
        if engine is not None and self._sweeper is None and self.trace is not None:
            layers = self.trace.sparse_layers
            self._sweeper = Sweeper(layers, engine.residency, self._found, self._failed)

    def _stop_sweep(self) -> None:
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.close()

    def _found(self, layer: int, shares: NDArray[np.uint8]) -> None:
        self.put({"kind": "residency", "layer": layer}, [shares.tobytes()], key=("residency", layer))

    def _failed(self, text: str) -> None:
        self.put({"kind": "error", "text": text})

    def _fresh(self) -> None:
        if self._sweeper is not None:
            self._sweeper.resend()


def usage_picture(trace: Trace) -> NDArray[np.uint8]:
    """How often each expert was chosen, brighter the more often, on a logarithmic scale. Shapes: [height, width, 3]."""
    counts = np.log1p(trace.logical_count)
    colours = viridis(counts / max(float(counts.max()), 1.0))
    wide = max(1, _PICTURE_PIXELS // counts.shape[1])
    return colours.repeat(_ROW_PIXELS, axis=0).repeat(wide, axis=1)
