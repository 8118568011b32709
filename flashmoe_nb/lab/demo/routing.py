"""What the routers of an mlx_lm model choose, and the loss: usage, information about the domain, a guess from routing.

Counts weigh the domains equally. The guess is naive Bayes over expert choices: counts from the first three quarters of
the held-out windows, guesses on the last quarter.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx_lm.models import qwen3_next

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPAN = 64
_SHOWN = 5


def record(model: Any, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and chosen experts of one window. Shapes: tokens [T + 1] -> nats [T], experts [layers, T, K]."""
    chosen: list[np.ndarray] = []
    block = qwen3_next.Qwen3NextSparseMoeBlock
    original = block.__call__

    def watched(self: Any, x: mx.array) -> mx.array:
        logits = self.gate(x)
        chosen.append(np.array(mx.argpartition(logits, kth=-self.top_k, axis=-1)[0, :, -self.top_k :]))
        return original(self, x)

    block.__call__ = watched  # type: ignore[method-assign]
    try:
        logits = model(mx.array(tokens[None, :-1].astype(np.int32)))
        nats = np.array(nn.losses.cross_entropy(logits, mx.array(tokens[None, 1:].astype(np.int32))))[0]
    finally:
        block.__call__ = original  # type: ignore[method-assign]
    return nats, np.stack(chosen)


def layer_statistics(counts: np.ndarray) -> list[dict[str, float]]:
    """Per layer: bits of information about the domain, entropy, dead experts. Shapes: counts [domains, layers, E]."""
    rows = []
    for layer in range(counts.shape[1]):
        joint = counts[:, layer].astype(float)
        joint /= joint.sum(1, keepdims=True) * len(joint)
        usage = joint.sum(0)
        ratio = np.where(joint > 0, joint / (usage * joint.sum(1, keepdims=True) + 1e-30), 1.0)
        rows.append({
            "information_bits": round(float((joint * np.log2(ratio)).sum()), 3),
            "entropy_bits": round(float(-(usage * np.log2(usage + 1e-30)).sum()), 2),
            "dead": int((usage == 0).sum()), "busiest_over_mean": round(float(usage.max() * len(usage)), 2),
            "one_domain_experts": int((joint.max(0) > 0.5 * np.maximum(usage, 1e-12)).sum()),
        })  # fmt: skip
    return rows


def _guesses(log_likelihood: np.ndarray, routes: dict[str, list[np.ndarray]], span: int) -> dict[str, float]:
    # log_likelihood [domains, layers, E]; share of spans of every domain that are guessed right
    layers = np.arange(log_likelihood.shape[1])[:, None, None]
    right = {}
    for i, (domain, windows) in enumerate(routes.items()):
        hits = []
        for route in windows:
            scores = log_likelihood[:, layers, route].sum((1, 3))  # [domains, T]
            spans = scores[:, : scores.shape[1] // span * span].reshape(len(scores), -1, span).sum(-1)
            hits += list(spans.argmax(0) == i)
        right[domain] = round(100 * float(np.mean(hits)), 1)
    return right


def measure(model: Any, tokenizer: Tokenizer, windows: dict[str, np.ndarray]) -> dict[str, object]:
    """Everything the model card says about held-out loss and routing. Shapes: windows [n, T + 1] by domain."""
    recorded = {domain: [record(model, row) for row in rows] for domain, rows in windows.items()}
    nats = {domain: round(float(np.mean([loss for loss, _ in found])), 4) for domain, found in recorded.items()}
    routes = {domain: [route for _, route in found] for domain, found in recorded.items()}
    experts = model.layers[0].mlp.num_experts
    layers = len(model.layers)
    counts = np.zeros((len(routes), layers, experts))
    fitted = np.zeros_like(counts)
    held: dict[str, list[np.ndarray]] = {}
    for i, (domain, found) in enumerate(routes.items()):
        cut = len(found) * 3 // 4
        held[domain] = found[cut:]
        for n, route in enumerate(found):
            for layer in range(layers):
                uses = np.bincount(route[layer].ravel(), minlength=experts)
                counts[i, layer] += uses
                fitted[i, layer] += uses if n < cut else 0
    smoothed = fitted + 0.5
    log_likelihood = np.log(smoothed / smoothed.sum(2, keepdims=True))
    guess = _guesses(log_likelihood, held, SPAN)
    return {
        "nats": nats | {"mean": round(float(np.mean(list(nats.values()))), 4)},
        "layers": layer_statistics(counts),
        "domain_guess_percent_from_one_token": round(
            float(np.mean(list(_guesses(log_likelihood, held, 1).values()))), 1
        ),
        f"domain_guess_percent_from_{SPAN}_tokens": guess | {"mean": round(float(np.mean(list(guess.values()))), 1)},
        "specialists": _specialists(counts, routes, windows, tokenizer),
    }


def _specialists(
    counts: np.ndarray, routes: dict[str, list[np.ndarray]], windows: dict[str, np.ndarray], tokenizer: Tokenizer
) -> list[dict[str, object]]:
    # For every domain, the last layer's expert with the largest share of its traffic from there (and some traffic).
    layer = counts.shape[1] - 1
    share = counts[:, layer] / counts[:, layer].sum(1, keepdims=True)
    rows: list[dict[str, object]] = []
    for i, domain in enumerate(routes):
        purity = np.where(share[i] > 0.002, share[i] / np.maximum(share.sum(0), 1e-12), 0)  # noqa: PLR2004
        expert = int(purity.argmax())
        words: Counter[str] = Counter()
        for route, row in zip(routes[domain], windows[domain], strict=True):
            for token in row[:-1][(route[layer] == expert).any(-1)]:
                words[tokenizer.decode([int(token)])] += 1
        common = [word for word, _ in words.most_common(_SHOWN)]
        rows.append(
            {
                "domain": domain,
                "layer": layer,
                "expert": expert,
                "share": round(float(purity[expert]), 2),
                "tokens": common,
            }
        )
    return rows
