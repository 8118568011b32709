"""Small layers of a decode step as one compiled call each: norms, gates, rotation, convolution, routing.

float32 in and out; rows are independent, so a prefill runs through the same loops. Knows arrays, not layers' weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.ops.kernels.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SAFE = {"reassoc", "contract", "arcp", "nsz"}
"""What the compiler may do with sums; it must keep NaN and infinity, by which damage is noticed."""


@compiled(fastmath=SAFE)
def sigmoid(x: float) -> Any:
    """1 / (1 + e^-x) in float32."""
    return np.float32(1.0) / (np.float32(1.0) + np.exp(-np.float32(x)))


@compiled(fastmath=SAFE)
def _inverse_norm(x: Floats, eps: float) -> Any:
    total = np.float32(0.0)
    for value in x:
        total += value * value
    return np.float32(1.0) / np.sqrt(total / np.float32(x.size) + np.float32(eps))


@compiled(fastmath=SAFE)
def rms_norm(x: Floats, weight: Floats, eps: float) -> Floats:
    """Shapes: x [R, n], weight [n]."""
    out = np.empty(x.shape, np.float32)
    for row in range(x.shape[0]):
        factor = _inverse_norm(x[row], eps)
        for i in range(x.shape[1]):
            out[row, i] = x[row, i] * factor * weight[i]
    return out


@compiled(fastmath=SAFE)
def l2_normalize(x: Floats, scale: float) -> Floats:
    """Shapes: x [R, n]."""
    out = np.empty(x.shape, np.float32)
    for row in range(x.shape[0]):
        total = np.float32(0.0)
        for i in range(x.shape[1]):
            total += x[row, i] * x[row, i]
        factor = np.float32(scale) / np.sqrt(total + np.float32(1e-6))
        for i in range(x.shape[1]):
            out[row, i] = x[row, i] * factor
    return out


@compiled(fastmath=SAFE)
def gated_rms_norm(x: Floats, gate: Floats, weight: Floats, eps: float) -> Floats:
    """Shapes: x and gate [R, n], weight [n]."""
    out = np.empty(x.shape, np.float32)
    for row in range(x.shape[0]):
        factor = _inverse_norm(x[row], eps)
        for i in range(x.shape[1]):
            out[row, i] = x[row, i] * factor * weight[i] * (gate[row, i] * sigmoid(gate[row, i]))
    return out


@compiled(fastmath=SAFE)
def gate(x: Floats, by: Floats) -> Floats:
    """X * sigmoid(by). Shapes: x [R, n], by [R, n] or [R, 1]."""
    out = np.empty(x.shape, np.float32)
    for row in range(x.shape[0]):
        if by.shape[1] == 1:
            factor = sigmoid(by[row, 0])
            for i in range(x.shape[1]):
                out[row, i] = x[row, i] * factor
        else:
            for i in range(x.shape[1]):
                out[row, i] = x[row, i] * sigmoid(by[row, i])
    return out


@compiled(fastmath=SAFE)
def swiglu(by: Floats, up: Floats) -> Floats:
    """Shapes: both [R, n]."""
    out = np.empty(by.shape, np.float32)
    for row in range(by.shape[0]):
        for i in range(by.shape[1]):
            out[row, i] = by[row, i] * sigmoid(by[row, i]) * up[row, i]
    return out


@compiled()
def rope(x: Floats, frequencies: NDArray[np.float64], offset: int) -> Floats:
    """Turn the pairs (i, i + n/2), n = 2 * frequencies. Shapes: x [T, H, Dh]."""
    out = x.copy()
    half = frequencies.size
    for token in range(x.shape[0]):
        for i in range(half):
            angle = (offset + token) * frequencies[i]
            cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
            for head in range(x.shape[1]):
                first, second = x[token, head, i], x[token, head, i + half]
                out[token, head, i] = first * cosine - second * sine
                out[token, head, i + half] = second * cosine + first * sine
    return out


@compiled(fastmath=SAFE)
def causal_conv(x: Floats, tail: Floats, taps: Floats) -> tuple[Floats, Floats]:
    """Depthwise, then SiLU; and the new tail. Shapes: x [T, C], tail [k-1, C], taps [k, C]."""
    n_tokens, n_channels = x.shape
    n_before = tail.shape[0]
    out, new_tail = np.zeros(x.shape, np.float32), np.empty(tail.shape, np.float32)
    for token in range(n_tokens):
        for tap in range(n_before + 1):
            at = token + tap - n_before
            if at >= 0:
                for channel in range(n_channels):
                    out[token, channel] += x[at, channel] * taps[tap, channel]
            else:
                for channel in range(n_channels):
                    out[token, channel] += tail[at + n_before, channel] * taps[tap, channel]
        for channel in range(n_channels):
            out[token, channel] *= sigmoid(out[token, channel])
    for place in range(n_before):
        at = n_tokens + place - n_before
        for channel in range(n_channels):
            new_tail[place, channel] = x[at, channel] if at >= 0 else tail[at + n_before, channel]
    return out, new_tail


@compiled()
def decay_beta(a: Floats, b: Floats, a_log: Floats, dt_bias: Floats) -> tuple[Floats, Floats]:
    """exp(-exp(a_log) * softplus(a + dt_bias)) and sigmoid(b). Shapes: a and b [T, Hv]."""
    decay, beta = np.empty(a.shape, np.float32), np.empty(a.shape, np.float32)
    for token in range(a.shape[0]):
        for head in range(a.shape[1]):
            x = a[token, head] + dt_bias[head]
            rate = max(x, np.float32(0.0)) + np.log1p(np.exp(-abs(x)))
            decay[token, head] = np.exp(-np.exp(a_log[head]) * rate)
            beta[token, head] = sigmoid(b[token, head])
    return decay, beta


@compiled()
def route(logits: Floats, top_k: int, normalize: bool) -> tuple[NDArray[np.uint32], Floats]:  # noqa: FBT001 - compiled
    """Softmax, then the K likeliest by falling weight; of equals the lower id first. Shapes: logits [T, E]."""
    n_tokens, n_experts = logits.shape
    ids, weights = np.empty((n_tokens, top_k), np.uint32), np.empty((n_tokens, top_k), np.float32)
    for token in range(n_tokens):
        largest, total = np.float32(-np.inf), np.float32(0.0)
        for expert in range(n_experts):
            largest = max(largest, logits[token, expert])
        for expert in range(n_experts):
            total += np.exp(logits[token, expert] - largest)
        held = 0
        for expert in range(n_experts):
            value = logits[token, expert]
            if held == top_k and not value > weights[token, held - 1]:
                continue
            place = held if held < top_k else top_k - 1
            while place > 0 and value > weights[token, place - 1]:
                weights[token, place], ids[token, place] = weights[token, place - 1], ids[token, place - 1]
                place -= 1
            weights[token, place], ids[token, place] = value, expert
            held = min(held + 1, top_k)
        kept = np.float32(0.0)
        for place in range(top_k):
            weights[token, place] = np.exp(weights[token, place] - largest) / total
            kept += weights[token, place]
        for place in range(top_k):
            weights[token, place] /= kept if normalize else np.float32(1.0)
    return ids, weights
