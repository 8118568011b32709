"""The MLP of a layer: routed experts read from disk as they are chosen, a shared expert, or one dense MLP.

A dense MLP that streams is a single expert everybody chooses with weight 1. Knows what to read, not from where: an
`ExpertSource` brings experts into slots. Source: transformers modeling_qwen3_next.py `Qwen3NextSparseMoeBlock`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from flashmoe_nb.events import Routing, Stage
from flashmoe_nb.model.waves import plan_waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.events import ExpertRead
    from flashmoe_nb.model.layer import Steps
    from flashmoe_nb.model.loader import ResidentLoader
    from flashmoe_nb.ops import Array, Linear, Ops, SlotBank


class WaveRead(NamedTuple):
    """Experts that are in slots now."""

    reads: tuple[ExpertRead, ...]
    """What had to be read; shorter than `slots` where a policy kept some."""
    slots: tuple[int, ...]
    """Slot of each expert asked for."""
    bank: SlotBank


class ExpertSource(Protocol):
    """Brings experts of a layer into slots."""

    def n_slots(self, layer: int) -> int:
        """How many experts fit at once."""

    def read(self, layer: int, experts: Sequence[int]) -> WaveRead:
        """Read experts; whoever still uses the slots must have evaluated."""


@dataclass(frozen=True, slots=True)
class DenseMLP:
    """down(silu(gate x) * up x), resident."""

    gate_proj: Linear
    up_proj: Linear
    down_proj: Linear

    @classmethod
    def load(cls, loader: ResidentLoader, path: str, width: int, hidden: int) -> DenseMLP:
        """Read `path.gate_proj` and the rest."""
        return cls(
            loader.linear(f"{path}.gate_proj", width, hidden),
            loader.linear(f"{path}.up_proj", width, hidden),
            loader.linear(f"{path}.down_proj", hidden, width),
        )

    def __call__(self, ops: Ops, h: Array) -> Array:
        """Shapes: h [T, D], returns [T, D]."""
        return ops.linear(ops.swiglu(ops.linear(h, self.gate_proj), ops.linear(h, self.up_proj)), self.down_proj)


@dataclass(frozen=True, slots=True)
class ResidentDense:
    """A dense layer whose MLP stays in memory."""

    mlp: DenseMLP

    def steps(self, ops: Ops, h: Array, source: ExpertSource) -> Steps:  # noqa: ARG002 - same call as the others
        """Shapes: h [T, D], returns [T, D]."""
        out: Array = yield Stage.EXPERT_COMPUTE, self.mlp(ops, h)
        return out


@dataclass(frozen=True, slots=True)
class StreamedDense:
    """A dense layer whose MLP is read from disk each time."""

    layer: int

    def steps(self, ops: Ops, h: Array, source: ExpertSource) -> Steps:
        """Shapes: h [T, D], returns [T, D]."""
        n_tokens = h.shape[0]
        ids = np.zeros((n_tokens, 1), np.int64)
        weights = ops.cast(ops.constant(np.ones((n_tokens, 1), np.float32)))
        ops.evaluate(h)
        out: Array = yield from _read_and_run(ops, source, self.layer, h, ids, weights)
        return out


@dataclass(frozen=True, slots=True)
class SparseMoE:
    """A router over E experts, K of them per token, and a shared expert."""

    layer: int
    top_k: int
    norm_topk_prob: bool
    router: Linear
    shared_expert: DenseMLP | None
    shared_expert_gate: Linear | None

    @classmethod
    def load(cls, loader: ResidentLoader, layer: int, config: ModelConfig, top_k: int) -> SparseMoE:
        """Read the router and the shared expert; routed experts stay on disk."""
        moe, hidden, path = config.moe, config.hidden_size, f"layers.{layer}.mlp"
        assert moe is not None
        shared = gate = None
        if moe.shared_intermediate_size:
            shared = DenseMLP.load(loader, f"{path}.shared_expert", moe.shared_intermediate_size, hidden)
            gate = loader.linear(f"{path}.shared_expert_gate", 1, hidden)
        router = loader.linear(f"{path}.gate", moe.num_experts, hidden)
        return cls(layer, top_k, moe.norm_topk_prob, router, shared, gate)

    def steps(self, ops: Ops, h: Array, source: ExpertSource) -> Steps:
        """Shapes: h [T, D], returns [T, D]."""
        logits = ops.linear(h, self.router)
        routing = yield Stage.ROUTER, Routing(logits, *ops.route(logits, self.top_k, normalize=self.norm_topk_prob))
        # The only forced sync of a layer. h with it: a patch may have made the ids constant, and then nothing else
        # would make the previous layer use its slots before they are refilled.
        ops.evaluate(routing.expert_ids, h)
        ids = ops.to_numpy(routing.expert_ids)
        out = yield from _read_and_run(ops, source, self.layer, h, ids, routing.routing_weights)
        if self.shared_expert is not None:
            assert self.shared_expert_gate is not None
            shared = ops.gate(self.shared_expert(ops, h), ops.linear(h, self.shared_expert_gate))
            out = ops.add(out, (yield Stage.SHARED_EXPERT, shared))
        return out


def _read_and_run(
    ops: Ops, source: ExpertSource, layer: int, h: Array, ids: NDArray[np.integer], weights: Array
) -> Steps:
    """Read each chosen expert once, wave by wave, and sum up. Shapes: h [T, D], ids and weights [T, K]."""
    total: Array | None = None
    waves = plan_waves(ids, source.n_slots(layer))
    for number, wave in enumerate(waves):
        if number:
            ops.evaluate(total)  # the slots are about to be refilled
        found = source.read(layer, wave.experts)
        yield Stage.EXPERT_READ, found.reads
        part = yield Stage.EXPERT_COMPUTE, ops.run_experts(h, weights, found.bank, wave.plan(found.slots))
        total = part if total is None else ops.add(total, part)
    return total
