"""Which stages a layer goes through, before it has run: for a diagram. The engine's own names; knows no values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.events import Stage

if TYPE_CHECKING:
    from flashmoe_nb.config import ModelConfig

OUTSIDE = (Stage.EMBED, Stage.FINAL_NORM, Stage.LOGITS)
_DELTA = (Stage.PROJECT, Stage.CONV, Stage.DECAY, Stage.DELTA, Stage.GATED)
_ATTENTION = (Stage.PROJECT, Stage.QK_NORM, Stage.ROPE, Stage.ATTENTION)


def mixer_stages(config: ModelConfig, layer: int) -> tuple[Stage, ...]:
    """From the layer's input to the sum after its mixer."""
    if config.mixer_kinds[layer] == "linear_attention":
        return (Stage.INPUT_NORM, *_DELTA, Stage.MIXER, Stage.RESID_MID)
    gated = (Stage.GATED,) if config.attention.output_gate else ()
    return (Stage.INPUT_NORM, *_ATTENTION, *gated, Stage.MIXER, Stage.RESID_MID)


def mlp_stages(config: ModelConfig, layer: int, *, streamed: bool) -> tuple[Stage, ...]:
    """From there to the sum after its experts, or after its dense MLP, which is `streamed` or resident."""
    stages: tuple[Stage, ...] = (Stage.EXPERT_COMPUTE,)
    if config.sparse_layers[layer] and config.moe is not None:
        shared = (Stage.SHARED_EXPERT,) if config.moe.shared_intermediate_size else ()
        stages = (Stage.ROUTER, Stage.EXPERT_READ, Stage.EXPERT_COMPUTE, *shared)
    elif streamed:
        stages = (Stage.EXPERT_READ, Stage.EXPERT_COMPUTE)
    return (Stage.POST_NORM, *stages, Stage.COMBINE)
