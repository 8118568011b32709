"""The run replayed with expert caches of every size and several policies; sliders pick a size and an SSD."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from flashmoe_nb.errors import FlashMoeError
from flashmoe_nb.observe.cache_sizes import POLICIES, CacheSizes, cache_sizes
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from concurrent.futures import Future

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
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flashmoe cache sim")
        self.sizes: CacheSizes | None = None
        """The last replay."""
        self.on_command("replay", lambda _: self._replay())
        if source is not None:
            self.attach(source)

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; then replays what is there."""
        super().attach(source, measure_residency=measure_residency)
        self.sizes = None
        self._replay()
        return self

    def detach(self) -> Self:
        """As every view; a run that was recorded is replayed whole."""
        recorded = self._live is not None and self._trace is not None and not self._trace.complete
        super().detach()
        if recorded:
            self._replay()
        return self

    def replay(self) -> CacheSizes:
        """Replay the tokens decoded so far, and wait for it.

        Raises:
            OptionError: fewer than two decoded tokens.
        """
        self._replay().result()
        if self.sizes is None:
            assert self._trace is not None
            return cache_sizes(self._trace)  # says what is missing
        return self.sizes

    def close(self) -> None:
        """As every view."""
        super().close()
        self._worker.shutdown()

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

    def _replay(self) -> Future[None]:
        return self._worker.submit(self._work)

    def _work(self) -> None:
        if self._trace is None:
            return
        try:
            self.sizes = cache_sizes(self._trace)
        except FlashMoeError as error:
            self.keep({"kind": "cache_sim", "sim": None, "note": str(error)})
        else:
            note = "" if self._trace.complete else f"The run goes on: at the replay it had {len(self._trace)} tokens."
            self.keep({"kind": "cache_sim", "sim": _json(self.sizes), "note": note})


def _json(sizes: CacheSizes) -> dict[str, Any]:
    """As widgets/src/curves.ts takes it; JSON has no NaN."""
    values = {one.name: getattr(sizes, one.name) for one in fields(sizes)}
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}
    known = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in plain.items()}
    return {"policies": list(POLICIES), **known}
