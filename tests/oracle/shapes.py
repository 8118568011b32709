"""The tiny models the oracles run: one shape for each architecture, and the variants that matter.

Plain config.json contents as each tool writes them. Knows no weights and no tool.
"""

from __future__ import annotations

import copy
from typing import Any

VOCAB_SIZE = 300
"""Not a multiple of 32, so that a kernel that rounds rows up would show."""

_DELTA = {"linear_conv_kernel_dim": 4, "linear_key_head_dim": 32, "linear_value_head_dim": 64}

_QWEN3_5 = {
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "rms_norm_eps": 1e-6,
    "vocab_size": VOCAB_SIZE,
    "max_position_embeddings": 4096,
    "full_attention_interval": 2,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "attn_output_gate": True,
    "rope_parameters": {
        "type": "default",
        "mrope_section": [3, 3, 2],
        "rope_theta": 10_000_000.0,
        "partial_rotary_factor": 0.25,
    },
    **_DELTA,
}

_SHAPES: dict[str, dict[str, Any]] = {
    "qwen3_5_moe": {
        "model_type": "qwen3_5_moe",
        "text_config": {
            "model_type": "qwen3_5_moe_text",
            **_QWEN3_5,
            "num_experts": 16,
            "num_experts_per_tok": 4,
            "moe_intermediate_size": 64,
            "shared_expert_intermediate_size": 128,
        },
    },
    "qwen3_5": {
        "model_type": "qwen3_5",
        "text_config": {"model_type": "qwen3_5_text", **_QWEN3_5, "intermediate_size": 256},
    },
    "qwen3_next": {
        "model_type": "qwen3_next",
        "hidden_size": 192,
        "intermediate_size": 128,
        "num_hidden_layers": 5,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "rms_norm_eps": 1e-6,
        "vocab_size": VOCAB_SIZE,
        "max_position_embeddings": 4096,
        "full_attention_interval": 4,
        "rope_theta": 1_000_000.0,
        "partial_rotary_factor": 0.25,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 6,
        "num_experts": 32,
        "num_experts_per_tok": 3,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": 64,
        "shared_expert_intermediate_size": 64,
        "norm_topk_prob": True,
        **_DELTA,
    },
    "qwen3_moe": {
        "model_type": "qwen3_moe",
        "hidden_size": 128,
        "intermediate_size": 192,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "rms_norm_eps": 1e-6,
        "vocab_size": VOCAB_SIZE,
        "max_position_embeddings": 4096,
        "rope_theta": 1_000_000.0,
        "num_experts": 24,
        "num_experts_per_tok": 4,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": 128,
        "norm_topk_prob": True,
    },
}

ARCHITECTURES = tuple(_SHAPES)

_VARIANTS: dict[tuple[str, str], dict[str, Any]] = {
    ("qwen3_next", "mixed"): {"mlp_only_layers": [1]},
    ("qwen3_next", "8bit"): {"decoder_sparse_step": 2},
    ("qwen3_moe", "2bit-g64"): {"norm_topk_prob": False},
    ("qwen3_moe", "mixed"): {"mlp_only_layers": [0], "decoder_sparse_step": 1},
}

# float32 only: a tied head of random rows leaves half of the top-2 margins within what bfloat16 blurs
_TIED = {
    ("qwen3_5_moe", "4bit-g64"),
    ("qwen3_5", "8bit"),
    ("qwen3_next", "4bit-g32-router8"),
    ("qwen3_moe", "mixed"),
}


def mlx_config(architecture: str, quantization: str, dtype: str) -> dict[str, Any]:
    """config.json of one case, before quantization; the text part is nested where the architecture nests it."""
    config = copy.deepcopy(_SHAPES[architecture])
    text = text_part(config)
    text.update(_VARIANTS.get((architecture, quantization), {}))
    text["tie_word_embeddings"] = config["tie_word_embeddings"] = (
        dtype == "float32" and (architecture, quantization) in _TIED
    )
    return config


def text_part(config: dict[str, Any]) -> dict[str, Any]:
    """The fields of the language model, wherever they are."""
    nested: dict[str, Any] = config.get("text_config", config)
    return nested
