"""The layers as generators over `Ops`, their state, and the weights that stay in memory."""

from flashmoe_nb.model.loader import ResidentLoader
from flashmoe_nb.model.moe import ExpertSource, WaveRead
from flashmoe_nb.model.state import DeltaState, KVCache, LayerState
from flashmoe_nb.model.transformer import Transformer, load_transformer

__all__ = [
    "DeltaState",
    "ExpertSource",
    "KVCache",
    "LayerState",
    "ResidentLoader",
    "Transformer",
    "WaveRead",
    "load_transformer",
]
