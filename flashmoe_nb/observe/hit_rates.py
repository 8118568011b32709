"""How much of what was read the page cache held: since the start, and once the run has settled, as two numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.observe.schema import DECODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace


class HitRates(NamedTuple):
    """Shares of bytes; None where nothing was measured."""

    lifetime: float | None
    """Every read, prefill and warm-up too."""
    prefill: float | None
    decode: float | None
    steady_state: float | None
    """The later half of the decoded tokens: what a long run goes on with."""
    measured_fraction: float
    """Share of the bytes read for which residency is known."""


def hit_rates(trace: Trace) -> HitRates:
    """Of a trace's reads."""
    reads = trace.reads
    before = reads.resident_fraction_before.astype(np.float64)
    known = ~np.isnan(before)
    decoded = trace.phase == DECODE
    late = np.cumsum(decoded) > decoded.sum() / 2
    in_decode = decoded[reads.token]

    def share(of: NDArray[np.bool_]) -> float | None:
        chosen = of & known
        total = int(reads.nbytes[chosen].sum())
        return float((before[chosen] * reads.nbytes[chosen]).sum()) / total if total else None

    return HitRates(
        share(known),
        share(~in_decode),
        share(in_decode),
        share(in_decode & late[reads.token]),
        int(reads.nbytes[known].sum()) / max(1, int(reads.nbytes.sum())),
    )
