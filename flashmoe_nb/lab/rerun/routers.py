"""A second handle on an engine's routers, to ask one before its turn. On the engine's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.model import ResidentLoader

if TYPE_CHECKING:
    from flashmoe_nb.engine import Engine
    from flashmoe_nb.ops import Linear


def load_routers(engine: Engine) -> dict[int, Linear]:
    """By layer, read from the engine's checkpoint."""
    config, checkpoint = engine.config, engine.checkpoint
    moe, store = config.moe, checkpoint.routed
    assert moe is not None
    assert store is not None
    loader = ResidentLoader(checkpoint.index, checkpoint.names, config.quantization, engine.ops, lambda _: None)
    with loader:
        return {
            layer: loader.linear(f"layers.{layer}.mlp.gate", moe.num_experts, config.hidden_size)
            for layer in store.layers
        }
