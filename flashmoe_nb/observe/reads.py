"""The reads and patches of a trace, as arrays a person can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from flashmoe_nb.observe.read_source import inferred_hits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace


class Patch(NamedTuple):
    """A value that was sent in place of a stage's own."""

    token: int
    """Row of the first token of the pass it was in."""
    layer: int | None
    stage: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reads:
    """Expert reads in the order they were asked for. Shapes: every array [reads]."""

    token: NDArray[np.int64]
    """Row of the first token of the pass the read was for: in a prefill, all its tokens shared it."""
    layer: NDArray[np.uint16]
    """Number of the layer, dense layers counted."""
    expert: NDArray[np.uint16]
    slot: NDArray[np.uint16]
    nbytes: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    thread: NDArray[np.uint16]
    n_calls: NDArray[np.uint16]
    resident_fraction_before: NDArray[np.float32]
    """Share the page cache held; NaN where it was not measured."""

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """Look a trace's columns up."""
        return cls(
            token=trace.column("read_token"),
            layer=trace.column("read_layer"),
            expert=trace.column("read_expert"),
            slot=trace.column("read_slot"),
            nbytes=trace.column("read_bytes"),
            start_ns=trace.column("read_start_ns"),
            end_ns=trace.column("read_end_ns"),
            thread=trace.column("read_thread"),
            n_calls=trace.column("read_calls"),
            resident_fraction_before=trace.column("read_resident_fraction_before"),
        )

    def __len__(self) -> int:
        return len(self.token)

    def __repr__(self) -> str:
        return f"<Reads: {len(self):,} of {int(self.nbytes.sum()):,} bytes>"

    @property
    def inferred_hit(self) -> NDArray[np.bool_]:
        """Whether the page cache held it, to judge by size and time; the rule and its errors are in `read_source`.

        Not to be mixed with `resident_fraction_before`, which was measured.
        """
        return inferred_hits(self.nbytes, self.duration_ns)

    @property
    def duration_ns(self) -> NDArray[np.int64]:
        """Wall time of each read."""
        return self.end_ns - self.start_ns
