"""The expert reads of each token on a true time axis, and a button that makes memory scarce when all are hits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from flashmoe_nb.observe.read_source import ReadSource, read_sources
from flashmoe_nb.widgets.limit_panel import LimitPanel
from flashmoe_nb.widgets.view import STATIC, View, engine_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from flashmoe_nb.engine import MemoryLimit
    from flashmoe_nb.widgets.view import Attachable

_ROW_PIXELS, _PICTURE_PIXELS = 16, 1024
_COLOURS = {
    ReadSource.PAGE_CACHE: (0, 158, 115),
    ReadSource.PARTLY: (204, 121, 167),
    ReadSource.SSD: (230, 159, 0),
    ReadSource.INFERRED_PAGE_CACHE: (0, 158, 115),
    ReadSource.INFERRED_SSD: (230, 159, 0),
}
"""As in widgets/src/reads.ts."""


class ReadTimeline(View):
    """Lanes of parallel reads by layer, coloured by source; running GB/s, hit fraction and time spent waiting."""

    _esm = STATIC / "read_timeline.js"

    def __init__(self, source: Attachable | None = None) -> None:
        super().__init__()
        self.limits = LimitPanel(self)
        if source is not None:
            self.attach(source)

    @property
    def limit(self) -> MemoryLimit | None:
        """In force; made by the button or `impose`."""
        return self.limits.limit

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; a session's engine can be given a memory limit."""
        if engine_of(source) is not self.engine:
            self.lift().result()
        super().attach(source, measure_residency=measure_residency)
        self.limits.show()
        return self

    def impose(self, nbytes: int) -> Future[None]:
        """Limit the page cache of the attached session's engine, as `fm.memory_limit`; returns at once.

        Args:
            nbytes: of the limit; below 1 GiB eviction is imposed instead of a memory cgroup, which would end the
                process as soon as it allocates as much itself.

        Raises:
            OptionError: nothing with an engine is attached, or too few bytes.
        """
        return self.limits.impose(nbytes)

    def lift(self) -> Future[None]:
        """End the limit; returns at once."""
        return self.limits.lift()

    def close(self) -> None:
        """As every view; lifts the limit."""
        self.limits.close()
        super().close()

    def picture(self) -> NDArray[np.uint8]:
        """The reads of the last token on its time axis, a row for each layer, coloured by source."""
        trace = self.trace
        if trace is None or not len(trace):
            return super().picture()
        last = trace[int(trace.column("pass_start")[-1]) :]
        start_ns, end_ns = int(last.column("start_ns")[0]), int(last.column("end_ns")[0])
        scale = _PICTURE_PIXELS / max(1, end_ns - start_ns)
        drawn = np.full((_ROW_PIXELS * len(trace.sparse_layers), _PICTURE_PIXELS, 3), 255, np.uint8)
        reads = last.reads
        columns = zip(reads.layer.tolist(), reads.start_ns.tolist(), reads.end_ns.tolist(), strict=True)
        for (layer, begun, done), source in zip(columns, read_sources(last).tolist(), strict=True):
            top = _ROW_PIXELS * trace.layer_row(layer)
            left = int((begun - start_ns) * scale)
            right = max(left + 1, int((done - start_ns) * scale))
            drawn[top + 1 : top + _ROW_PIXELS - 1, left:right] = _COLOURS[ReadSource(source)]
        return drawn
