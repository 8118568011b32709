"""The element-wise parts of the training network, compiled on CUDA and eager elsewhere. Computed in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name
from torch import Tensor

_F = TypeVar("_F", bound=Callable[..., Any])
_DELTA_EPS = 1e-6


def compiled(function: _F) -> _F:
    """Compile on CUDA machines only: on a CPU the eager function is the reference that tests compare with."""
    return cast("_F", torch.compile(function, dynamic=False)) if torch.cuda.is_available() else function


@compiled
def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm over the last axis."""
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


@compiled
def gated_norm(x: Tensor, z: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm times SiLU of the gate z."""
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps) * weight
    return (y * F.silu(z.float())).to(x.dtype)


@compiled
def conv_silu(x: Tensor, weight: Tensor) -> Tensor:
    """A causal depthwise convolution as shifted products, then SiLU. Shapes: x [B, T, C], weight [C, k]."""
    taps = weight.shape[1]
    padded = F.pad(x, (0, 0, taps - 1, 0)).float()
    total = sum(padded[:, i : i + x.shape[1]] * weight[:, i] for i in range(taps))
    assert isinstance(total, Tensor)
    return F.silu(total).to(x.dtype)


@compiled
def unit(x: Tensor) -> Tensor:
    """Unit length over the last axis."""
    y = x.float()
    return (y * torch.rsqrt(y.pow(2).sum(-1, keepdim=True) + _DELTA_EPS)).to(x.dtype)


@compiled
def decay_and_beta(a: Tensor, b: Tensor, a_log: Tensor, dt_bias: Tensor) -> tuple[Tensor, Tensor]:
    """Log decay and write strength of the delta rule. Shapes: a, b [B, T, H]."""
    return -torch.exp(a_log) * F.softplus(a.float() + dt_bias), torch.sigmoid(b.float())


@compiled
def swiglu(gate_up: Tensor) -> Tensor:
    """SiLU of the first half times the second."""
    gate, up = gate_up.chunk(2, -1)
    return (F.silu(gate.float()) * up.float()).to(gate_up.dtype)


@compiled
def weighted_swiglu(gate_up: Tensor, weights: Tensor) -> Tensor:
    """`swiglu` times a weight a row: the down projection is linear, so routing weights can go before it."""
    gate, up = gate_up.chunk(2, -1)
    return (F.silu(gate.float()) * up.float() * weights[:, None]).to(gate_up.dtype)


@compiled
def output_gate(x: Tensor, gate: Tensor) -> Tensor:
    """X times the sigmoid of its gate."""
    return (x.float() * torch.sigmoid(gate.float())).to(x.dtype)


@compiled
def rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Half-split rotation of the first channels. Shapes: x [B, T, H, D]; cos, sin [1, T, 1, R / 2]."""
    half = cos.shape[-1]
    first, second = x[..., :half].float(), x[..., half : 2 * half].float()
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
    return torch.cat([turned.to(x.dtype), x[..., 2 * half :]], -1)


@compiled
def gather_sum(rows: Tensor, places: Tensor) -> Tensor:
    """Sum of picked rows. Shapes: rows [N * K, D], places [N, K] -> [N, D]."""
    return rows[places].float().sum(1).to(rows.dtype)
