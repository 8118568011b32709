"""Every tensor of a random checkpoint: its MLX name, shape, and what kind of random numbers fill it.

Knows names and shapes (mlx-lm `models/qwen3_5.py`, `models/qwen3_next.py`); draws nothing and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from flashmoe_nb.config import GroupQuantization
from flashmoe_nb.storage.record import PROJECTIONS
from flashmoe_nb.storage.safetensors_writer import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb.storage.synth_shapes import SynthShape

ROUTER_GROUP_SIZE = 64


class Fill(StrEnum):
    """What a tensor is filled with."""

    PACKED = "packed"  # uniform random bits: every value of every width is equally likely
    SCALES = "scales"
    BIASES = "biases"  # minus half the range times the scale: values lie evenly about zero
    NORMAL = "normal"
    ONES = "ones"
    A_LOG = "A_log"  # log of uniform [1, 16)
    DT_BIAS = "dt_bias"  # softplus of it is log-uniform in [0.001, 0.1), as Mamba starts


@dataclass(frozen=True, slots=True)
class SynthTensor:
    """One tensor to be made up; `std` is that of the (dequantised) values, `bits` 0 where it is not quantized."""

    spec: TensorSpec
    fill: Fill
    std: float = 1.0
    bits: int = 0

    @property
    def module(self) -> str:
        """Path without the last part: scales and biases of one module are drawn from one stream."""
        return self.spec.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class SynthModel:
    """A shape and how its tensors are stored; `quantization` None leaves them all in `dtype`."""

    shape: SynthShape
    dtype: str
    """Safetensors name: BF16, F16 or F32."""
    quantization: GroupQuantization | None
    router_bits: int

    @property
    def prefix(self) -> str:
        """What mlx-lm puts before `layers.0`."""
        return "model." if self.shape.model_type == "qwen3_next" else "language_model.model."

    def overrides(self) -> dict[str, GroupQuantization]:
        """The modules that are quantized unlike the rest, by full path."""
        router = GroupQuantization(self.router_bits, ROUTER_GROUP_SIZE)
        paths = (f"{self.prefix}layers.{i}.mlp." for i in range(self.shape.num_layers))
        return {path + name: router for path in paths for name in ("gate", "shared_expert_gate")}

    def tensors(self) -> Iterator[SynthTensor]:
        """Every tensor, embedding first, then layer by layer."""
        shape, root = self.shape, self.prefix.removesuffix("model.")
        yield from self._linear(f"{self.prefix}embed_tokens", (shape.vocab_size, shape.hidden_size), std=1.0)
        for layer in range(shape.num_layers):
            yield from self._layer(f"{self.prefix}layers.{layer}", full_attention=shape.is_full_attention(layer))
        yield self._plain(f"{self.prefix}norm.weight", (shape.hidden_size,), Fill.ONES)
        head_std = 2 * shape.hidden_size**-0.5  # logits of standard deviation 2: neither flat nor certain
        yield from self._linear(f"{root}lm_head", (shape.vocab_size, shape.hidden_size), std=head_std)

    def _layer(self, path: str, *, full_attention: bool) -> Iterator[SynthTensor]:
        yield self._plain(f"{path}.input_layernorm.weight", (self.shape.hidden_size,), Fill.ONES)
        if full_attention:
            yield from self._attention(f"{path}.self_attn")
        else:
            yield from self._delta_net(f"{path}.linear_attn")
        yield self._plain(f"{path}.post_attention_layernorm.weight", (self.shape.hidden_size,), Fill.ONES)
        yield from self._mlp(f"{path}.mlp")

    def _attention(self, path: str) -> Iterator[SynthTensor]:
        shape = self.shape
        query_dim, kv_dim = shape.num_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim
        yield from self._linear(f"{path}.q_proj", (2 * query_dim, shape.hidden_size))
        yield from self._linear(f"{path}.k_proj", (kv_dim, shape.hidden_size))
        yield from self._linear(f"{path}.v_proj", (kv_dim, shape.hidden_size))
        yield from self._linear(f"{path}.o_proj", (shape.hidden_size, query_dim))
        yield self._plain(f"{path}.q_norm.weight", (shape.head_dim,), Fill.ONES)
        yield self._plain(f"{path}.k_norm.weight", (shape.head_dim,), Fill.ONES)

    def _delta_net(self, path: str) -> Iterator[SynthTensor]:
        shape = self.shape
        conv_dim = 2 * shape.key_dim + shape.value_dim
        if shape.model_type == "qwen3_next":
            inputs = {"in_proj_qkvz": conv_dim + shape.value_dim, "in_proj_ba": 2 * shape.num_v_heads}
        else:
            inputs = {
                "in_proj_qkv": conv_dim,
                "in_proj_z": shape.value_dim,
                "in_proj_b": shape.num_v_heads,
                "in_proj_a": shape.num_v_heads,
            }
        for name, width in inputs.items():
            yield from self._linear(f"{path}.{name}", (width, shape.hidden_size))
        conv_std = shape.conv_kernel**-0.5
        yield self._plain(f"{path}.conv1d.weight", (conv_dim, shape.conv_kernel, 1), Fill.NORMAL, std=conv_std)
        yield SynthTensor(TensorSpec(f"{path}.A_log", "F32", (shape.num_v_heads,)), Fill.A_LOG)
        yield self._plain(f"{path}.dt_bias", (shape.num_v_heads,), Fill.DT_BIAS)
        yield self._plain(f"{path}.norm.weight", (shape.delta_head_dim,), Fill.ONES)
        yield from self._linear(f"{path}.out_proj", (shape.hidden_size, shape.value_dim))

    def _mlp(self, path: str) -> Iterator[SynthTensor]:
        shape = self.shape
        hidden, inner, shared = shape.hidden_size, shape.moe_intermediate_size, shape.shared_intermediate_size
        router = self.quantization and GroupQuantization(self.router_bits, ROUTER_GROUP_SIZE)
        # Router logits of standard deviation 2: some experts are clearly preferred, which ones depends on the token.
        yield from self._linear(f"{path}.gate", (shape.num_experts, hidden), std=2 * hidden**-0.5, stored=router)
        for name in PROJECTIONS:
            last_two = (hidden, inner) if name == "down_proj" else (inner, hidden)
            yield from self._linear(f"{path}.switch_mlp.{name}", (shape.num_experts, *last_two))
        for name in PROJECTIONS:
            last_two = (hidden, shared) if name == "down_proj" else (shared, hidden)
            yield from self._linear(f"{path}.shared_expert.{name}", last_two)
        yield from self._linear(f"{path}.shared_expert_gate", (1, hidden), stored=router)

    def _plain(self, name: str, shape: tuple[int, ...], fill: Fill, *, std: float = 1.0) -> SynthTensor:
        return SynthTensor(TensorSpec(name, self.dtype, shape), fill, std)

    def _linear(
        self, path: str, shape: tuple[int, ...], *, std: float | None = None, stored: GroupQuantization | None = None
    ) -> Iterator[SynthTensor]:
        std = shape[-1] ** -0.5 if std is None else std
        stored = stored or self.quantization
        if stored is None or shape[-1] % stored.group_size:
            yield SynthTensor(TensorSpec(f"{path}.weight", self.dtype, shape), Fill.NORMAL, std)
            return
        words, groups = shape[-1] * stored.bits // 32, shape[-1] // stored.group_size
        yield SynthTensor(TensorSpec(f"{path}.weight", "U32", (*shape[:-1], words)), Fill.PACKED, std, stored.bits)
        for part, fill in (("scales", Fill.SCALES), ("biases", Fill.BIASES)):
            spec = TensorSpec(f"{path}.{part}", self.dtype, (*shape[:-1], groups))
            yield SynthTensor(spec, fill, std, stored.bits)
