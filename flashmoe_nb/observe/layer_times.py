"""When each layer of each pass began, chose, had its experts and ended: a Gantt chart out of a trace alone.

What the times mean depends on the back end: `synced` says whether what lies between them is compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LayerTimes:
    """`time.perf_counter_ns`, as the reads have; tokens of one pass share them. Shapes: every array [N tokens, layers].

    From `start_ns` to `routed_ns` mixer and router run, from there to `read_ns` experts are waited for, from there to
    `end_ns` experts, shared expert and sum run; in a prefill of several waves the first ones run before `read_ns`. A
    dense layer has no router: all of it lies after `routed_ns`. What a debugger or an observer did is in them.
    """

    start_ns: NDArray[np.int64]
    routed_ns: NDArray[np.int64]
    read_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    synced: bool
    """False: a lazy back end built graphs in that time. It computes between `routed_ns` and the layer's first read what
    was built since the last wait, the experts of the layer before among it."""

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """Look a trace's columns up."""
        start, routed, read, end = (trace.column(f"layer_{name}_ns") for name in ("start", "routed", "read", "end"))
        return cls(start, routed, read, end, trace.facts.layer_times_synced)

    @property
    def known(self) -> bool:
        """False for a trace of an earlier schema, whose times are all -1."""
        return bool(self.start_ns.size) and bool(self.start_ns.flat[0] >= 0)

    def __repr__(self) -> str:
        if not self.known:
            return "<LayerTimes: unknown>"
        took_ms = float(np.median(self.end_ns - self.start_ns)) / 1e6
        what = "" if self.synced else ", graphs being built for the most part"
        return f"<LayerTimes of {self.start_ns.shape[0]:,} tokens: {took_ms:.3f} ms a layer, median{what}>"
