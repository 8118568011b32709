"""The mixture of experts for training: tokens sorted by expert, grouped matrix products on CUDA, a loop elsewhere."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from flashmoe_nb.lab.demo import quantise
from flashmoe_nb.lab.demo.elementwise import gather_sum, output_gate, swiglu, weighted_swiglu
from flashmoe_nb.lab.demo.linear import Linear, cast_weight, residual_scale

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.shape import Shape


class _Dispatch(torch.autograd.Function):
    """Copy every token to the rows of its experts; backward gathers the rows again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, tokens: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return x[tokens]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return gather_sum(grads[0], places), None, None


class _Combine(torch.autograd.Function):
    """Sum the rows of every token; backward copies the gradient to each of them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, tokens: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(tokens)
        return gather_sum(rows, places)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (tokens,) = ctx.saved_tensors
        return grads[0][tokens], None, None


def _grouped(rows: Tensor, weight: Tensor, ends: Tensor) -> Tensor:
    # rows [M, D] sorted by expert, weight [E, O, D], ends [E] -> [M, O]
    if rows.is_cuda:
        return torch._grouped_mm(rows, weight.transpose(1, 2), offs=ends)  # noqa: SLF001 - the only entry point
    spans = pairwise([0, *ends.tolist()])
    return torch.cat([rows[a:b] @ weight[e].T for e, (a, b) in enumerate(spans)])


class Experts(nn.Module):
    """Router, routed experts and the gated shared expert."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        hidden, inner, shared = shape.hidden_size, shape.moe_intermediate_size, shape.shared_expert_intermediate_size
        scale = residual_scale(shape)
        self.gate = Linear(shape.num_experts, hidden, 0.02)
        self.gate_up_proj = nn.Parameter(torch.randn(shape.num_experts, 2 * inner, hidden) * 0.8 * hidden**-0.5)
        self.down_proj = nn.Parameter(torch.randn(shape.num_experts, hidden, inner) * inner**-0.5 * scale * 1.5)
        self.shared_gate_up = Linear(2 * shared, hidden)
        self.shared_down = Linear(hidden, shared, shared**-0.5 * scale)
        self.shared_expert_gate = Linear(1, hidden, 0.02)
        self.gate.precision = self.shared_expert_gate.precision = quantise.ROUTER
        self.fake_quantised = False

    def forward(self, x: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Shapes: x [N, D] -> [N, D], the balance loss, the tokens of every expert [E]."""
        logits = self.gate(x).float()
        probabilities = F.softmax(logits, -1)
        weights, chosen = probabilities.topk(top_k, -1)
        weights = weights / weights.sum(-1, keepdim=True)
        routed, counts = self._routed(x, chosen, weights)
        share = counts.float() / chosen.numel()
        balance = counts.numel() * (share * probabilities.mean(0)).sum()
        shared = self.shared_down(swiglu(self.shared_gate_up(x)))
        return routed + output_gate(shared, self.shared_expert_gate(x).expand_as(shared)), balance, counts

    def _routed(self, x: Tensor, chosen: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        experts, top_k = self.gate.weight.shape[0], chosen.shape[1]
        # int16 halves the radix passes of the sort
        by_expert, order = chosen.reshape(-1).to(torch.int16).sort()
        edges = torch.arange(experts, device=x.device, dtype=torch.int16)
        ends = torch.searchsorted(by_expert, edges, right=True).to(torch.int32)
        places = torch.empty_like(order)
        places[order] = torch.arange(order.numel(), device=x.device)
        tokens, places = order // top_k, places.view(-1, top_k)
        rows: Tensor = _Dispatch.apply(x, tokens, places)  # type: ignore[no-untyped-call]
        gate_up = cast_weight(self.gate_up_proj, quantise.EXPERTS, x.dtype, fake_quantised=self.fake_quantised)
        down = cast_weight(self.down_proj, quantise.EXPERTS, x.dtype, fake_quantised=self.fake_quantised)
        inner = weighted_swiglu(_grouped(rows, gate_up, ends), weights.reshape(-1)[order])
        combined: Tensor = _Combine.apply(_grouped(inner, down, ends), tokens, places)  # type: ignore[no-untyped-call]
        return combined, torch.diff(ends, prepend=ends.new_zeros(1))
