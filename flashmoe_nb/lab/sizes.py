"""Values and bytes of a model's parts, from its config alone: what a download, a token and a memory would hold.

Follows the quantization the config states, and stores what no group divides unquantized, as mlx-lm does. Knows no
files; `tests/lab/test_sizes.py` holds it against every tensor of synthesised checkpoints.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flashmoe_nb.config import ModelConfig, Quantization
from flashmoe_nb.errors import CheckpointError, OptionError
from flashmoe_nb.storage.record import PAGE_BYTES
from flashmoe_nb.storage.synth_shapes import SHAPES, config_of, named_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

_FLOAT_BYTES = 2
"""bfloat16 or float16: scales, biases, norms and what is not quantized."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Some tensors together."""

    values: int = 0
    """Before quantization: the parameters of a model's name."""
    nbytes: int = 0

    def __add__(self, other: Weights) -> Weights:
        return Weights(self.values + other.values, self.nbytes + other.nbytes)

    def __mul__(self, count: int) -> Weights:
        return Weights(self.values * count, self.nbytes * count)


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The parts of one model."""

    config: ModelConfig
    embedding: Weights
    head: Weights
    """Zero where it is the embedding."""
    mixers: tuple[Weights, ...]
    """Per layer, its two norms included."""
    router: Weights
    """Of one sparse layer, with the gate of the shared expert."""
    shared: Weights
    expert: Weights
    dense: Weights
    """MLP of one layer without experts."""

    @property
    def n_sparse(self) -> int:
        """Layers with experts."""
        return sum(self.config.sparse_layers)

    @property
    def num_experts(self) -> int:
        """A layer; 0 for a dense model."""
        return self.config.moe.num_experts if self.config.moe else 0

    @property
    def own_top_k(self) -> int:
        """Experts a token, as trained; 0 for a dense model."""
        return self.config.moe.top_k if self.config.moe else 0

    @property
    def record_bytes(self) -> int:
        """Of one packed expert."""
        return -(-self.expert.nbytes // PAGE_BYTES) * PAGE_BYTES

    @property
    def experts(self) -> Weights:
        """All routed ones."""
        return self.expert * (self.num_experts * self.n_sparse)

    @property
    def resident(self) -> Weights:
        """Everything but the routed experts, dense MLPs included."""
        fixed = sum(self.mixers, self.embedding + self.head)
        return fixed + (self.router + self.shared) * self.n_sparse + self.dense * (len(self.mixers) - self.n_sparse)

    @property
    def total(self) -> Weights:
        """Of the checkpoint."""
        return self.resident + self.experts

    def active(self, top_k: int | None = None) -> Weights:
        """What one token goes through: one row of the embedding, everything resident, K experts a layer."""
        row = Weights(self.config.hidden_size, self.embedding.nbytes // self.config.vocab_size)
        lookup = row if self.head.values else self.embedding
        rest = Weights(self.resident.values - self.embedding.values, self.resident.nbytes - self.embedding.nbytes)
        return rest + lookup + self.expert * ((self.own_top_k if top_k is None else top_k) * self.n_sparse)

    def read_bytes(self, top_k: int | None = None) -> int:
        """Expert bytes a token asks for."""
        return self.expert.nbytes * (self.own_top_k if top_k is None else top_k) * self.n_sparse


def load_config(shape_or_config: str | PathLike[str] | Mapping[str, Any] | ModelConfig) -> tuple[str, ModelConfig]:
    """A name to show, and the config: of a known shape, of a config.json or its folder, or of parsed JSON.

    Raises:
        OptionError: neither a known shape nor a path.
        CheckpointError: a config.json that cannot be read.
        UnsupportedError: an architecture that is not implemented.
    """
    if isinstance(shape_or_config, ModelConfig):
        return shape_or_config.model_type, shape_or_config
    if isinstance(shape_or_config, dict):
        return str(shape_or_config.get("model_type", "config")), ModelConfig.from_dict(shape_or_config)
    name = str(shape_or_config)
    if name in SHAPES:
        return name, ModelConfig.from_dict(shape_config(name), source=name)
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve().name, ModelConfig.load(path)
    if path.is_file():
        try:
            return path.stem, ModelConfig.from_dict(json.loads(path.read_text("utf-8")), source=name)
        except ValueError as error:
            raise CheckpointError(f"{path} is not valid JSON ({error}): download it again") from error
    raise OptionError(f'"{name}" is no shape and no path: give {", ".join(SHAPES)}, or a config.json')


def shape_config(name: str) -> dict[str, Any]:
    """config.json of a known shape as its 4-bit checkpoint is published.

    mlx-lm keeps routers at 8 bits; the published Qwen3.5 snapshots have 4 (their resident bytes say so).
    """
    shape = named_shape(name)
    block: dict[str, Any] = {"group_size": 64, "bits": 4}
    if shape.model_type == "qwen3_next":
        for layer in range(shape.num_layers):
            for module in ("gate", "shared_expert_gate"):
                block[f"model.layers.{layer}.mlp.{module}"] = {"group_size": 64, "bits": 8}
    return config_of(shape, dtype="bfloat16", eos_ids=(0,), pad_id=0) | {"quantization": block}


def model_sizes(config: ModelConfig) -> ModelSizes:
    """Add everything up."""
    count = _Counter(config.quantization)
    hidden, moe = config.hidden_size, config.moe
    embedding = count.linear("embed_tokens", config.vocab_size, hidden)
    tied = config.tie_word_embeddings
    router = shared = expert = Weights()
    if moe is not None:
        sparse = config.sparse_layers.index(True)
        path = f"layers.{sparse}.mlp"
        router = count.linear(f"{path}.gate", moe.num_experts, hidden)
        if moe.shared_intermediate_size:
            router += count.linear(f"{path}.shared_expert_gate", 1, hidden)
            shared = count.mlp(f"{path}.shared_expert", hidden, moe.shared_intermediate_size)
        expert = count.mlp(f"{path}.switch_mlp", hidden, moe.intermediate_size)
    return ModelSizes(
        config,
        embedding,
        Weights() if tied else count.linear("lm_head", config.vocab_size, hidden),
        tuple(_mixer(count, config, layer) + _norm(config, layer) for layer in range(config.num_layers)),
        router,
        shared,
        expert,
        count.mlp("layers.0.mlp", hidden, config.intermediate_size) if config.intermediate_size else Weights(),
    )


def _norm(config: ModelConfig, layer: int) -> Weights:
    """Two a layer; the model's last one is counted with its last layer."""
    values = config.hidden_size * (3 if layer == config.num_layers - 1 else 2)
    return Weights(values, values * _FLOAT_BYTES)


def _mixer(count: _Counter, config: ModelConfig, layer: int) -> Weights:
    if config.mixer_kinds[layer] == "full_attention":
        return _attention(count, config, f"layers.{layer}.self_attn")
    return _delta_net(count, config, f"layers.{layer}.linear_attn")


def _attention(count: _Counter, config: ModelConfig, path: str) -> Weights:
    of, hidden = config.attention, config.hidden_size
    queries, keys = of.num_heads * of.head_dim, of.num_kv_heads * of.head_dim
    outputs = queries * (2 if of.output_gate else 1) + 2 * keys
    bias = Weights(outputs, outputs * _FLOAT_BYTES) if of.bias else Weights()
    return sum(
        (
            count.linear(f"{path}.q_proj", queries * (2 if of.output_gate else 1), hidden),
            count.linear(f"{path}.k_proj", keys, hidden) + count.linear(f"{path}.v_proj", keys, hidden),
            count.linear(f"{path}.o_proj", hidden, queries),
            Weights(2 * of.head_dim, 2 * of.head_dim * _FLOAT_BYTES),
        ),
        bias,
    )


def _delta_net(count: _Counter, config: ModelConfig, path: str) -> Weights:
    of, hidden = config.delta, config.hidden_size
    assert of is not None
    if of.fused_projections:
        inputs = {"in_proj_qkvz": of.conv_dim + of.value_dim, "in_proj_ba": 2 * of.num_v_heads}
    else:
        inputs = {"in_proj_qkv": of.conv_dim, "in_proj_z": of.value_dim}
        inputs |= {"in_proj_b": of.num_v_heads, "in_proj_a": of.num_v_heads}
    plain = of.conv_dim * of.conv_kernel + of.num_v_heads + of.v_head_dim  # convolution, dt_bias, norm
    parts: Iterable[Weights] = (count.linear(f"{path}.{name}", width, hidden) for name, width in inputs.items())
    own = Weights(plain + of.num_v_heads, plain * _FLOAT_BYTES + of.num_v_heads * 4)  # A_log is float32
    return sum(parts, own + count.linear(f"{path}.out_proj", hidden, of.value_dim))


@dataclass(frozen=True, slots=True)
class _Counter:
    """Counts matrices as they are stored."""

    quantization: Quantization | None

    def linear(self, path: str, rows: int, columns: int) -> Weights:
        values = rows * columns
        stored = self.quantization.stated(path)[0] if self.quantization else None
        if stored is None or columns % stored.group_size:
            return Weights(values, values * _FLOAT_BYTES)
        groups = values // stored.group_size
        return Weights(values, values * stored.bits // 8 + groups * 2 * _FLOAT_BYTES)

    def mlp(self, path: str, hidden: int, width: int) -> Weights:
        """gate_proj, up_proj and down_proj."""
        up = self.linear(f"{path}.gate_proj", width, hidden) + self.linear(f"{path}.up_proj", width, hidden)
        return up + self.linear(f"{path}.down_proj", hidden, width)
