"""The run replayed with expert caches of every size and several policies; sliders pick a size and an SSD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from flashmoe_nb.observe.cache_sizes import POLICIES, CacheSizes, cache_sizes
from flashmoe_nb.widgets.replay_panel import ReplayPanel
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.widgets.view import Attachable

_HEIGHT, _WIDTH = 160, 480
_COLOURS = {"lru": (0, 114, 178), "lfu": (0, 158, 115), "fifo": (204, 121, 167), "belady": (230, 159, 0)}
"""As in widgets/src/cache_sim.ts."""


class CacheSim(View):
    """Hit rate and tokens a second over the size of a cache, by policy, beside what the page cache really hit."""

    _esm = STATIC / "cache_sim.js"

    def __init__(self, source: Attachable | None = None) -> None:
        super().__init__()
        self.replays = ReplayPanel(self)
        if source is not None:
            self.attach(source)

    @property
    def sizes(self) -> CacheSizes | None:
        """The last replay."""
        return self.replays.sizes

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; then replays what is there."""
        super().attach(source, measure_residency=measure_residency)
        self.replays.show()
        return self

    def detach(self) -> Self:
        """As every view; a run that was recorded is replayed whole."""
        recorded = self._live is not None and self._trace is not None and not self._trace.complete
        super().detach()
        if recorded:
            self.replays.begin()
        return self

    def replay(self) -> CacheSizes:
        """Replay the tokens decoded so far, and wait for it.

        Raises:
            OptionError: fewer than two decoded tokens.
        """
        self.replays.begin().result()
        if self.sizes is None:
            assert self._trace is not None
            return cache_sizes(self._trace)  # says what is missing
        return self.sizes

    def close(self) -> None:
        """As every view."""
        super().close()
        self.replays.close()

    def picture(self) -> NDArray[np.uint8]:
        """Hit rates over the size of the cache, a line for each policy."""
        if self.sizes is None:
            return super().picture()
        drawn = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
        drawn[:: _HEIGHT // 4] = 220
        places = np.linspace(0, 1, len(self.sizes.capacities))
        for policy, rates in zip(POLICIES, self.sizes.hit_rates, strict=True):
            rows = np.interp(np.linspace(0, 1, _WIDTH), places, 1 - rates) * (_HEIGHT - 2)
            for thick in range(2):
                drawn[rows.astype(int) + thick, np.arange(_WIDTH)] = _COLOURS[policy]
        return drawn
