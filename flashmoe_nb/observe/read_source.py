"""Where each expert read came from, page cache or SSD: as measured before it, else inferred from its size and time.

The two are told apart: what is inferred has names of its own and is never counted as measured. Pure numpy.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace

CACHE_OVERHEAD_NS = 30_000
CACHE_BYTES_PER_S = 6e9
"""A read that takes longer than this overhead and rate allow is inferred to have waited for the SSD.

Of the seven traces in data/traces (92,000 reads of 11,520 bytes, 2 cores, Linux) the rule puts at most 0.8 % of the
reads that were resident with the SSD, and at most 0.06 % of the others with the page cache. For records of 7 MB it lies
between the 0.3 to 1.0 ms of a warm read and the 2 ms and more of a cold one; an SSD of 7 GB/s or more can fool it.
"""


class ReadSource(IntEnum):
    """Where a read's bytes were."""

    PAGE_CACHE = 0
    PARTLY = 1
    SSD = 2
    INFERRED_PAGE_CACHE = 3
    INFERRED_SSD = 4


def inferred_hits(nbytes: NDArray[np.integer], duration_ns: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether reads were as quick as the page cache is; says nothing about what was measured. Shapes: all [reads]."""
    return np.asarray(duration_ns <= CACHE_OVERHEAD_NS + nbytes * (1e9 / CACHE_BYTES_PER_S))


def read_sources(trace: Trace) -> NDArray[np.uint8]:
    """Of every read. Shapes: [reads], values of `ReadSource`.

    Where experts share pages, what was measured is partly the neighbours': then too the time decides.
    """
    reads = trace.reads
    before = reads.resident_fraction_before
    found = np.where(reads.inferred_hit, ReadSource.INFERRED_PAGE_CACHE, ReadSource.INFERRED_SSD)
    if trace.facts.residency_per_expert:
        partly = np.where(before <= 0, ReadSource.SSD, ReadSource.PARTLY)
        measured = np.where(before >= 1, ReadSource.PAGE_CACHE, partly)
        found = np.where(np.isnan(before), found, measured)
    return found.astype(np.uint8)
