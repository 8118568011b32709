"""A trace's choices replayed through caches of other sizes and policies, beside what really happened and an oracle.

Knows a trace and the statistics; the figure of cache capacity is drawn from this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.stats_cache import belady_rates, fifo_rates, lfu_rates, lru_curve, static_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.observe.trace import Trace


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Replay:
    """Hit rates of caches that hold C experts of every layer, means over the layers, of decoded tokens."""

    capacities: NDArray[np.int64]
    """Of fifo, lfu and belady. Shapes: [C]."""
    lru: NDArray[np.float64]
    """By capacity from 0. Shapes: [E + 1]."""
    static: NDArray[np.float64]
    """The busiest experts of the first half, kept through the second. Shapes: [E + 1]."""
    fifo: NDArray[np.float64]
    lfu: NDArray[np.float64]
    belady: NDArray[np.float64]
    """The most any policy could hit: it knows what comes."""
    realised: float | None
    """What the page cache held in the same tokens; None where it was not measured."""
    warmup: int
    """Decoded tokens that fill the caches and are not counted."""
    counted: int

    def __repr__(self) -> str:
        real = "not measured" if self.realised is None else f"{self.realised:.1%}"
        return f"<Replay of {self.counted:,} tokens after {self.warmup:,} of warm-up: realised {real}>"


def replay(trace: Trace, capacities: Sequence[int] | None = None, *, warmup: int = 0) -> Replay:
    """Replay the decoded tokens of a trace.

    Args:
        trace: at least two decoded tokens beyond the warm-up.
        capacities: experts of a layer, for the policies that take a pass each; doubling from K when left out.
        warmup: decoded tokens to fill the caches with first: 0 gives lifetime rates, half of them steady-state ones.

    Raises:
        OptionError: too few tokens, or capacities below K or above E.
    """
    decode, experts = trace.decode, trace.facts.num_experts
    ids, counted = np.asarray(decode.routed_experts), len(decode) - warmup
    if warmup < 0 or counted < 2 or not trace.sparse_layers:  # noqa: PLR2004 - a first use is no hit
        msg = f"the trace has {len(decode)} decoded tokens in {len(trace.sparse_layers)} sparse layers, warmup is "
        raise OptionError(f"{msg}{warmup}: a replay needs two tokens after the warm-up, so record more")
    sizes = _doubling(ids.shape[-1], experts) if capacities is None else [int(size) for size in capacities]
    half = len(ids) // 2
    return Replay(
        capacities=np.array(sizes, np.int64),
        lru=lru_curve(ids, experts, warmup=warmup).mean(axis=0),
        static=static_curve(ids[:half], ids[half:], experts).mean(axis=0),
        fifo=fifo_rates(ids, experts, sizes, warmup=warmup).mean(axis=1),
        lfu=lfu_rates(ids, experts, sizes, warmup=warmup).mean(axis=1),
        belady=belady_rates(ids, experts, sizes, warmup=warmup).mean(axis=1),
        realised=decode[warmup:].hit_rates.lifetime,
        warmup=warmup,
        counted=counted,
    )


def _doubling(top_k: int, num_experts: int) -> list[int]:
    sizes = []
    size = top_k
    while size < num_experts:
        sizes.append(size)
        size *= 2
    return [*sizes, num_experts]
