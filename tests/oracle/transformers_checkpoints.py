"""Unquantized checkpoints in the Hugging Face layout, written by transformers, and what its models say of them.

`stack_experts` turns the per-expert tensors transformers 5 writes into the stacked `experts.gate_up_proj` that Qwen3.5
is published with. Knows torch and transformers, not the engine under test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from tests.oracle.weights import WeightRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Floats = NDArray[np.float32]
SEED = 31
VOCAB_SIZE = 301
HIDDEN_SIZE = 104
TOP_K = 3

_ATTENTION = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": HIDDEN_SIZE,
    "num_hidden_layers": 5,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 40,
    "max_position_embeddings": 1024,
    "moe_intermediate_size": 36,
    "num_experts": 11,
    "num_experts_per_tok": TOP_K,
    "tie_word_embeddings": False,
}
_HYBRID = {
    **_ATTENTION,
    "shared_expert_intermediate_size": 52,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 6,
    "linear_key_head_dim": 24,
    "linear_value_head_dim": 20,
    "layer_types": ["linear_attention", "linear_attention", "full_attention", "linear_attention", "full_attention"],
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0, "partial_rotary_factor": 0.25},
}
_HYBRID_ROUND = {
    **_HYBRID,
    "hidden_size": 128,
    "moe_intermediate_size": 64,
    "shared_expert_intermediate_size": 64,
    "head_dim": 64,
    "linear_value_head_dim": 32,
}
"""Widths that groups of 64 divide, to be quantized."""
_VISION = {
    "depth": 1,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_heads": 2,
    "out_hidden_size": HIDDEN_SIZE,
    "num_position_embeddings": 16,
}
_ROPE = {"rope_type": "default", "rope_theta": 1_000_000.0}


def _qwen3_5_moe() -> Any:
    config = transformers.Qwen3_5MoeConfig(text_config=dict(_HYBRID), vision_config=dict(_VISION))
    return transformers.Qwen3_5MoeForConditionalGeneration(config)


def _qwen3_5_moe_text() -> Any:
    return transformers.Qwen3_5MoeForCausalLM(transformers.Qwen3_5MoeTextConfig(**_HYBRID))


def _qwen3_5_moe_round() -> Any:
    return transformers.Qwen3_5MoeForCausalLM(transformers.Qwen3_5MoeTextConfig(**_HYBRID_ROUND))


def _qwen3_5() -> Any:
    dense = {k: v for k, v in _HYBRID.items() if "expert" not in k and "moe" not in k}
    return transformers.Qwen3_5ForCausalLM(transformers.Qwen3_5TextConfig(**dense, intermediate_size=200))


def _qwen3_next() -> Any:
    config = transformers.Qwen3NextConfig(**_HYBRID, intermediate_size=120, mlp_only_layers=[3])
    return transformers.Qwen3NextForCausalLM(config)


def _qwen3_moe() -> Any:
    config = transformers.Qwen3MoeConfig(
        **_ATTENTION, intermediate_size=120, norm_topk_prob=False, mlp_only_layers=[1], rope_parameters=dict(_ROPE)
    )
    return transformers.Qwen3MoeForCausalLM(config)


_MAKERS = {
    "qwen3_5_moe": _qwen3_5_moe,
    "qwen3_5_moe_text": _qwen3_5_moe_text,
    "qwen3_5": _qwen3_5,
    "qwen3_next": _qwen3_next,
    "qwen3_moe": _qwen3_moe,
}
NAMES = tuple(_MAKERS)
ROUND_NAME = "qwen3_5_moe_round"


@dataclass(frozen=True, slots=True)
class HuggingFaceModel:
    """A seeded random model in torch float32."""

    name: str
    torch_model: Any

    @classmethod
    @cache
    def make(cls, name: str) -> HuggingFaceModel:
        """One model for each of NAMES, and ROUND_NAME."""
        maker = _qwen3_5_moe_round if name == ROUND_NAME else _MAKERS[name]
        model = maker().float().eval()
        hidden_size = model.config.get_text_config().hidden_size
        recipe = WeightRecipe(SEED, hidden_size, TOP_K, zero_centred_norms=name != "qwen3_moe")
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if ".visual." not in key:
                    parameter.copy_(torch.from_numpy(recipe.tensor(key, tuple(parameter.shape))))
        return cls(name, model)

    def logits(self, ids: Sequence[int]) -> Floats:
        """Logits at every position. Shape [T, V]."""
        with torch.no_grad():
            out: Floats = self.torch_model(input_ids=torch.tensor([list(ids)])).logits[0].numpy()
        return out

    def save(self, folder: Path, *, max_shard_size: str = "5GB") -> Path:
        """Write the checkpoint as transformers does."""
        self.torch_model.save_pretrained(folder, max_shard_size=max_shard_size)
        return folder


_EXPERT = re.compile(r"(.*\.mlp\.experts)\.(\d+)\.(gate|up|down)_proj\.weight")


def stack_experts(folder: Path) -> int:
    """Rewrite a single-file per-expert checkpoint as stacked tensors; the number of layers changed."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    layers: dict[str, dict[tuple[int, str], Floats]] = {}
    for key in list(tensors):
        if match := _EXPERT.fullmatch(key):
            layers.setdefault(match[1], {})[int(match[2]), match[3]] = tensors.pop(key)
    for prefix, experts in layers.items():
        count = 1 + max(expert for expert, _ in experts)
        both = [np.concatenate([experts[e, "gate"], experts[e, "up"]]) for e in range(count)]
        tensors[f"{prefix}.gate_up_proj"] = np.stack(both)
        tensors[f"{prefix}.down_proj"] = np.stack([experts[e, "down"] for e in range(count)])
    tensors["mtp.fc.weight"] = np.zeros((4, 4), np.float32)  # multi-token prediction heads are left out by every loader
    save_file(tensors, path, metadata={"format": "pt"})
    return len(layers)
