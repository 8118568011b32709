"""The gated delta rule for training: a Triton kernel on CUDA, the plain recurrence anywhere else.

One program carries the whole `Dk x Dv` state of one head in registers and walks through time, so nothing is
approximated: no chunk-wise inverse, float32 throughout. The forward pass leaves every state (bfloat16) for the backward
pass, which walks back. Source: Gated Delta Networks (arXiv 2412.06464), equation 10.

    S_t = exp(g_t) S_{t-1} + k_t beta_t (v_t - exp(g_t) S_{t-1}^T k_t)^T        o_t = S_t^T q_t / sqrt(Dk)
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING or find_spec("triton"):
    from flashmoe_nb.lab.demo import delta_kernel


def recurrence(q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor) -> Tensor:
    """The reference, one token at a time, differentiable.

    Shapes:
        q, k: [B, T, Hk, Dk]; v: [B, T, Hv, Dv]; g, beta: [B, T, Hv]; result [B, T, Hv, Dv], float32.
    """
    repeats = v.shape[2] // k.shape[2]
    q, k, v, g, beta = (tensor.float() for tensor in (q, k, v, g, beta))
    q, k = q.repeat_interleave(repeats, 2) * q.shape[-1] ** -0.5, k.repeat_interleave(repeats, 2)
    state = v.new_zeros(v.shape[0], v.shape[2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(v.shape[1]):
        state = state * g[:, t, :, None, None].exp()
        delta = (v[:, t] - torch.einsum("bhkv,bhk->bhv", state, k[:, t])) * beta[:, t, :, None]
        state = state + k[:, t, :, :, None] * delta[:, :, None, :]
        outputs.append(torch.einsum("bhkv,bhk->bhv", state, q[:, t]))
    return torch.stack(outputs, 1)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor) -> Tensor:
        q, k, v, g, beta = (tensor.contiguous() for tensor in (q, k, v, g, beta))
        batch, time, heads, size = v.shape
        out = torch.empty_like(v)
        keep = any(ctx.needs_input_grad)
        states = torch.empty((batch, heads, time, size, size) if keep else (1,), dtype=torch.bfloat16, device=v.device)
        delta_kernel.forward[(batch * heads,)](
            q, k, v, g, beta, out, states, time, heads, heads // k.shape[2], size, size**-0.5, keep, num_warps=1
        )
        ctx.save_for_backward(q, k, v, g, beta, states)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        q, k, v, g, beta, states = ctx.saved_tensors
        batch, time, heads, size = v.shape
        key_heads = k.shape[2]
        dq = torch.empty((batch, time, heads, size), dtype=torch.float32, device=v.device)
        dk = torch.empty_like(dq)
        dv, dg, dbeta = torch.empty_like(v), torch.empty_like(g), torch.empty_like(beta)
        delta_kernel.backward[(batch * heads,)](
            q, k, v, g, beta, grads[0].contiguous(), states, dq, dk, dv, dg, dbeta,
            time, heads, heads // key_heads, size, size**-0.5, num_warps=1,
        )  # fmt: skip
        by_group = (batch, time, key_heads, heads // key_heads, size)
        return dq.view(by_group).sum(3).to(q.dtype), dk.view(by_group).sum(3).to(k.dtype), dv, dg, dbeta


def fused(q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor) -> Tensor:
    """The kernel. Shapes as `recurrence`, Dk == Dv a power of two; g and beta float32; the result has v's dtype."""
    return _Fused.apply(q, k, v, g, beta)  # type: ignore[no-any-return,no-untyped-call]


def gated_delta_rule(q: Tensor, k: Tensor, v: Tensor, g: Tensor, beta: Tensor) -> Tensor:
    """The kernel on CUDA, the reference elsewhere; same shapes, result in v's dtype."""
    if v.is_cuda:
        return fused(q, k, v, g, beta)
    return recurrence(q, k, v, g, beta).to(v.dtype)
