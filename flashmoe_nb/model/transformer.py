"""The whole model: embedding, layers, final norm and head, and the making of empty states.

Knows what is resident and in which order it runs; experts come from an `ExpertSource` it is handed with each pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.model.attention import Attention
from flashmoe_nb.model.gated_delta import GatedDeltaNet
from flashmoe_nb.model.layer import DecoderLayer
from flashmoe_nb.model.moe import DenseMLP, ResidentDense, SparseMoE, StreamedDense
from flashmoe_nb.model.state import DeltaState, KVCache

if TYPE_CHECKING:
    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.model.loader import ResidentLoader
    from flashmoe_nb.model.state import LayerState
    from flashmoe_nb.ops import Array, Linear, Ops


@dataclass(frozen=True, slots=True)
class Transformer:
    """A loaded model."""

    config: ModelConfig
    ops: Ops
    embed_tokens: Linear
    layers: tuple[DecoderLayer, ...]
    norm: Array
    lm_head: Linear

    def new_state(self) -> list[LayerState]:
        """Empty memory for every layer."""
        return [self._new_layer_state(layer) for layer in self.layers]

    def _new_layer_state(self, layer: DecoderLayer) -> LayerState:
        delta = self.config.delta
        if not isinstance(layer.mixer, GatedDeltaNet):
            return KVCache()
        assert delta is not None
        return DeltaState(
            self.ops.zeros((delta.conv_kernel - 1, delta.conv_dim)),
            self.ops.zeros((delta.num_v_heads, delta.v_head_dim, delta.k_head_dim), "float32"),
        )


def load_transformer(loader: ResidentLoader, config: ModelConfig, *, top_k: int, stream_dense: bool) -> Transformer:
    """Read everything that stays in memory.

    Args:
        loader: of the checkpoint's shards.
        config: of the same checkpoint.
        top_k: experts per token in force.
        stream_dense: leave dense MLPs on disk.

    Raises:
        CheckpointError: a tensor is missing, or of a shape or dtype the config does not allow, or nobody knows it.
    """
    embed = loader.linear("embed_tokens", config.vocab_size, config.hidden_size)
    layers = tuple(
        _load_layer(loader, config, number, top_k=top_k, stream_dense=stream_dense)
        for number in range(config.num_layers)
    )
    norm = loader.vector("norm.weight", (config.hidden_size,))
    tied = config.tie_word_embeddings
    head = embed if tied else loader.linear("lm_head", config.vocab_size, config.hidden_size)
    streamed = tuple(f"layers.{n}.mlp." for n, sparse in enumerate(config.sparse_layers) if stream_dense and not sparse)
    loader.finish(tolerated=(*streamed, *(("lm_head.",) if tied else ())))
    return Transformer(config, loader.ops, embed, layers, norm, head)


def _load_layer(
    loader: ResidentLoader, config: ModelConfig, number: int, *, top_k: int, stream_dense: bool
) -> DecoderLayer:
    path, hidden, eps = f"layers.{number}", config.hidden_size, config.rms_norm_eps
    mixer: Attention | GatedDeltaNet
    if config.mixer_kinds[number] == "full_attention":
        mixer = Attention.load(loader, f"{path}.self_attn", config.attention, hidden, eps)
    else:
        assert config.delta is not None
        mixer = GatedDeltaNet.load(loader, f"{path}.linear_attn", config.delta, hidden, eps)
    mlp: SparseMoE | ResidentDense | StreamedDense
    if config.sparse_layers[number]:
        mlp = SparseMoE.load(loader, number, config, top_k)
    elif stream_dense:
        mlp = StreamedDense(number)
    else:
        mlp = ResidentDense(DenseMLP.load(loader, f"{path}.mlp", config.intermediate_size, hidden))
    before = loader.vector(f"{path}.input_layernorm.weight", (hidden,))
    between = loader.vector(f"{path}.post_attention_layernorm.weight", (hidden,))
    return DecoderLayer(number, eps, before, between, mixer, mlp)
