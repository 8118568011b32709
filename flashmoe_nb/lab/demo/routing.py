"""Loss and routing on held-out windows: usage, information about the domain, a guess of the domain from routing alone.

Counts weigh the domains equally. The guess is naive Bayes over expert choices, fitted on the first three quarters of
the windows and tried on the last quarter; a second one takes every fourth window out instead, which shows how much
depends on the split.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.observe.stats_domain import balance_labels, label_bits, label_share
from flashmoe_nb.observe.stats_usage import entropy_bits, usage_counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.lab.demo.subject import Reading, Subject

    Readings = dict[str, list[Reading]]

SPAN = 64
_SHOWN = 5
_MAJORITY = 0.5
_LEAST_SHARE = 0.002
"""Of a domain's traffic, for an expert to count as a specialist."""


def measure(subject: Subject, windows: dict[str, NDArray[np.integer]]) -> Iterator[dict[str, object]]:
    """Everything the model card says about held-out loss and routing, last; before that, how far it is.

    Shapes: windows [n, T + 1] by domain.
    """
    found: Readings = {domain: [] for domain in windows}
    for domain, rows in windows.items():
        for row in rows:
            found[domain].append(subject.read(row))
            yield {"read": {name: len(readings) for name, readings in found.items()}}
    yield _table(subject, windows, found)


def _table(subject: Subject, windows: dict[str, NDArray[np.integer]], found: Readings) -> dict[str, object]:
    by_window = {domain: [round(float(one.nats.mean()), 4) for one in readings] for domain, readings in found.items()}
    nats = {
        domain: round(float(np.mean([one.nats.mean() for one in readings])), 4) for domain, readings in found.items()
    }
    counts = np.stack([sum_of(readings, subject.num_experts) for readings in found.values()])
    return {
        "windows": {domain: len(rows) for domain, rows in windows.items()},
        "nats": nats | {"mean": round(float(np.mean(list(nats.values()))), 4)},
        "nats_by_window": by_window,
        "layers": layer_statistics(counts),
        "guess": _both_guesses(found, subject.num_experts),
        "specialists": _specialists(subject, counts, found, windows),
    }


def sum_of(readings: Sequence[Reading], num_experts: int) -> NDArray[np.int64]:
    """How often each expert was chosen. Shapes: [layers, E]."""
    return sum(usage_counts(one.experts.swapaxes(0, 1), num_experts) for one in readings)  # type: ignore[return-value]


def layer_statistics(counts: NDArray[np.integer]) -> list[dict[str, float]]:
    """Per layer: bits of information about the domain, entropy, dead experts. Shapes: counts [domains, layers, E]."""
    balanced = balance_labels(counts)
    bits, usage = label_bits(balanced), balanced.sum(axis=0) / len(counts)
    entropy, most = entropy_bits(usage), np.nan_to_num(label_share(balanced)).max(axis=0)
    return [
        {
            "information_bits": round(float(bits[layer]), 3),
            "entropy_bits": round(float(entropy[layer]), 2),
            "dead": int((usage[layer] == 0).sum()),
            "busiest_over_mean": round(float(usage[layer].max() * usage.shape[1]), 2),
            "one_domain_experts": int((most[layer] > _MAJORITY).sum()),
        }
        for layer in range(counts.shape[1])
    ]


def _both_guesses(found: Readings, num_experts: int) -> dict[str, object]:
    if any(len(readings) < 4 for readings in found.values()):  # noqa: PLR2004 - a quarter must be a window
        return {}
    last = {domain: (rows[: len(rows) * 3 // 4], rows[len(rows) * 3 // 4 :]) for domain, rows in found.items()}
    fourth = {
        domain: ([row for i, row in enumerate(rows) if i % 4 != 3], rows[3::4])  # noqa: PLR2004 - as above
        for domain, rows in found.items()
    }
    return {
        "from_one_token": guess(last, num_experts, 1),
        f"from_{SPAN}_tokens": guess(last, num_experts, SPAN),
        f"from_{SPAN}_tokens_every_fourth_window": guess(fourth, num_experts, SPAN),
    }


def guess(split: dict[str, tuple[list[Reading], list[Reading]]], num_experts: int, span: int) -> dict[str, float]:
    """Percent of spans of each domain, and on average, that naive Bayes guesses right; fitted and tried windows."""
    counts = np.stack([sum_of(fitted, num_experts) for fitted, _ in split.values()]) + 0.5
    log_likelihood = np.log(counts / counts.sum(2, keepdims=True))
    layers = np.arange(counts.shape[1])[:, None, None]
    right = {}
    for i, (domain, (_, tried)) in enumerate(split.items()):
        hits: list[bool] = []
        for one in tried:
            scores = log_likelihood[:, layers, one.experts].sum((1, 3))  # [domains, T]
            spans = scores[:, : scores.shape[1] // span * span].reshape(len(scores), -1, span).sum(-1)
            hits += list(spans.argmax(0) == i)
        right[domain] = round(100 * float(np.mean(hits)), 1)
    return right | {"mean": round(float(np.mean(list(right.values()))), 1)}


def _specialists(
    subject: Subject, counts: NDArray[np.integer], found: Readings, windows: dict[str, NDArray[np.integer]]
) -> list[dict[str, object]]:
    # For every domain, the last layer's expert with the largest share of its traffic from there (and some traffic).
    share = counts[:, -1] / counts[:, -1].sum(1, keepdims=True)
    rows: list[dict[str, object]] = []
    for i, domain in enumerate(found):
        purity = np.where(share[i] > _LEAST_SHARE, share[i] / np.maximum(share.sum(0), 1e-12), 0)
        expert = int(purity.argmax())
        words: Counter[str] = Counter()
        for reading, row in zip(found[domain], windows[domain], strict=True):
            for token in row[:-1][(reading.experts[-1] == expert).any(-1)]:
                words[subject.decode([int(token)])] += 1
        common = [word for word, _ in words.most_common(_SHOWN)]
        about = {"expert": expert, "share": round(float(purity[expert]), 2), "tokens": common}
        rows.append({"domain": domain, "layer": counts.shape[1] - 1} | about)
    return rows
