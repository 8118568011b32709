"""Do experts specialise? What the choice of an expert tells about a label of the token: its domain, language or kind.

Pure functions of arrays. Labels are weighed alike, however many tokens each has. A short trace looks specialised by
chance, so the measure comes with a control in which the labels are dealt to the tokens at random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.observe.stats_locality import information_bits
from flashmoe_nb.observe.stats_usage import usage_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Specialisation(NamedTuple):
    """Bits an expert tells about the label, between 0 and log2(labels)."""

    bits: NDArray[np.float64]
    """Shapes: [L]."""
    shuffled_bits: NDArray[np.float64]
    """With the labels shuffled. Shapes: [L]."""
    share: NDArray[np.float64]
    """Of each label in an expert's traffic, labels weighed alike; NaN for an expert nobody chose. Shapes: [A, L, E]."""


def label_counts(expert_ids: NDArray[np.integer], labels: NDArray[np.integer], num_experts: int) -> NDArray[np.int64]:
    """How often each expert was chosen under each label.

    Shapes: expert_ids [N, L, K]; labels [N], from 0; result [A, L, E].
    """
    return np.stack([usage_counts(expert_ids[labels == label], num_experts) for label in range(int(labels.max()) + 1)])


def specialisation(
    expert_ids: NDArray[np.integer], labels: NDArray[np.integer], num_experts: int, *, seed: int = 0
) -> Specialisation:
    """Information between expert and label, layer by layer.

    Shapes: expert_ids [N, L, K]; labels [N], from 0, each at least once.
    """
    balanced = balance_labels(label_counts(expert_ids, labels, num_experts))
    shuffled = balance_labels(label_counts(expert_ids, _dealt_anew(labels, seed), num_experts))
    return Specialisation(label_bits(balanced), label_bits(shuffled), label_share(balanced))


def balance_labels(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Each label's traffic in a layer sums to 1. Shapes: [A, L, E]."""
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))


def label_bits(balanced: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bits an expert tells about the label. Shapes: balanced [A, L, E], result [L]."""
    return information_bits(np.moveaxis(balanced, 0, 1))  # [L, A, E]


def label_share(balanced: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each label in an expert's traffic; NaN for an expert nobody chose. Shapes: [A, L, E]."""
    total = balanced.sum(axis=0)
    return np.asarray(np.divide(balanced, total, where=total > 0, out=np.full_like(balanced, np.nan)))


def _dealt_anew(labels: NDArray[np.integer], seed: int) -> NDArray[np.integer]:
    return np.random.default_rng(seed).permutation(labels)
