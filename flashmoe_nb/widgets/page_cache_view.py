"""What the page cache holds of each expert, looked at layer by layer in the background; buttons evict and warm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from flashmoe_nb.widgets.cache_panel import CachePanel
from flashmoe_nb.widgets.palette import viridis
from flashmoe_nb.widgets.sweeper import FULL
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from flashmoe_nb.widgets.view import Attachable

_ROW_PIXELS = 12
_PICTURE_PIXELS = 1024


class PageCacheView(View):
    """Residency per expert and layer; of a recorded trace, what its reads found."""

    _esm = STATIC / "page_cache_view.js"

    def __init__(self, source: Attachable | None = None) -> None:
        super().__init__()
        self.cache = CachePanel(self)
        if source is not None:
            self.attach(source)

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; then looks at the page cache of a session's engine, one layer at a time."""
        super().attach(source, measure_residency=measure_residency)
        self.cache.show()
        return self

    def detach(self) -> Self:
        """As every view; looks no more, what was seen last stays."""
        self.cache.leave()
        super().detach()
        return self

    def evict(self, layer: int | None = None) -> None:
        """Drop the experts of a layer, or of all, from the page cache; returns at once.

        Raises:
            OptionError: nothing with an engine and experts is attached.
            ClosedError: its engine was closed.
        """
        self.cache.evict(layer)

    def warm(self, layer: int | None = None) -> None:
        """Read the experts of a layer, or of all, into the page cache; returns at once.

        Raises:
            OptionError: nothing with an engine and experts is attached.
            ClosedError: its engine was closed.
        """
        self.cache.warm(layer)

    def pause(self) -> None:
        """Look no more until `resume`; evicting and warming still work, and are looked at."""
        self.cache.pause()

    def resume(self) -> None:
        """Go on looking."""
        self.cache.resume()

    def to_html(self, path: str | Path) -> Path:
        """As every view, with the page cache as it was seen last."""
        self.cache.keep_seen()
        return super().to_html(path)

    def picture(self) -> NDArray[np.uint8]:
        """A row for each layer, yellow where an expert is resident, grey: unknown; of a trace, as reads found it."""
        if self.trace is None or not self.trace.sparse_layers:
            return super().picture()
        facts = self.trace.facts
        shares = np.full((len(facts.sparse_layers), facts.num_experts), np.nan, np.float32)
        if self.cache.shares:
            for layer, found in self.cache.shares.items():
                shares[self.trace.layer_row(layer)] = found / np.float32(FULL)
        elif facts.residency_per_expert:
            reads = self.trace.reads
            rows = np.searchsorted(facts.sparse_layers, reads.layer)
            shares[rows, reads.expert] = reads.resident_fraction_before
        drawn = np.where(np.isnan(shares)[..., None], np.uint8(200), viridis(np.nan_to_num(shares)))
        return drawn.repeat(_ROW_PIXELS, axis=0).repeat(max(1, _PICTURE_PIXELS // facts.num_experts), axis=1)

    def _fresh(self) -> None:
        self.cache.fresh()
