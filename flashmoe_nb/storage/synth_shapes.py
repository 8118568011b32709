"""The shapes of known models, for random checkpoints of true size, and the config.json that goes with each.

Numbers are those of the published config.json files. Knows no tensors and no files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flashmoe_nb.errors import UnsupportedError


@dataclass(frozen=True, slots=True)
class SynthShape:
    """What sets one architecture's tensors; K is `top_k`, field names are the glossary's."""

    model_type: str
    num_layers: int
    hidden_size: int
    vocab_size: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    num_k_heads: int
    num_v_heads: int
    delta_head_dim: int
    num_experts: int
    top_k: int
    moe_intermediate_size: int
    shared_intermediate_size: int
    max_position_embeddings: int = 262_144
    conv_kernel: int = 4

    @property
    def attention_interval(self) -> int:
        """Every n-th layer is full attention: 4, or fewer where there are fewer layers, so that one always is."""
        return min(4, self.num_layers)

    @property
    def key_dim(self) -> int:
        """Width of all delta net key heads."""
        return self.num_k_heads * self.delta_head_dim

    @property
    def value_dim(self) -> int:
        """Width of all delta net value heads."""
        return self.num_v_heads * self.delta_head_dim

    def is_full_attention(self, layer: int) -> bool:
        """Whether `layer` is full attention rather than a delta net."""
        return (layer + 1) % self.attention_interval == 0


_QWEN35 = SynthShape("qwen3_5_moe", 60, 4096, 248_320, 32, 2, 256, 16, 64, 128, 512, 10, 1024, 1024)
_TINY = SynthShape("qwen3_5_moe", 4, 128, 512, 4, 2, 64, 2, 4, 32, 16, 4, 128, 128, max_position_embeddings=4096)

SHAPES: dict[str, SynthShape] = {
    "qwen3.5-397b": _QWEN35,
    "qwen3.5-122b": replace(_QWEN35, num_layers=48, hidden_size=3072, num_experts=256, top_k=8),
    "qwen3.5-35b": replace(
        _QWEN35, num_layers=40, hidden_size=2048, num_heads=16, num_v_heads=32, num_experts=256, top_k=8,
        moe_intermediate_size=512, shared_intermediate_size=512,
    ),
    "qwen3-next-80b": SynthShape(
        "qwen3_next", 48, 2048, 151_936, 16, 2, 256, 16, 32, 128, 512, 10, 512, 512
    ),
    "tiny": _TINY,
    "tiny-next": replace(_TINY, model_type="qwen3_next"),
}  # fmt: skip


def named_shape(
    name: str | SynthShape, *, layers: int | None = None, experts: int | None = None, vocab: int | None = None
) -> SynthShape:
    """Look a shape up, or take one as it is, and cut it to fewer (or more) layers, experts or tokens.

    Raises:
        UnsupportedError: no such shape, or a count that no model can have.
    """
    if not isinstance(name, SynthShape) and name not in SHAPES:
        msg = f'there is no shape "{name}", there are {", ".join(SHAPES)}: name one of these'
        raise UnsupportedError(msg)
    shape = name if isinstance(name, SynthShape) else SHAPES[name]
    for what, count in (("layers", layers), ("experts", experts)):
        if count is not None and count < 1:
            msg = f"{what} is {count}, at least 1 is needed"
            raise UnsupportedError(msg)
    num_experts = experts or shape.num_experts
    return replace(
        shape,
        num_layers=layers or shape.num_layers,
        num_experts=num_experts,
        top_k=min(shape.top_k, num_experts),
        vocab_size=vocab or shape.vocab_size,
    )


def config_of(shape: SynthShape, *, dtype: str, eos_ids: tuple[int, ...], pad_id: int) -> dict[str, Any]:
    """The config.json of `shape` as published, without the "quantization" block."""
    text: dict[str, Any] = {
        **_text_fields(shape),
        **(_nested_rope(shape) if shape.model_type == "qwen3_5_moe" else _flat_rope()),
        "bos_token_id": None,
        "eos_token_id": eos_ids[0],
        "pad_token_id": pad_id,
    }
    if shape.model_type == "qwen3_next":
        return {"architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", "torch_dtype": dtype, **text}
    return {
        "architectures": ["Qwen3_5MoeForConditionalGeneration"],
        "model_type": "qwen3_5_moe",
        "tie_word_embeddings": False,
        "eos_token_id": list(eos_ids),
        "text_config": {"model_type": "qwen3_5_moe_text", "dtype": dtype, "mamba_ssm_dtype": "float32", **text},
    }


def _text_fields(shape: SynthShape) -> dict[str, Any]:
    kinds = ["full_attention" if shape.is_full_attention(i) else "linear_attention" for i in range(shape.num_layers)]
    return {
        "attention_bias": False,
        "attention_dropout": 0.0,
        "attn_output_gate": True,
        "decoder_sparse_step": 1,
        "full_attention_interval": shape.attention_interval,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": 5 * shape.hidden_size // 2,
        "layer_types": kinds,
        "linear_conv_kernel_dim": shape.conv_kernel,
        "linear_key_head_dim": shape.delta_head_dim,
        "linear_num_key_heads": shape.num_k_heads,
        "linear_num_value_heads": shape.num_v_heads,
        "linear_value_head_dim": shape.delta_head_dim,
        "max_position_embeddings": shape.max_position_embeddings,
        "mlp_only_layers": [],
        "moe_intermediate_size": shape.moe_intermediate_size,
        "norm_topk_prob": True,
        "num_attention_heads": shape.num_heads,
        "num_experts": shape.num_experts,
        "num_experts_per_tok": shape.top_k,
        "num_hidden_layers": shape.num_layers,
        "num_key_value_heads": shape.num_kv_heads,
        "rms_norm_eps": 1e-06,
        "router_aux_loss_coef": 0.001,
        "shared_expert_intermediate_size": shape.shared_intermediate_size,
        "tie_word_embeddings": False,
        "use_cache": True,
        "vocab_size": shape.vocab_size,
    }


def _nested_rope(shape: SynthShape) -> dict[str, Any]:
    half = shape.head_dim // 8  # rotary pairs: head_dim * 0.25 / 2
    section = [half - 2 * (half // 3), half // 3, half // 3]
    rope = {
        "rope_type": "default",
        "rope_theta": 10_000_000,
        "partial_rotary_factor": 0.25,
        "mrope_section": section,
        "mrope_interleaved": True,
    }
    return {"rope_parameters": rope}


def _flat_rope() -> dict[str, Any]:
    return {"rope_theta": 10_000_000, "partial_rotary_factor": 0.25, "rope_scaling": None}
