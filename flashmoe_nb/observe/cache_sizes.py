"""A run replayed with an expert cache of every size: hit rates by policy, bytes missed, and the time of a token.

A cache here is per layer, and all layers have the same room. LRU comes from stack distances for every size, the others
are played through for a few sizes. Pure numpy; takes a trace, knows no engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe import stats_cache
from flashmoe_nb.observe.hit_rates import hit_rates
from flashmoe_nb.observe.schema import NO_EXPERT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace

POLICIES = ("lru", "lfu", "fifo", "belady")
"""`belady` knows the future: the most any policy could hit."""
TOKENS = 512
"""The last so many decoded tokens are replayed: enough for every expert to have had its chance, and soon done."""
SIZES = 14
_LEAST_TOKENS = 2


@dataclass(frozen=True, slots=True, eq=False)
class CacheSizes:
    """What caches of some sizes would have hit of a run's decoded tokens."""

    capacities: NDArray[np.int64]
    """Experts a layer. Shapes: [C]."""
    hit_rates: NDArray[np.float64]
    """Over all layers. Shapes: [P, C], rows as `POLICIES`; [C] grows."""
    tokens: int
    """Decoded tokens replayed, and counted: those after the warm-up."""
    warmup: int
    realised: float | None
    """Share of the bytes that the page cache really held, in the later half of the decode; None: not measured."""
    layers: int
    top_k: int
    expert_bytes: int
    other_ms: float
    """Of a decoded token, apart from its reads. Median."""
    cache_bytes_per_s: float
    """At which reads that the page cache held came; NaN where none is known."""
    ssd_read_ns: float
    """Of a read that the page cache did not hold, median; NaN where none is known."""

    @property
    def cache_bytes(self) -> NDArray[np.int64]:
        """Of a cache, all layers together. Shapes: [C]."""
        return self.capacities * self.layers * self.expert_bytes

    def tokens_per_s(self, ssd_bytes_per_s: float, latency_s: float = 0.0) -> NDArray[np.float64]:
        """Decoding speed were the misses read from such an SSD. Shapes: [P, C].

        Args:
            ssd_bytes_per_s: of the reads of a layer together.
            latency_s: added for every miss; of reads in parallel, each one's share.

        Raises:
            OptionError: no speed.
        """
        if not ssd_bytes_per_s > 0:
            raise OptionError(f"the SSD reads {ssd_bytes_per_s:,} bytes a second: give more than 0")
        cached_s = 0.0 if np.isnan(self.cache_bytes_per_s) else self.expert_bytes / self.cache_bytes_per_s
        missed_s = latency_s + self.expert_bytes / ssd_bytes_per_s
        read_s = self.hit_rates * cached_s + (1 - self.hit_rates) * missed_s
        return np.asarray(1 / (self.other_ms / 1e3 + self.layers * self.top_k * read_s))


def cache_sizes(trace: Trace, *, tokens: int = TOKENS, sizes: int = SIZES) -> CacheSizes:
    """Replay the last decoded tokens of a trace; the first fifth of them fills the cache and is not counted.

    Args:
        trace: recorded or growing; what it has at this moment counts.
        tokens: at most so many.
        sizes: capacities tried between K and E, in equal ratios.

    Raises:
        OptionError: fewer than two decoded tokens with their full choice of experts.
    """
    decoded = trace.decode[-tokens:] if tokens else trace.decode
    ids = decoded.routed_experts
    ids = ids[(ids != NO_EXPERT).all(axis=(1, 2))]
    if len(ids) < _LEAST_TOKENS or not ids.shape[1]:
        msg = f"{len(ids)} decoded tokens with all their experts: a cache can be replayed from {_LEAST_TOKENS} on; "
        raise OptionError(msg + "decode some more")
    facts = trace.facts
    capacities = _grid(facts.top_k, facts.num_experts, sizes)
    warmup = len(ids) // 5
    other_ms, per_s, ssd_read_ns = _times(decoded)
    return CacheSizes(
        capacities=np.array(capacities),
        hit_rates=_rates(ids, facts.num_experts, capacities, warmup),
        tokens=len(ids) - warmup,
        warmup=warmup,
        realised=hit_rates(trace).steady_state,
        layers=len(facts.sparse_layers),
        top_k=facts.top_k,
        expert_bytes=facts.expert_bytes,
        other_ms=other_ms,
        cache_bytes_per_s=per_s,
        ssd_read_ns=ssd_read_ns,
    )


def busy_ns(start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> int:
    """Time during which at least one of some intervals ran: parallel reads count once.

    Shapes: both [n], sorted by start.
    """
    if not len(start_ns):
        return 0
    reached = np.concatenate([[start_ns[0]], np.maximum.accumulate(end_ns)[:-1]])
    return int(np.maximum(0, end_ns - np.maximum(start_ns, reached)).sum())


def _grid(top_k: int, num_experts: int, sizes: int) -> list[int]:
    return [int(size) for size in np.unique(np.geomspace(top_k, num_experts, sizes).round())]


def _rates(ids: NDArray[np.integer], num_experts: int, capacities: Sequence[int], warmup: int) -> NDArray[np.float64]:
    functions = {
        "lru": stats_cache.lru_rates,
        "lfu": stats_cache.lfu_rates,
        "fifo": stats_cache.fifo_rates,
        "belady": stats_cache.belady_rates,
    }
    return np.stack([functions[name](ids, num_experts, capacities, warmup=warmup).mean(axis=1) for name in POLICIES])


def _times(decoded: Trace) -> tuple[float, float, float]:
    """Milliseconds of a token apart from its reads; bytes a second of resident reads; nanoseconds of the others."""
    reads = decoded.reads
    order = np.lexsort((reads.start_ns, reads.token))
    cuts = np.searchsorted(reads.token[order], np.arange(len(decoded) + 1))
    took = decoded.column("end_ns") - decoded.column("start_ns")
    other = [
        took[row] - busy_ns(reads.start_ns[order[low:high]], reads.end_ns[order[low:high]])
        for row, (low, high) in enumerate(pairwise(cuts))
    ]
    before, duration_ns = reads.resident_fraction_before, reads.duration_ns
    held, missed = before >= 1, before <= 0
    spent_ns = int(duration_ns[held].sum())
    per_s = float(reads.nbytes[held].sum()) / spent_ns * 1e9 if spent_ns else float("nan")
    ssd_read_ns = float(np.median(duration_ns[missed])) if missed.any() else float("nan")
    return float(np.median(other)) / 1e6, per_s, ssd_read_ns
