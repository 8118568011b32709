"""What the page cache holds of each expert, looked at layer by layer in the background; buttons evict and warm."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.palette import viridis
from flashmoe_nb.widgets.sweeper import FULL, Sweeper
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.widgets.view import Attachable

_ROW_PIXELS = 12
_PICTURE_PIXELS = 1024


class PageCacheView(View):
    """Residency per expert and layer; of a recorded trace, what its reads found."""

    _esm = STATIC / "page_cache_view.js"

    def __init__(self, source: Attachable | None = None) -> None:
        super().__init__()
        self._sweeper: Sweeper | None = None
        self._shares: dict[int, NDArray[np.uint8]] = {}
        self.on_command("evict", lambda args: self.evict(args.get("layer")))
        self.on_command("warm", lambda args: self.warm(args.get("layer")))
        self.on_command("pause", lambda _: self.pause())
        self.on_command("resume", lambda _: self.resume())
        if source is not None:
            self.attach(source)

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; then looks at the page cache of a session's engine, one layer at a time."""
        super().attach(source, measure_residency=measure_residency)
        self._shares = {}
        self.keep({"kind": "residency_seen", "layers": {}})
        engine = self.engine
        if engine is None:
            self._tell("none")
            return self
        assert self.trace is not None
        self._sweeper = Sweeper(self.trace.sparse_layers, engine.residency, self._found, self._failed)
        self._tell("on")
        return self

    def detach(self) -> Self:
        """As every view; looks no more, what was seen last stays."""
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.close()
            self._tell("none", "the page cache is not looked at any more.")
        super().detach()
        return self

    def evict(self, layer: int | None = None) -> None:
        """Drop the experts of a layer, or of all, from the page cache; returns at once.

        Raises:
            OptionError: nothing with an engine is attached.
        """
        engine, what = self._engine_to("evict"), _named(layer)
        self._work(f"evicting {what} …", lambda: engine.evict(layer))

    def warm(self, layer: int | None = None) -> None:
        """Read the experts of a layer, or of all, into the page cache; returns at once.

        Raises:
            OptionError: nothing with an engine is attached.
        """
        engine, what = self._engine_to("warm"), _named(layer)
        self._work(f"reading {what} …", lambda: engine.warm(layer))

    def pause(self) -> None:
        """Look no more until `resume`; evicting and warming still work, and are looked at."""
        if self._sweeper is not None:
            self._sweeper.pause()
            self._tell("paused")

    def resume(self) -> None:
        """Go on looking."""
        if self._sweeper is not None:
            self._sweeper.resume()
            self._tell("on")

    def to_html(self, path: str | Path) -> Path:
        """As every view, with the page cache as it was seen last."""
        if self._shares:
            shares = {str(layer): base64.b64encode(found.tobytes()).decode() for layer, found in self._shares.items()}
            self.keep({"kind": "residency_seen", "layers": shares})
        return super().to_html(path)

    def picture(self) -> NDArray[np.uint8]:
        """A row for each layer, yellow where an expert is resident, grey: unknown; of a trace, as reads found it."""
        if self.trace is None:
            return super().picture()
        facts = self.trace.facts
        shares = np.full((len(facts.sparse_layers), facts.num_experts), np.nan, np.float32)
        if self._shares:
            for layer, found in self._shares.items():
                shares[self.trace.layer_row(layer)] = found / np.float32(FULL)
        elif facts.residency_per_expert:
            reads = self.trace.reads
            rows = np.searchsorted(facts.sparse_layers, reads.layer)
            shares[rows, reads.expert] = reads.resident_fraction_before
        drawn = np.where(np.isnan(shares)[..., None], np.uint8(200), viridis(np.nan_to_num(shares)))
        return drawn.repeat(_ROW_PIXELS, axis=0).repeat(max(1, _PICTURE_PIXELS // facts.num_experts), axis=1)

    # -- on the sweeper's thread -------------------------------------------------------------------------------------
    def _found(self, layer: int, shares: NDArray[np.uint8]) -> None:
        self._shares[layer] = shares
        self.put({"kind": "residency", "layer": layer}, [shares.tobytes()], key=("residency", layer))

    def _failed(self, text: str) -> None:
        self.put({"kind": "error", "text": text})

    def _work(self, text: str, job: Callable[[], object]) -> None:
        sweeper = self._sweeper
        assert sweeper is not None

        def do() -> None:
            try:
                job()
            finally:
                self._tell("paused" if sweeper.paused else "on")

        self._tell("busy", text)
        sweeper.post(do)

    def _engine_to(self, verb: str) -> Engine:
        if self.engine is None or self._sweeper is None:
            raise OptionError(f"there is no page cache to {verb}: attach(session), a trace was recorded earlier")
        return self.engine

    def _fresh(self) -> None:
        """A front end that is new has seen no residency."""
        if self._sweeper is not None:
            self._sweeper.resend()

    def _tell(self, state: str, text: str = "") -> None:
        self.keep({"kind": "sweep", "state": state, "text": text})


def _named(layer: Any) -> str:
    return "all layers" if layer is None else f"layer {layer}"
