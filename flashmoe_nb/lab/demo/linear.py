"""Projections and norms of the training network, and how a float32 master becomes the weight that computes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from flashmoe_nb.lab.demo import quantise
from flashmoe_nb.lab.demo.elementwise import rms_norm

if TYPE_CHECKING:
    from flashmoe_nb.lab.demo.shape import Shape


class Linear(nn.Module):
    """A bias-free projection whose weight is cast, or fake-quantised, as the model says."""

    def __init__(self, outputs: int, inputs: int, std: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (std or 0.8 * inputs**-0.5))
        self.precision = quantise.DENSE
        self.fake_quantised = False

    def cast(self, dtype: torch.dtype) -> Tensor:
        """The weight that computes."""
        return cast_weight(self.weight, self.precision, dtype, fake_quantised=self.fake_quantised)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: x [..., inputs] -> [..., outputs]."""
        return F.linear(x, self.cast(x.dtype))


def cast_weight(weight: Tensor, precision: quantise.Precision, dtype: torch.dtype, *, fake_quantised: bool) -> Tensor:
    """A float32 master as it computes: cast, or rounded to the quantised grid with a straight-through gradient."""
    if fake_quantised:
        rounded: Tensor = quantise.StraightThrough.apply(  # type: ignore[no-untyped-call]
            weight, precision.bits, precision.group_size
        )
        return rounded.to(dtype)
    return weight.to(dtype)


class Norm(nn.Module):
    """RMSNorm with its weight."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        return rms_norm(x, self.weight, self.eps)


def residual_scale(shape: Shape) -> float:
    """What output projections are scaled by at the start, so that the residual stream keeps its size."""
    return 1 / math.sqrt(2 * shape.num_hidden_layers)
