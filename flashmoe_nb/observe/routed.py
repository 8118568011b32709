"""The routing of one pass as numpy arrays, and of many as columns. Knows arrays of a back end only through `Ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.router import RouterSummary, router_summary
from flashmoe_nb.observe.schema import NO_EXPERT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.events import Routing
    from flashmoe_nb.observe.schema import Columns
    from flashmoe_nb.ops import Ops

_LOGITS_AT_ONCE = 2**20


class Routed(NamedTuple):
    """What the routers of L layers decided for T tokens. Shapes: expert_ids and weights [T, L, K]."""

    expert_ids: NDArray[np.integer]
    weights: NDArray[np.float32]
    logits: NDArray[np.float32] | None
    """[T, L, E], until they are summed up."""
    summary: RouterSummary | None

    def columns(self) -> Columns:
        """Under their names in a trace."""
        summary = self.summary or router_summary(_known(self.logits), self.expert_ids)
        return {
            "expert_ids": self.expert_ids,
            "routing_weights": self.weights,
            "router_entropy": summary.entropy,
            "kept_mass": summary.kept_mass,
            "router_margin": summary.margin,
        }


def routed(ops: Ops, routing: Sequence[Routing], n_tokens: int, top_k: int) -> Routed:
    """Bring a pass to numpy: of one token the logits as they are, of many some layers at a time and summed up.

    Args:
        ops: whose arrays they are; on its own thread.
        routing: of each sparse layer, evaluated.
        n_tokens: T.
        top_k: K of the trace; a layer that was made to choose fewer is filled up with `NO_EXPERT`.

    Raises:
        OptionError: a layer was made to choose more.
    """
    if not routing:
        none = np.empty((n_tokens, 0), np.float32)
        return Routed(
            np.empty((n_tokens, 0, top_k), np.uint16),
            np.empty((n_tokens, 0, top_k), np.float32),
            None,
            RouterSummary(none, none, none),
        )
    uniform = all(layer.expert_ids.shape[-1] == top_k for layer in routing)
    if n_tokens == 1 and uniform:
        return _arrays(ops, routing, 1)
    step = max(1, _LOGITS_AT_ONCE // routing[0].logits.size) if uniform else 1
    parts = [_arrays(ops, routing[start : start + step], n_tokens) for start in range(0, len(routing), step)]
    summaries = [router_summary(_known(part.logits), part.expert_ids) for part in parts]
    filled = [_fill_up(part, top_k, layer * step) for layer, part in enumerate(parts)]
    ids, weights = (np.concatenate([part[n] for part in filled], axis=1) for n in range(2))
    summary = RouterSummary(*(np.concatenate([part[n] for part in summaries], axis=1) for n in range(3)))
    return Routed(ids, weights, None, summary)


def join_routed(parts: Sequence[Routed]) -> Columns:
    """The columns of several passes, one after the other; those of one token each are summed up together."""
    if all(part.logits is not None for part in parts):
        ids, weights, logits = (np.concatenate([part[n] for part in parts]) for n in range(3))
        return Routed(ids, weights, logits, None).columns()
    each = [part.columns() for part in parts]
    return {name: np.concatenate([columns[name] for columns in each]) for name in each[0]}


def _arrays(ops: Ops, routing: Sequence[Routing], n_tokens: int) -> Routed:
    """Layers together, so that a GPU is asked once."""
    ids, weights, logits = (
        ops.to_numpy(ops.concat([getattr(layer, name) for layer in routing])).reshape(n_tokens, len(routing), -1)
        for name in ("expert_ids", "routing_weights", "logits")
    )
    return Routed(ids, weights, logits, None)


def _fill_up(part: Routed, top_k: int, layer: int) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    missing = top_k - part.expert_ids.shape[-1]
    if missing < 0:
        msg = f"sparse layer {layer} was made to choose {part.expert_ids.shape[-1]} experts, this trace keeps {top_k}: "
        raise OptionError(msg + "step without fm.record, or open the model with a higher top_k")
    room = ((0, 0), (0, 0), (0, missing))
    ids = np.pad(part.expert_ids.astype(np.uint16), room, constant_values=NO_EXPERT)
    return ids, np.pad(part.weights.astype(np.float32), room)


def _known(logits: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert logits is not None
    return logits
