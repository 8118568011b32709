"""All layers times all experts on one canvas: which the routers choose now, and which they chose before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import traitlets

from flashmoe_nb.widgets.cache_panel import CachePanel
from flashmoe_nb.widgets.palette import viridis
from flashmoe_nb.widgets.router_panel import RouterPanel
from flashmoe_nb.widgets.view import STATIC, View, blank_picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Session
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
        super().__init__()
        self.on_command("mode", lambda args: self.set_trait("mode", args["mode"]))
        self.routers = RouterPanel(self)
        self.cache = CachePanel(self)
        """Looks only while `mode` is "residency"."""
        if source is not None:
            self.attach(source)

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; keeps the routers' logits of a session's last tokens."""
        super().attach(source, measure_residency=measure_residency)
        if self.mode == "residency":
            self.cache.show()
        return self

    def detach(self) -> Self:
        """As every view; keeps no more logits, and looks at the page cache no more."""
        self.cache.leave()
        self.routers.forget()
        super().detach()
        return self

    def to_html(self, path: str | Path) -> Path:
        """As every view, with the page cache as it was seen last, if it was shown."""
        self.cache.keep_seen()
        return super().to_html(path)

    def picture(self) -> NDArray[np.uint8]:
        """How often each expert was chosen, brighter the more often, on a logarithmic scale."""
        if self.trace is None or not len(self.trace):
            return super().picture()
        return usage_picture(self.trace)

    @traitlets.observe("mode")
    def _mode_changed(self, change: dict[str, Any]) -> None:
        self.keep({"kind": "mode", "mode": change["new"]})
        if change["new"] == "residency":
            self.cache.show()
        else:
            self.cache.leave()

    def _record(self, session: Session) -> None:
        self._holding.enter_context(self.routers.record(session))

    def _fresh(self) -> None:
        self.cache.fresh()


def usage_picture(trace: Trace) -> NDArray[np.uint8]:
    """How often each expert was chosen, brighter the more often, on a logarithmic scale; blank where there are none.

    Shapes: [height, width, 3].
    """
    if not trace.sparse_layers:
        return blank_picture()
    counts = np.log1p(trace.logical_count)
    colours = viridis(counts / max(float(counts.max()), 1.0))
    wide = max(1, _PICTURE_PIXELS // counts.shape[1])
    return colours.repeat(_ROW_PIXELS, axis=0).repeat(wide, axis=1)
