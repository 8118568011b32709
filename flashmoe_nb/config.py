"""What a checkpoint's config.json says: the model's shape and how its tensors are quantized.

Reads JSON and checks it. Knows no tensors and no arrays; whether the files keep the promise is checked where they are
opened. Field names are the glossary's (design.md section 9), their meaning follows `transformers` and mlx-lm
`models/qwen3_next.py`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from flashmoe_nb.errors import CheckpointError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MixerKind = Literal["linear_attention", "full_attention"]

SUPPORTED_MODEL_TYPES = ("qwen3_5_moe", "qwen3_next", "qwen3_moe", "qwen3_5")
SUPPORTED_BITS = (2, 3, 4, 5, 6, 8)
SUPPORTED_GROUP_SIZES = (32, 64, 128)

_PREFIXES = ("language_model.model.", "model.language_model.", "language_model.", "model.")


def strip_prefix(key: str) -> str:
    """Drop the part of a tensor or module path that only tells which tool wrote it."""
    for prefix in _PREFIXES:
        if key.startswith(prefix):
            return key[len(prefix) :]
    return key


@dataclass(frozen=True, slots=True)
class GroupQuantization:
    """Affine quantization of one tensor: `bits` a value, one scale and bias for `group_size` values of a row."""

    bits: int
    group_size: int


@dataclass(frozen=True, slots=True)
class Quantization:
    """The "quantization" block: a default, and overrides by module path (None: that module is not quantized)."""

    default: GroupQuantization
    overrides: Mapping[str, GroupQuantization | None]

    def stated(self, path: str) -> tuple[GroupQuantization | None, bool]:
        """What is written for a canonical module path, and whether it was written for this path explicitly."""
        if path in self.overrides:
            return self.overrides[path], True
        return self.default, False


@dataclass(frozen=True, slots=True)
class AttentionConfig:
    """Full attention: Hq query and Hkv key/value heads of Dh."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    rotary_dim: int
    rope_theta: float
    rope_scale: float
    """Factor on positions: 1, or 1/factor for linear RoPE scaling."""
    output_gate: bool
    bias: bool


@dataclass(frozen=True, slots=True)
class DeltaConfig:
    """Gated delta net: Hk key and Hv value heads of Dk and Dv, and a causal convolution over `conv_kernel` inputs."""

    num_k_heads: int
    num_v_heads: int
    k_head_dim: int
    v_head_dim: int
    conv_kernel: int
    fused_projections: bool
    """True for qwen3_next: in_proj_qkvz and in_proj_ba, grouped by key head."""

    @property
    def key_dim(self) -> int:
        """Width of all query heads, and of all key heads: Hk*Dk."""
        return self.num_k_heads * self.k_head_dim

    @property
    def value_dim(self) -> int:
        """Width of all value heads: Hv*Dv."""
        return self.num_v_heads * self.v_head_dim

    @property
    def conv_dim(self) -> int:
        """Channels of the convolution: queries, keys and values."""
        return 2 * self.key_dim + self.value_dim


@dataclass(frozen=True, slots=True)
class MoEConfig:
    """A sparse MLP: E experts of width `intermediate_size`, K chosen a token, and a shared expert (width 0: none)."""

    num_experts: int
    top_k: int
    intermediate_size: int
    shared_intermediate_size: int
    norm_topk_prob: bool


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything about a model that its weights do not say."""

    model_type: str
    hidden_size: int
    num_layers: int
    vocab_size: int
    rms_norm_eps: float
    max_position_embeddings: int
    tie_word_embeddings: bool
    mixer_kinds: tuple[MixerKind, ...]
    sparse_layers: tuple[bool, ...]
    """Per layer: a mixture of experts, or one dense MLP."""
    intermediate_size: int
    """Width of the dense MLP; 0 where no layer has one."""
    attention: AttentionConfig
    delta: DeltaConfig | None
    moe: MoEConfig | None
    quantization: Quantization | None

    @classmethod
    def load(cls, folder: Path) -> ModelConfig:
        """Read `folder/config.json`.

        Raises:
            CheckpointError: the file is missing, not JSON, or lacks or contradicts a field.
            UnsupportedError: an architecture or feature that is not implemented.
        """
        path = folder / "config.json"
        if not folder.is_dir():
            msg = f"{folder} is not a folder: give the folder that holds config.json and the safetensors files"
            raise CheckpointError(msg)
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            msg = f"{path} does not exist: a checkpoint folder needs config.json beside its safetensors files"
            raise CheckpointError(msg) from None
        except ValueError as error:
            msg = f"{path} is not valid JSON ({error}): download it again"
            raise CheckpointError(msg) from None
        return cls.from_dict(raw, source=str(path))

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, source: str = "config.json") -> ModelConfig:
        """Build from parsed JSON; `source` names it in errors."""
        if not isinstance(raw, dict):
            raise CheckpointError(f"{source} holds a JSON {type(raw).__name__}, not an object: download it again")
        fields = _Fields(raw, source)
        model_type = fields.model_type
        num_layers = fields.size("num_hidden_layers")
        kinds = fields.mixer_kinds(num_layers)
        moe = fields.moe()
        sparse = fields.sparse_layers(num_layers, has_experts=moe is not None)
        return cls(
            model_type=model_type,
            hidden_size=fields.size("hidden_size"),
            num_layers=num_layers,
            vocab_size=fields.size("vocab_size"),
            rms_norm_eps=fields.number("rms_norm_eps", 1e-6),
            max_position_embeddings=fields.size("max_position_embeddings"),
            tie_word_embeddings=bool(fields.get("tie_word_embeddings", raw.get("tie_word_embeddings", False))),
            mixer_kinds=kinds,
            sparse_layers=sparse,
            intermediate_size=0 if all(sparse) else fields.size("intermediate_size"),
            attention=fields.attention(),
            delta=fields.delta() if "linear_attention" in kinds else None,
            moe=moe if any(sparse) else None,
            quantization=_quantization(raw, source),
        )

    @property
    def num_full_attention(self) -> int:
        """How many layers keep keys and values for every position."""
        return self.mixer_kinds.count("full_attention")

    def __repr__(self) -> str:
        experts = f", {self.moe.num_experts} experts top-{self.moe.top_k}" if self.moe else ", dense"
        return f"<ModelConfig {self.model_type}: {self.num_layers} layers, hidden {self.hidden_size}{experts}>"


class _Fields:
    """Typed access to the text part of a config.json, with errors that name the file and the key."""

    def __init__(self, raw: Mapping[str, Any], source: str) -> None:
        self.source = source
        self.model_type = str(raw.get("model_type", "")).removesuffix("_text")
        if self.model_type not in SUPPORTED_MODEL_TYPES:
            msg = (
                f'{source}: model_type is "{raw.get("model_type")}", supported are {", ".join(SUPPORTED_MODEL_TYPES)}: '
                "open a checkpoint of one of these architectures"
            )
            raise UnsupportedError(msg)
        nested = raw.get("text_config")
        self.values: Mapping[str, Any] = nested if isinstance(nested, dict) else raw

    def get(self, key: str, default: object = None) -> Any:
        value = self.values.get(key)
        return default if value is None else value

    def size(self, key: str, default: int | None = None) -> int:
        value = self.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            msg = f"{self.source}: {key} is {value!r}, expected a whole number above 0: the config is incomplete"
            raise CheckpointError(msg)
        return value

    def number(self, key: str, default: float) -> float:
        return self._number(key, self.get(key, default))

    def _number(self, key: str, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
            raise CheckpointError(f"{self.source}: {key} is {value!r}, expected a number, 0 or more: download it again")
        return float(value)

    def listing(self, key: str, default: Sequence[object]) -> list[Any]:
        value = self.get(key, default)
        if not isinstance(value, list | tuple):
            raise CheckpointError(f"{self.source}: {key} is {value!r}, expected a list: download it again")
        return list(value)

    def mixer_kinds(self, num_layers: int) -> tuple[MixerKind, ...]:
        if self.model_type == "qwen3_moe":
            attention: MixerKind = "full_attention"
            return (attention,) * num_layers
        interval = self.size("full_attention_interval", 4)
        by_interval: list[MixerKind] = [
            "linear_attention" if (i + 1) % interval else "full_attention" for i in range(num_layers)
        ]
        kinds: list[MixerKind] = self.listing("layer_types", by_interval)
        found = sorted({str(kind) for kind in kinds})
        if len(kinds) != num_layers or set(found) - {"linear_attention", "full_attention"}:
            msg = f"{self.source}: layer_types has {len(kinds)} entries of {found}, expected {num_layers} of "
            raise CheckpointError(msg + '"linear_attention" or "full_attention": the config belongs to another model')
        return tuple(kinds)

    def sparse_layers(self, num_layers: int, *, has_experts: bool) -> tuple[bool, ...]:
        step = self.size("decoder_sparse_step", 1)
        dense_layers = self.listing("mlp_only_layers", ())
        return tuple(has_experts and i not in dense_layers and (i + 1) % step == 0 for i in range(num_layers))

    def moe(self) -> MoEConfig | None:
        count = (
            "num_local_experts" if "num_local_experts" in self.values else "num_experts"
        )  # transformers 5 renames it
        if self.model_type == "qwen3_5" or self.get(count) == 0:
            return None
        num_experts, top_k = self.size(count), self.size("num_experts_per_tok")
        if top_k > num_experts:
            msg = f"{self.source}: num_experts_per_tok is {top_k}, above num_experts {num_experts}: "
            raise CheckpointError(msg + "the config belongs to another model")
        shared = 0 if self.model_type == "qwen3_moe" else int(self.number("shared_expert_intermediate_size", 0))
        norm = bool(self.get("norm_topk_prob", self.model_type != "qwen3_moe"))
        return MoEConfig(num_experts, top_k, self.size("moe_intermediate_size"), shared, norm)

    def attention(self) -> AttentionConfig:
        num_heads, num_kv_heads = self.size("num_attention_heads"), self.size("num_key_value_heads")
        if num_heads % num_kv_heads:
            msg = (
                f"{self.source}: num_attention_heads {num_heads} is no multiple of num_key_value_heads {num_kv_heads}: "
            )
            raise CheckpointError(msg + "the config belongs to another model")
        head_dim = self.size("head_dim", self.size("hidden_size") // num_heads)
        rope = dict(self.get("rope_parameters") or self.get("rope_scaling") or {})
        gated = self.model_type != "qwen3_moe"
        partial = rope.get("partial_rotary_factor", self.get("partial_rotary_factor", 0.25 if gated else 1.0))
        default_theta = 100_000.0 if self.model_type.startswith("qwen3_5") else 10_000_000.0
        rotary_dim = int(head_dim * self._number("partial_rotary_factor", partial))
        if rotary_dim % 2 or not 0 < rotary_dim <= head_dim:
            msg = f"{self.source}: partial_rotary_factor {partial} of head_dim {head_dim} turns {rotary_dim} values, "
            raise CheckpointError(msg + f"expected an even number of 2 to {head_dim}: the config is damaged")
        return AttentionConfig(
            num_heads=num_heads,
            num_kv_heads=num_kv_heads,
            head_dim=head_dim,
            rotary_dim=rotary_dim,
            rope_theta=self._number("rope_theta", rope.get("rope_theta", self.get("rope_theta", default_theta))),
            rope_scale=self._rope_scale(rope),
            output_gate=gated and bool(self.get("attn_output_gate", True)),
            bias=bool(self.get("attention_bias", False)),
        )

    def _rope_scale(self, rope: Mapping[str, Any]) -> float:
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind in ("default", "mrope"):
            return 1.0
        if kind == "linear":
            factor = self._number("factor of RoPE scaling", rope.get("factor"))
            if factor == 0:
                msg = f"{self.source}: factor of RoPE scaling is 0, expected more: download it again"
                raise CheckpointError(msg)
            return 1.0 / factor
        msg = f'{self.source}: RoPE type "{kind}" is not supported, only "default" and "linear": '
        raise UnsupportedError(msg + "use the checkpoint's original context length")

    def delta(self) -> DeltaConfig:
        config = DeltaConfig(
            num_k_heads=self.size("linear_num_key_heads"),
            num_v_heads=self.size("linear_num_value_heads"),
            k_head_dim=self.size("linear_key_head_dim"),
            v_head_dim=self.size("linear_value_head_dim"),
            conv_kernel=self.size("linear_conv_kernel_dim", 4),
            fused_projections=self.model_type == "qwen3_next",
        )
        if config.num_v_heads % config.num_k_heads:
            msg = (
                f"{self.source}: linear_num_value_heads {config.num_v_heads} is no multiple of "
                f"linear_num_key_heads {config.num_k_heads}: the config belongs to another model"
            )
            raise CheckpointError(msg)
        return config


def _quantization(raw: Mapping[str, Any], source: str) -> Quantization | None:
    block = raw.get("quantization") or raw.get("quantization_config")
    if not block:
        return None
    if not isinstance(block, dict):
        raise CheckpointError(f"{source}: quantization is {block!r}, expected an object: download it again")
    method = block.get("quant_method", "affine")
    mode = block.get("mode", "affine")
    if method not in ("affine", "mlx") or mode != "affine":
        msg = f'{source}: quantization "{method if mode == "affine" else mode}" is not supported, only MLX affine: '
        raise UnsupportedError(msg + "convert the original weights with mlx-lm, or pack them unquantized")
    default = _group_quantization(block, source, "quantization")
    overrides: dict[str, GroupQuantization | None] = {}
    for path, value in block.items():
        if isinstance(value, dict):
            merged = {"bits": default.bits, "group_size": default.group_size, **value}
            overrides[strip_prefix(path)] = _group_quantization(merged, source, path)
        elif value is False:
            overrides[strip_prefix(path)] = None
    return Quantization(default, overrides)


def _group_quantization(block: Mapping[str, Any], source: str, path: str) -> GroupQuantization:
    bits, group_size = block.get("bits"), block.get("group_size")
    if block.get("mode", "affine") != "affine" or bits not in SUPPORTED_BITS or group_size not in SUPPORTED_GROUP_SIZES:
        msg = (
            f"{source}: {path} says bits {bits}, group_size {group_size}, mode {block.get('mode', 'affine')}; "
            f"supported are affine, bits {SUPPORTED_BITS} and groups {SUPPORTED_GROUP_SIZES}: "
            "convert the original weights with mlx-lm"
        )
        raise UnsupportedError(msg)
    return GroupQuantization(int(bits), int(group_size))
