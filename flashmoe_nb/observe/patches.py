"""Changes that last while one steps: experts banned, forced, scaled, requantized; another K; only what is cached.

A patch of the router takes the router's own logits and chooses again, by the model's rule. Knows no debugger.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.engine.patch import as_kind_of
from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.recorder import TraceRecorder
from flashmoe_nb.observe.requantize import requantize_slot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine, Session
    from flashmoe_nb.events import Routing

_RESIDENT = 0.5
"""An expert with less of its pages in the page cache does not count as cached."""


@dataclass(slots=True)
class Patches:
    """What is changed, by layer; every method returns the object, so that calls can be chained."""

    banned: dict[int, set[int]] = field(default_factory=dict)
    forced: dict[int, tuple[int, ...]] = field(default_factory=dict)
    scaled: dict[tuple[int, int], float] = field(default_factory=dict)
    top_k: dict[int, int] = field(default_factory=dict)
    requantized: dict[tuple[int, int], int] = field(default_factory=dict)
    cached: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any((self.banned, self.forced, self.scaled, self.top_k, self.requantized, self.cached))

    def __repr__(self) -> str:
        parts = [f"ban {sorted(experts)} in layer {layer}" for layer, experts in sorted(self.banned.items())]
        parts += [f"force {list(experts)} in layer {layer}" for layer, experts in sorted(self.forced.items())]
        parts += [f"scale {expert} in layer {layer} by {by:g}" for (layer, expert), by in sorted(self.scaled.items())]
        parts += [f"top_k {k} in layer {layer}" for layer, k in sorted(self.top_k.items())]
        parts += [f"{expert} in layer {layer} at {bits} bits" for (layer, expert), bits in self.requantized.items()]
        parts += [f"only cached experts in layer {layer}" for layer in sorted(self.cached)]
        return f"<Patches: {'; '.join(parts) or 'none'}>"

    def copy(self) -> Patches:
        """The same, to change apart."""
        return Patches(
            {layer: set(experts) for layer, experts in self.banned.items()},
            dict(self.forced),
            dict(self.scaled),
            dict(self.top_k),
            dict(self.requantized),
            set(self.cached),
        )

    def ban_experts(self, layer: int, experts: Iterable[int]) -> Patches:
        """Choose among the others, as if the router had given these no chance."""
        self.banned.setdefault(layer, set()).update(experts)
        return self

    def force_experts(self, layer: int, experts: Iterable[int]) -> Patches:
        """Choose these before all others, with the weights their own probabilities give them."""
        self.forced[layer] = tuple(dict.fromkeys(experts))
        return self

    def scale_expert(self, layer: int, expert: int, factor: float) -> Patches:
        """Multiply its routing weight whenever it is chosen; the others keep theirs."""
        self.scaled[layer, expert] = factor
        return self

    def set_top_k(self, layer: int, top_k: int) -> Patches:
        """Let this layer use more or fewer experts a token."""
        self.top_k[layer] = top_k
        return self

    def requantize_expert(self, layer: int, expert: int, bits: int = 2) -> Patches:
        """Use the expert as fewer bits would hold it: min-max groups from the values there are, as the original did."""
        self.requantized[layer, expert] = bits
        return self

    def cached_only(self, layers: Iterable[int]) -> Patches:
        """Choose among the experts that the page cache holds at this moment."""
        self.cached.update(layers)
        return self

    def check(self, engine: Engine) -> None:
        """Refuse what this model does not have.

        Raises:
            OptionError: a layer, an expert or a K that does not exist.
        """
        moe, sparse = engine.config.moe, engine.config.sparse_layers
        named = {(layer, expert) for layer, experts in self.banned.items() for expert in experts}
        named |= {(layer, expert) for layer, experts in self.forced.items() for expert in experts}
        named |= set(self.scaled) | set(self.requantized)
        for layer in {layer for layer, _ in named} | set(self.top_k) | self.cached:
            if moe is None or not 0 <= layer < len(sparse) or not sparse[layer]:
                raise OptionError(f"layer {layer} has no router to patch: {engine.config.model_type} has none there")
        for layer, expert in named:
            if moe is not None and not 0 <= expert < moe.num_experts:
                raise OptionError(f"expert {expert} is not in layer {layer}: give 0 to {moe.num_experts - 1}")
        for layer, k in self.top_k.items():
            left = (moe.num_experts if moe else 0) - len(self.banned.get(layer, ()))
            if not 1 <= k <= left:
                raise OptionError(f"top_k {k} in layer {layer}: give 1 to {left}")

    def install(self, session: Session) -> None:
        """Put the changed bytes of requantized experts into the session's reads; nothing else lasts there.

        Raises:
            OptionError: more experts a token than a trace that is being recorded keeps.
        """
        room = min((one.most_experts for one in session.recorders if isinstance(one, TraceRecorder)), default=None)
        most = max(self.top_k.values(), default=0)
        if room is not None and most > room:
            msg = f"top_k {most} is more than the trace that is being recorded keeps of a token, {room}: "
            raise OptionError(f"{msg}record with most_experts={most}, or step without fm.record")
        session.rewrites.clear()
        for (layer, expert), bits in self.requantized.items():
            session.rewrites[layer, expert] = requantize_slot(bits)

    def route(self, engine: Engine, layer: int, routing: Routing) -> Routing | None:
        """The router's choice as patched; None where nothing here concerns the layer.

        Raises:
            OptionError: fewer experts are left to choose from than a token needs.
        """
        scaled = {expert: factor for (number, expert), factor in self.scaled.items() if number == layer}
        rerouted = layer in self.banned or layer in self.forced or layer in self.top_k or layer in self.cached
        if not rerouted and not scaled:
            return None
        return engine.owner_call(lambda: self._route(engine, layer, routing, scaled, rerouted=rerouted))

    def _route(
        self, engine: Engine, layer: int, routing: Routing, scaled: dict[int, float], *, rerouted: bool
    ) -> Routing:
        ops, moe = engine.ops, engine.config.moe
        assert moe is not None
        ids, weights = (ops.to_numpy(x) for x in (routing.expert_ids, routing.routing_weights))
        if rerouted:
            logits = ops.to_numpy(routing.logits).astype(np.float64)
            ids, weights = self._choose(engine, layer, logits, ids.shape[1], normalize=moe.norm_topk_prob)
        for expert, factor in scaled.items():
            weights = np.where(ids == expert, weights * factor, weights)
        sent = as_kind_of(routing.expert_ids, ids), as_kind_of(routing.routing_weights, weights)
        ops.evaluate(sent)
        return routing._replace(expert_ids=sent[0], routing_weights=sent[1])

    def _choose(
        self, engine: Engine, layer: int, logits: NDArray[np.float64], top_k: int, *, normalize: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Softmax over who may be chosen, the forced first, then the likeliest. Shapes: logits [T, E]."""
        allowed = np.ones(logits.shape[1], bool)
        allowed[sorted(self.banned.get(layer, ()))] = False
        if layer in self.cached:
            allowed &= engine.residency(layer) >= _RESIDENT
        k = self.top_k.get(layer, top_k)
        if allowed.sum() < k:
            raise OptionError(
                f"layer {layer} has {allowed.sum()} experts left to choose {k} from: ban fewer, or lower K"
            )
        masked = np.where(allowed, logits, -np.inf)
        shares = np.exp(masked - masked.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        rank = masked.copy()
        forced = [expert for expert in self.forced.get(layer, ()) if allowed[expert]]
        rank[:, forced] += 1e9
        ids = np.argsort(-rank, axis=1, kind="stable")[:, :k]
        weights = np.take_along_axis(shares, ids, axis=1)
        return ids, weights / weights.sum(axis=1, keepdims=True) if normalize else weights
