"""How often a cache of so many bytes would have hit: from the routing of a trace, for a model of any size.

LRU by stack distance, layer by layer. The page cache is close to LRU but is not LRU; the spread over traces, and
between LRU and a cache that evicts at random, is part of the forecast's interval. Knows no times.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.demo import shipped_places
from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe import load_trace
from flashmoe_nb.observe.stats_cache import stack_depths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.observe import Trace

_FIRST = -1
_LEAST_TOKENS = 24
"""A trace with fewer decoded tokens says nothing about coming back."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Choices of decoded tokens. Shapes: expert_ids [N, L, K], by falling weight."""

    name: str
    expert_ids: NDArray[np.integer]
    num_experts: int


@dataclass(frozen=True, slots=True)
class HitRate:
    """A share and its standard deviation, and what it is made of."""

    mean: float
    spread: float
    source: str
    missing: tuple[NDArray[np.float64], ...]
    """Of each trace: how many of a layer's K reads miss. Shapes: each [tokens, L]."""


def shipped_routing() -> list[Routing]:
    """Of the demo model's recorded traces, one a domain.

    Raises:
        OptionError: there are none.
    """
    for place in shipped_places("traces"):
        found = [routing_of(load_trace(path), path.stem) for path in sorted(place.glob("*.safetensors"))]
        usable = [one for one in found if len(one.expert_ids) >= _LEAST_TOKENS]
        if usable:
            return usable
    raise OptionError(f"there are no recorded traces in {shipped_places('traces')[0]}: give a trace of your own")


def routing_of(trace: Trace, name: str = "") -> Routing:
    """The decoded tokens of a trace."""
    decoded = trace.decode
    return Routing(name or trace.facts.model, np.asarray(decoded.routed_experts), trace.facts.num_experts)


def hit_rate(
    routings: Sequence[Routing],
    held_fraction: float,
    top_k: int,
    *,
    tokens: int | None = None,
    settle: int | None = None,
) -> HitRate:
    """Of a cache that holds a share of all experts.

    Args:
        routings: of the model itself, or of another one whose habits it is given.
        held_fraction: share of the experts that fit.
        top_k: experts a token in force; of a trace with more the heaviest are taken.
        tokens: from an empty cache, over so many tokens; None once the cache has settled.
        settle: tokens of a trace that only fill the cache; None takes the first half.

    Raises:
        OptionError: a trace that is too short, or has fewer experts a token.
    """
    hits = [_hits(routing, held_fraction, top_k, tokens, settle) for routing in routings]
    means = [float(of_one.mean()) for of_one in hits]
    # What another text of the same length would differ by: both it and the trace are samples.
    sampling = statistics.mean(
        math.sqrt(2) * float(of_one.mean(axis=(1, 2)).std()) / len(of_one) ** 0.5 for of_one in hits
    )
    between = statistics.stdev(means) if len(means) > 1 else 0.0
    source = ", ".join(routing.name for routing in routings)
    missing = tuple((1 - of_one).sum(axis=2) for of_one in hits)
    return HitRate(statistics.mean(means), math.hypot(between, sampling), source, missing)


def _hits(
    routing: Routing, held_fraction: float, top_k: int, tokens: int | None, settle: int | None
) -> NDArray[np.float64]:
    """Of the tokens that count. Shapes: [N, L, K]."""
    ids = routing.expert_ids
    if ids.shape[2] < top_k:
        msg = (
            f"trace {routing.name} was recorded with {ids.shape[2]} experts a token, {top_k} are asked for: record it "
        )
        raise OptionError(msg + f"again with top_k={top_k}")
    if len(ids) < _LEAST_TOKENS:
        msg = f"trace {routing.name} has {len(ids)} decoded tokens, {_LEAST_TOKENS} are the least: record a longer one"
        raise OptionError(msg)
    depths = stack_depths(ids[:, :, :top_k], routing.num_experts)
    capacity = held_fraction * routing.num_experts
    seen_before = expected_hits(depths, capacity)
    if tokens is not None:
        return seen_before[:tokens]
    hits = np.where(depths == _FIRST, unseen_hits(depths, capacity, routing.num_experts), seen_before)
    return hits[len(hits) // 2 if settle is None else settle :]


def expected_hits(depths: NDArray[np.int64], capacity: float) -> NDArray[np.float64]:
    """Chance of each access to hit an LRU of a layer that began empty; between two whole capacities a mixture.

    Shapes: depths, as `stack_depths` gives them, and result [N, L, K].
    """
    return np.where(depths == _FIRST, 0.0, np.clip(capacity - depths, 0.0, 1.0))


def unseen_hits(depths: NDArray[np.int64], capacity: float, num_experts: int) -> NDArray[np.float64]:
    """Chance to hit of an expert the trace has not seen, in a cache that was full before the trace began.

    All that the trace has seen was used later than it. So it is held only if the cache has room beyond those, and then
    as likely as any other of the unseen.

    Shapes: depths [N, L, K], result [N, L, 1].
    """
    first = (depths == _FIRST).sum(axis=2)
    seen = np.cumsum(first, axis=0) - first
    left = np.maximum(num_experts - seen, 1)
    return np.asarray(np.clip((capacity - seen) / left, 0.0, 1.0)[..., None])
