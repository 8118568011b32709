"""The shape of the demo model and the `config.json` that goes with its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.kinds import Schema


@dataclass(frozen=True, slots=True)
class Shape:
    """A small qwen3_5_moe. Names follow the Hugging Face config."""

    vocab_size: int = 4096
    hidden_size: int = 192
    num_hidden_layers: int = 8
    full_attention_interval: int = 4
    num_experts: int = 512
    num_experts_per_tok: int = 10
    moe_intermediate_size: int = 32
    shared_expert_intermediate_size: int = 64
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    rotary_dim: int = 16
    rope_theta: float = 100_000.0
    linear_num_key_heads: int = 4
    linear_num_value_heads: int = 8
    linear_head_dim: int = 32
    linear_conv_kernel_dim: int = 4
    rms_norm_eps: float = 1e-6
    max_position_embeddings: int = 4096

    def is_full_attention(self, layer: int) -> bool:
        """Every fourth layer attends; the others are gated delta layers."""
        return (layer + 1) % self.full_attention_interval == 0

    @property
    def linear_key_dim(self) -> int:
        """Width of all delta keys."""
        return self.linear_num_key_heads * self.linear_head_dim

    @property
    def linear_value_dim(self) -> int:
        """Width of all delta values."""
        return self.linear_num_value_heads * self.linear_head_dim

    def toy(self) -> Shape:
        """The same architecture at a size that a test trains in seconds."""
        return replace(
            self, vocab_size=512, hidden_size=64, num_hidden_layers=4, num_experts=16, num_experts_per_tok=4,
            num_attention_heads=2, num_key_value_heads=1, head_dim=32, rotary_dim=8, linear_num_key_heads=1,
            linear_num_value_heads=2,
        )  # fmt: skip


def config(shape: Shape, quantization: Schema | None = None) -> Schema:
    """The Hugging Face config; `quantization` as `mlx_lm` writes it."""
    layers = range(shape.num_hidden_layers)
    kinds = ["full_attention" if shape.is_full_attention(i) else "linear_attention" for i in layers]
    pairs = shape.rotary_dim // 2
    rope: Schema = {
        "rope_type": "default", "rope_theta": shape.rope_theta, "mrope_interleaved": True,
        "partial_rotary_factor": shape.rotary_dim / shape.head_dim,
        "mrope_section": [pairs - 2 * (pairs // 3), pairs // 3, pairs // 3],
    }  # fmt: skip
    text: Schema = {
        "model_type": "qwen3_5_moe_text", "vocab_size": shape.vocab_size, "hidden_size": shape.hidden_size,
        "intermediate_size": shape.shared_expert_intermediate_size, "num_hidden_layers": shape.num_hidden_layers,
        "full_attention_interval": shape.full_attention_interval, "layer_types": kinds,
        "num_attention_heads": shape.num_attention_heads, "num_key_value_heads": shape.num_key_value_heads,
        "head_dim": shape.head_dim, "linear_num_key_heads": shape.linear_num_key_heads,
        "linear_num_value_heads": shape.linear_num_value_heads, "linear_key_head_dim": shape.linear_head_dim,
        "linear_value_head_dim": shape.linear_head_dim, "linear_conv_kernel_dim": shape.linear_conv_kernel_dim,
        "num_experts": shape.num_experts, "num_experts_per_tok": shape.num_experts_per_tok,
        "moe_intermediate_size": shape.moe_intermediate_size,
        "shared_expert_intermediate_size": shape.shared_expert_intermediate_size, "norm_topk_prob": True,
        "decoder_sparse_step": 1, "mlp_only_layers": [], "router_aux_loss_coef": 0.005, "hidden_act": "silu",
        "rms_norm_eps": shape.rms_norm_eps, "attention_bias": False, "attn_output_gate": True,
        "tie_word_embeddings": False, "max_position_embeddings": shape.max_position_embeddings,
        "initializer_range": 0.02, "mamba_ssm_dtype": "float32", "bos_token_id": None, "eos_token_id": 2,
        "pad_token_id": 0, "dtype": "bfloat16", "rope_parameters": rope,
    }  # fmt: skip
    whole: Schema = {
        "architectures": ["Qwen3_5MoeForConditionalGeneration"], "model_type": "qwen3_5_moe",
        "tie_word_embeddings": False, "eos_token_id": [2, 0], "pad_token_id": 0, "text_config": text,
    }  # fmt: skip
    return whole | ({"quantization": quantization, "quantization_config": quantization} if quantization else {})
