"""A compact qwen3_5_moe text model for training: float32 masters, bfloat16 compute, parameters in checkpoint layout.

Knows nothing of data or optimisation. Attribute names equal checkpoint keys, but for the fused `gate_up_proj` (see
`export`). On a CPU everything runs eagerly: that is what tests compare with.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from flashmoe_nb.lab.demo.delta import gated_delta_rule
from flashmoe_nb.lab.demo.elementwise import conv_silu, decay_and_beta, gated_norm, output_gate, rope, unit
from flashmoe_nb.lab.demo.experts import Experts
from flashmoe_nb.lab.demo.linear import Linear, Norm, residual_scale

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.shape import Shape


class Attention(nn.Module):
    """Gated grouped-query attention with partial rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        heads, groups, size = shape.num_attention_heads, shape.num_key_value_heads, shape.head_dim
        self.shape = shape
        self.q_proj = Linear(heads * size * 2, shape.hidden_size)
        self.k_proj = Linear(groups * size, shape.hidden_size)
        self.v_proj = Linear(groups * size, shape.hidden_size)
        self.o_proj = Linear(shape.hidden_size, heads * size, (heads * size) ** -0.5 * residual_scale(shape))
        self.q_norm = Norm(size, shape.rms_norm_eps)
        self.k_norm = Norm(size, shape.rms_norm_eps)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Shapes: x [B, T, D] -> [B, T, D]."""
        batch, time, _ = x.shape
        size = self.shape.head_dim
        q, gate = self.q_proj(x).view(batch, time, -1, 2 * size).chunk(2, -1)
        k, v = self.k_proj(x).view(batch, time, -1, size), self.v_proj(x).view(batch, time, -1, size)
        q, k = rope(self.q_norm(q), *rotation), rope(self.k_norm(k), *rotation)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        out = out.transpose(1, 2).reshape(batch, time, -1)
        return self.o_proj(output_gate(out, gate.reshape(batch, time, -1)))  # type: ignore[no-any-return]


class GatedDelta(nn.Module):
    """Gated DeltaNet mixer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        keys, values, heads = shape.linear_key_dim, shape.linear_value_dim, shape.linear_num_value_heads
        self.shape = shape
        self.in_proj_qkv = Linear(2 * keys + values, shape.hidden_size)
        self.in_proj_z = Linear(values, shape.hidden_size)
        self.in_proj_b = Linear(heads, shape.hidden_size)
        self.in_proj_a = Linear(heads, shape.hidden_size)
        self.out_proj = Linear(shape.hidden_size, values, values**-0.5 * residual_scale(shape))
        self.conv1d = nn.Parameter(torch.randn(2 * keys + values, shape.linear_conv_kernel_dim) * 0.3)
        step = torch.exp(torch.rand(heads) * math.log(100.0) + math.log(0.001))  # 0.001 to 0.1, log-uniform
        self.dt_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))
        self.A_log = nn.Parameter(torch.log(torch.rand(heads) * 15 + 1))
        self.norm = Norm(shape.linear_head_dim, shape.rms_norm_eps)

    def forward(self, x: Tensor, _rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Shapes: x [B, T, D] -> [B, T, D]."""
        batch, time, _ = x.shape
        keys, values, size = self.shape.linear_key_dim, self.shape.linear_value_dim, self.shape.linear_head_dim
        mixed = conv_silu(self.in_proj_qkv(x), self.conv1d)
        q, k, v = (part.reshape(batch, time, -1, size) for part in torch.split(mixed, [keys, keys, values], -1))
        decay, beta = decay_and_beta(self.in_proj_a(x), self.in_proj_b(x), self.A_log, self.dt_bias)
        out = gated_delta_rule(unit(q), unit(k), v, decay, beta)
        z = self.in_proj_z(x).view(batch, time, -1, size)
        out = gated_norm(out, z, self.norm.weight, self.shape.rms_norm_eps)
        return self.out_proj(out.reshape(batch, time, values))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """A mixer and a mixture of experts, each behind a norm and a residual."""

    def __init__(self, shape: Shape, index: int) -> None:
        super().__init__()
        self.input_layernorm = Norm(shape.hidden_size, shape.rms_norm_eps)
        self.post_attention_layernorm = Norm(shape.hidden_size, shape.rms_norm_eps)
        self.mixer = Attention(shape) if shape.is_full_attention(index) else GatedDelta(shape)
        self.mlp = Experts(shape)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], top_k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Shapes: x [B, T, D] -> [B, T, D], balance loss, expert counts [E]."""
        x = x + self.mixer(self.input_layernorm(x), rotation)
        flat = self.post_attention_layernorm(x).reshape(-1, x.shape[-1])
        y, balance, counts = self.mlp(flat, top_k)
        return x + y.view_as(x), balance, counts


class Network(nn.Module):
    """The whole model."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = Linear(shape.vocab_size, shape.hidden_size, 0.05)
        self.layers = nn.ModuleList(Layer(shape, i) for i in range(shape.num_hidden_layers))
        self.norm = Norm(shape.hidden_size, shape.rms_norm_eps)
        self.lm_head = Linear(shape.vocab_size, shape.hidden_size, 0.04)
        self.dtype = torch.bfloat16

    def fake_quantise(self, *, on: bool) -> None:
        """Compute with the weights of the 4-bit checkpoint from now on, or stop doing so."""
        for module in self.modules():
            if isinstance(module, Linear | Experts):
                module.fake_quantised = on

    def hidden(self, tokens: Tensor, top_k: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Shapes: tokens [B, T] -> hidden states [B, T, D] before the head, mean balance loss, counts by layer."""
        x = F.embedding(tokens, self.embed_tokens.cast(self.dtype))
        rotation = self._rotation(tokens)
        balances, counts = [], []
        for layer in self.layers:
            x, balance, count = layer(x, rotation, top_k)
            balances.append(balance)
            counts.append(count)
        return self.norm(x), torch.stack(balances).mean(), counts

    def forward(self, tokens: Tensor, top_k: int | None = None) -> Tensor:
        """Shapes: tokens [B, T] -> logits [B, T, V]."""
        hidden, _, _ = self.hidden(tokens, top_k or self.shape.num_experts_per_tok)
        return self.lm_head(hidden)  # type: ignore[no-any-return]

    def _rotation(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        size = self.shape.rotary_dim
        frequency = self.shape.rope_theta ** (-torch.arange(0, size, 2, device=tokens.device).float() / size)
        angle = torch.arange(tokens.shape[1], device=tokens.device).float()[:, None] * frequency
        return angle.cos()[None, :, None], angle.sin()[None, :, None]
