"""One decoder layer as a generator that yields `(stage, value)` and goes on with the value it is sent back.

The one statement of a layer's order. It never evaluates, times or records anything; the driver (`engine/decoder.py`)
does.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from flashmoe_nb.model.attention import Attention
    from flashmoe_nb.model.gated_delta import GatedDeltaNet
    from flashmoe_nb.model.moe import ExpertSource, ResidentDense, SparseMoE, StreamedDense
    from flashmoe_nb.model.state import LayerState
    from flashmoe_nb.ops import Array, Ops

Steps = Generator[tuple[Stage, Any], Any, Any]
"""Yields (stage, value), is sent the value to go on with, returns the last one."""


@dataclass(frozen=True, slots=True)
class DecoderLayer:
    """Norm, mixer, norm, MLP, with two residual sums."""

    number: int
    eps: float
    input_layernorm: Array
    post_attention_layernorm: Array
    mixer: Attention | GatedDeltaNet
    mlp: SparseMoE | ResidentDense | StreamedDense

    def steps(self, ops: Ops, x: Array, state: LayerState, source: ExpertSource) -> Steps:
        """Shapes: x [T, D], returns [T, D]."""
        h = yield Stage.INPUT_NORM, ops.rms_norm(x, self.input_layernorm, self.eps)
        mixed = yield Stage.MIXER, (yield from self.mixer.steps(ops, h, state))  # type: ignore[arg-type]
        x = yield Stage.RESID_MID, ops.add(x, mixed)
        h = yield Stage.POST_NORM, ops.rms_norm(x, self.post_attention_layernorm, self.eps)
        out = yield from self.mlp.steps(ops, h, source)
        return (yield Stage.COMBINE, ops.add(x, out))
