"""The routing of one pass as numpy arrays, and of many as columns. Knows arrays of a back end only through `Ops`."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.router import RouterSummary, router_summary
from flashmoe_nb.observe.schema import NO_EXPERT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.events import Routing
    from flashmoe_nb.observe.schema import Columns
    from flashmoe_nb.ops import Ops

    Arrays = Sequence[NDArray[Any]]

_LOGITS_AT_ONCE = 2**20
"""Of a prefill, brought to numpy together."""
_SUMMED_AT_ONCE = 2**15 - 1
"""Logits of decoded tokens summed up together: less than 128 KB, so that the C library maps no memory for them."""
_IN_ORDER = attrgetter("expert_ids", "routing_weights", "logits")


class Routed(NamedTuple):
    """What the routers of L layers decided for T tokens. Shapes: expert_ids and weights [T, L, K]."""

    expert_ids: NDArray[Any]
    weights: NDArray[Any]
    summary: RouterSummary

    def columns(self) -> Columns:
        """Under their names in a trace."""
        return {
            "expert_ids": self.expert_ids,
            "routing_weights": self.weights,
            "router_entropy": self.summary.entropy,
            "kept_mass": self.summary.kept_mass,
            "router_margin": self.summary.margin,
        }


class OneToken(NamedTuple):
    """What they decided for one token, each choosing K, in pieces: all layers in one array, or one for each."""

    n_layers: int
    expert_ids: Arrays
    weights: Arrays
    logits: Arrays

    @property
    def n_logits(self) -> int:
        """Of all layers."""
        return sum(array.size for array in self.logits)


def routed(ops: Ops, routing: Sequence[Routing], n_tokens: int, top_k: int, *, keep: bool) -> Routed | OneToken:
    """Bring a pass to numpy: of one token the logits as they are, of many some layers at a time and summed up.

    Args:
        ops: whose arrays they are; on its own thread.
        routing: of each sparse layer, evaluated.
        n_tokens: T.
        top_k: experts the trace keeps; a layer that chose fewer is filled up with `NO_EXPERT`.
        keep: arrays of an eager back end may be kept without a copy: nobody else has them.

    Raises:
        OptionError: a layer was made to choose more.
    """
    if not routing:
        none = np.empty((n_tokens, 0), np.float32)
        empty = np.empty((n_tokens, 0, top_k), np.uint16)
        return Routed(empty, empty.astype(np.float32), RouterSummary(none, none, none))
    uniform = all(layer.expert_ids.shape[-1] == top_k for layer in routing)
    if n_tokens == 1 and uniform:
        if keep and not ops.lazy:
            return OneToken(len(routing), *zip(*map(_IN_ORDER, routing), strict=True))
        return OneToken(len(routing), *([array] for array in _arrays(ops, routing, 1)))
    step = max(1, _LOGITS_AT_ONCE // routing[0].logits.size) if uniform else 1
    parts = [_arrays(ops, routing[start : start + step], n_tokens) for start in range(0, len(routing), step)]
    summaries = [router_summary(logits, ids) for ids, _, logits in parts]
    filled = [_fill_up(ids, weights, top_k, layer * step) for layer, (ids, weights, _) in enumerate(parts)]
    ids, weights = (np.concatenate([part[n] for part in filled], axis=1) for n in range(2))
    return Routed(ids, weights, RouterSummary(*(np.concatenate([part[n] for part in summaries], 1) for n in range(3))))


def join_routed(parts: Sequence[Routed | OneToken]) -> Columns:
    """The columns of several passes, one after the other; those of one token each are summed up some at a time."""
    each = [part.columns() for part in _in_blocks(parts)]
    return {name: np.concatenate([columns[name] for columns in each]) for name in each[0]}


def _in_blocks(parts: Sequence[Routed | OneToken]) -> Iterator[Routed]:
    waiting: list[OneToken] = []
    for part in parts:
        if isinstance(part, OneToken):
            waiting.append(part)
            if (len(waiting) + 1) * part.n_logits > _SUMMED_AT_ONCE:
                yield _stack(waiting)
                waiting = []
        else:
            if waiting:
                yield _stack(waiting)
                waiting = []
            yield part
    if waiting:
        yield _stack(waiting)


def _stack(tokens: Sequence[OneToken]) -> Routed:
    shape = len(tokens), tokens[0].n_layers, -1
    ids, weights, logits = (
        np.concatenate(list(chain.from_iterable(pieces)), axis=None).reshape(shape)
        for pieces in list(zip(*tokens, strict=True))[1:]
    )
    return Routed(ids, weights, router_summary(logits, ids))


def _arrays(ops: Ops, routing: Sequence[Routing], n_tokens: int) -> list[NDArray[Any]]:
    """Ids, weights and logits [T, L, ...], layers together so that a GPU is asked once."""
    return [
        ops.to_numpy(ops.concat(list(of_layers))).reshape(n_tokens, len(routing), -1)
        for of_layers in zip(*map(_IN_ORDER, routing), strict=True)
    ]


def _fill_up(ids: NDArray[Any], weights: NDArray[Any], top_k: int, layer: int) -> tuple[NDArray[Any], NDArray[Any]]:
    found = ids.shape[-1]
    if found > top_k:
        msg = f"sparse layer {layer} was made to choose {found} experts, this trace keeps {top_k}: "
        raise OptionError(f"{msg}record with most_experts={found} or more")
    room = ((0, 0), (0, 0), (0, top_k - found))
    return np.pad(ids.astype(np.uint16), room, constant_values=NO_EXPERT), np.pad(weights.astype(np.float32), room)
