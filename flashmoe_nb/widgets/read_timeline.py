"""The expert reads of each token on a true time axis, and a button that makes memory scarce when all are hits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from flashmoe_nb.engine import MemoryLimit, memory_limit
from flashmoe_nb.errors import FlashMoeError, OptionError
from flashmoe_nb.observe.read_source import ReadSource, read_sources
from flashmoe_nb.widgets.view import STATIC, View, engine_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.engine.memory_limit import Kind
    from flashmoe_nb.widgets.view import Attachable

SHARES = (0.5, 0.25, 0.125)
"""Of all expert bytes: the limits offered."""
LEAST_BYTES = 16 * 2**20
GROUP_BYTES = 2**30
"""A memory cgroup smaller than this would end the kernel once a cell allocates as much: eviction is imposed then."""

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
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="flashmoe limit")
        self.limit: MemoryLimit | None = None
        """In force; made by the button or `impose`."""
        self.on_command("limit", lambda args: self.impose(int(args["nbytes"])))
        self.on_command("lift", lambda _: self.lift())
        if source is not None:
            self.attach(source)

    def attach(self, source: Attachable, *, measure_residency: bool = False) -> Self:
        """As every view; a session's engine can be given a memory limit."""
        if engine_of(source) is not self.engine:
            self.lift().result()
        super().attach(source, measure_residency=measure_residency)
        self._tell()
        return self

    def impose(self, nbytes: int) -> Future[None]:
        """Limit the page cache of the attached session's engine, as `fm.memory_limit`; returns at once.

        Args:
            nbytes: of the limit; below 1 GiB eviction is imposed instead of a memory cgroup, which would end the
                process as soon as it allocates as much itself.

        Raises:
            OptionError: nothing with an engine is attached, or too few bytes.
        """
        if self.engine is None:
            raise OptionError("a limit needs a model that runs: attach(session), a trace was recorded earlier")
        kind: Kind = "auto" if nbytes >= GROUP_BYTES else "imposed"
        limit = memory_limit(nbytes, self.engine, kind)
        self._tell("busy", "Taking the memory away …")
        return self._worker.submit(self._enter, limit)

    def lift(self) -> Future[None]:
        """End the limit; returns at once."""
        return self._worker.submit(self._leave)

    def close(self) -> None:
        """As every view; lifts the limit."""
        self._worker.shutdown()
        self._leave()
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

    def _enter(self, limit: MemoryLimit) -> None:
        self._leave()
        try:
            limit.__enter__()
        except FlashMoeError as error:
            self._tell("off", str(error))
        else:
            self.limit = limit
            self._tell()

    def _leave(self) -> None:
        limit, self.limit = self.limit, None
        if limit is not None:
            limit.__exit__()
            self._tell()

    def _tell(self, state: str = "", text: str = "") -> None:
        """What the banner says."""
        engine, limit = self.engine, self.limit
        if not state:
            state = "none" if engine is None else "off" if limit is None else "on"
            text = "" if limit is None else in_force(limit)
        self.keep({"kind": "limit", "state": state, "text": text, "choices": [] if engine is None else choices(engine)})


def choices(engine: Engine) -> list[dict[str, Any]]:
    """Limits worth trying: shares of all expert bytes, none below what a limit may be; none where all would fit."""
    total = engine.checkpoint.expert_bytes
    sizes = sorted({size for share in SHARES if (size := max(LEAST_BYTES, int(total * share))) < total}, reverse=True)
    return [{"nbytes": size, "text": f"{size / 1e6:,.0f} MB ({size / total:.0%} of the experts)"} for size in sizes]


def in_force(limit: MemoryLimit) -> str:
    """What a limit does, in a sentence."""
    how = {
        "imposed eviction": "experts are evicted at random to hold them below it: not what a kernel would choose",
        "locked memory": "the rest of memory is locked, also for other programs",
    }.get(limit.kind, "the kernel evicts what is beyond it")
    return f"A limit of {limit.nbytes / 1e6:,.0f} MB is in force ({limit.kind}): {how}."
