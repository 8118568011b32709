"""All layers times all experts on one canvas: which the routers choose now, and which they chose before."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import traitlets

from flashmoe_nb.errors import ClosedError
from flashmoe_nb.widgets.palette import viridis
from flashmoe_nb.widgets.router_tape import RouterTape
from flashmoe_nb.widgets.sweeper import Sweeper
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine, Session
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
        self._tape: RouterTape | None = None
        self._sweeper: Sweeper | None = None
        super().__init__()
        self.on_command("mode", lambda args: self.set_trait("mode", args["mode"]))
        self.on_command("router", self._ask_router)
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
        self._tape = None
        super().detach()
        return self

    def picture(self) -> NDArray[np.uint8]:
        """How often each expert was chosen, brighter the more often, on a logarithmic scale."""
        if self.trace is None or not len(self.trace):
            return super().picture()
        counts = np.log1p(self.trace.logical_count)
        colours = viridis(counts / max(float(counts.max()), 1.0))
        wide = max(1, _PICTURE_PIXELS // counts.shape[1])
        return colours.repeat(_ROW_PIXELS, axis=0).repeat(wide, axis=1)

    @traitlets.observe("mode")
    def _mode_changed(self, change: dict[str, Any]) -> None:
        self.keep({"kind": "mode", "mode": change["new"]})
        if change["new"] == "residency":
            self._start_sweep()
        else:
            self._stop_sweep()

    # -- one router's decision ---------------------------------------------------------------------------------------
    def _record(self, session: Session) -> None:
        self._tape = RouterTape(session.engine)
        self._holding.enter_context(session.tape(self._tape))

    def _ask_router(self, args: dict[str, Any]) -> None:
        """Answered from a thread: the engine may be in the middle of a token."""
        threading.Thread(target=self._answer_router, args=(args["layer"], args["token"]), daemon=True).start()

    def _answer_router(self, layer: int, token: int) -> None:
        found: NDArray[np.float32] | None = None
        note = "A trace keeps the chosen experts only; attach a session for the others."
        if self._tape is not None and self.trace is not None:
            note = f"The router's logits of token {token} are not kept any more, only those of the last tokens."
            try:
                found = self._tape.probabilities(token, self.trace.layer_row(layer))
            except ClosedError as error:
                note = str(error)
        part = {"kind": "router", "layer": layer, "token": token, "note": "" if found is not None else note}
        self.put(part, [] if found is None else [found.tobytes()], key="router")

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
