"""How choices of experts hang together: from token to token, from layer to layer, and within a token.

Pure functions of `expert_ids` [N, L, K], each token's K distinct experts. What looks like locality may only be that
some experts are busy: every measure here has a control with the tokens in random order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe.schema import NO_EXPERT
from flashmoe_nb.observe.stats_usage import usage_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_BLOCK = 2**22
"""Comparisons made at once: bounds the temporaries."""

FIRST_USE = -1
"""Reuse distance of an expert nobody chose before."""


def require_full(expert_ids: NDArray[np.integer]) -> None:
    """Every token must have chosen K experts in every layer: what fills up shorter rows would count as an expert.

    Raises:
        OptionError: naming the first token that chose fewer.
    """
    if expert_ids.size and expert_ids.max() >= NO_EXPERT:
        token = int(np.flatnonzero((expert_ids >= NO_EXPERT).reshape(len(expert_ids), -1).any(axis=1))[0])
        msg = f"token {token} chose fewer than {expert_ids.shape[-1]} experts in some layer (a patch set its top_k): "
        raise OptionError(msg + "leave such tokens out, this measure compares full choices")


class Overlap(NamedTuple):
    """Share of a token's experts that another token chose too. Shapes: each [L]."""

    measured: NDArray[np.float64]
    shuffled: NDArray[np.float64]
    """The same with the tokens in random order: what busy experts alone explain."""


def token_overlap(expert_ids: NDArray[np.integer], *, lag: int = 1, shuffles: int = 4, seed: int = 0) -> Overlap:
    """Overlap of each token with the one `lag` before it.

    Shapes: expert_ids [N, L, K].

    Raises:
        OptionError: no token has one `lag` before it, or a token chose fewer than K experts.
    """
    if not 1 <= lag < len(expert_ids):
        raise OptionError(f"lag is {lag} in {len(expert_ids)} tokens: give 1 to {len(expert_ids) - 1}")
    require_full(expert_ids)
    rng = np.random.default_rng(seed)
    control = [_mean_overlap(expert_ids[rng.permutation(len(expert_ids))], lag) for _ in range(shuffles)]
    return Overlap(_mean_overlap(expert_ids, lag), np.mean(control, axis=0))


def shared_experts(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many experts two choices share. Shapes: a [N, L, K], b [N, L, J], result [N, L]."""
    require_full(a)
    require_full(b)
    result = np.empty(a.shape[:-1], np.int64)
    for rows in _blocks(a.shape[0], a[0].size * b.shape[-1] if len(a) else 1):
        result[rows] = (a[rows, ..., None] == b[rows, ..., None, :]).any(axis=-1).sum(axis=-1)
    return result


def reuse_distance(expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.int64]:
    """Tokens since the same expert of the same layer was last chosen; 1 is the token before, -1 the first use.

    Shapes: expert_ids and result [N, L, K].
    """
    require_full(expert_ids)
    tokens, layers, top_k = expert_ids.shape
    keys = (expert_ids + (np.arange(layers, dtype=np.int64) * num_experts)[:, None]).ravel()
    order = np.argsort(keys, kind="stable")  # by layer and expert, then by token
    token = order // (layers * top_k)
    result = np.full(keys.shape, FIRST_USE, np.int64)
    again = keys[order[1:]] == keys[order[:-1]]
    result[order[1:][again]] = (token[1:] - token[:-1])[again]
    return result.reshape(tokens, layers, top_k)


def layer_overlap(expert_ids: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of a layer's experts whose numbers the next layer chose too; K/E when the numbers mean nothing.

    Shapes: expert_ids [N, L, K], result [L - 1].
    """
    return np.asarray(shared_experts(expert_ids[:, :-1], expert_ids[:, 1:]).mean(axis=0) / expert_ids.shape[-1])


def layer_information(
    expert_ids: NDArray[np.integer], num_experts: int, *, shuffles: int = 1, seed: int = 0
) -> Overlap:
    """Bits that an expert chosen in a layer tells about one chosen in the next.

    Short traces look informative by chance; the control pairs each layer with the next layer of another token.

    Shapes: expert_ids [N, L, K]; results [L - 1].
    """
    require_full(expert_ids)
    rng = np.random.default_rng(seed)
    pairs = range(expert_ids.shape[1] - 1)
    first, then = expert_ids[:, :-1], expert_ids[:, 1:]
    measured = [_information(first[:, n], then[:, n], num_experts) for n in pairs]
    control = [
        [_information(first[:, n], then[rng.permutation(len(then)), n], num_experts) for n in pairs]
        for _ in range(shuffles)
    ]
    return Overlap(np.array(measured), np.mean(control, axis=0))


def coactivation(expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.int64]:
    """How many tokens chose both experts, in one layer; the diagonal is each expert's own count.

    Shapes: expert_ids [N, K] of one layer, result [E, E].
    """
    require_full(expert_ids)
    top_k = expert_ids.shape[-1]
    counts = np.zeros(num_experts * num_experts, np.int64)
    for rows in _blocks(len(expert_ids), top_k * top_k):
        ids = expert_ids[rows].astype(np.int64)
        counts += np.bincount((ids[:, :, None] * num_experts + ids[:, None, :]).ravel(), minlength=len(counts))
    return counts.reshape(num_experts, num_experts)


def coactivation_lift(expert_ids: NDArray[np.integer], num_experts: int) -> NDArray[np.float64]:
    """`coactivation` over what independent choices would give; NaN for experts never chosen, and on the diagonal.

    Shapes: expert_ids [N, K] of one layer, result [E, E].
    """
    together = coactivation(expert_ids, num_experts).astype(np.float64)
    counts = usage_counts(expert_ids[:, None], num_experts)[0].astype(np.float64)
    top_k = expert_ids.shape[-1]
    expected = np.outer(counts, counts) * (top_k - 1) / max(1, top_k)
    total = expected.sum() - np.diagonal(expected).sum()
    pairs = together.sum() - np.diagonal(together).sum()
    np.fill_diagonal(expected, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        lift = together / (expected * (pairs / total if total else 1))
    return np.asarray(np.where(expected > 0, lift, np.nan))


def _mean_overlap(expert_ids: NDArray[np.integer], lag: int) -> NDArray[np.float64]:
    shared = shared_experts(expert_ids[lag:], expert_ids[:-lag])
    return np.asarray(shared.mean(axis=0) / expert_ids.shape[-1])


def _information(a: NDArray[np.integer], b: NDArray[np.integer], num_experts: int) -> float:
    """Mutual information in bits of one expert of each choice, drawn at random. Shapes: a and b [N, K]."""
    joint = np.zeros(num_experts * num_experts, np.int64)
    for rows in _blocks(len(a), a.shape[-1] * b.shape[-1]):
        joint += np.bincount(
            (a[rows, :, None].astype(np.int64) * num_experts + b[rows, None, :]).ravel(), minlength=len(joint)
        )
    return float(information_bits(joint.reshape(num_experts, num_experts)))


def information_bits(counts: NDArray[np.integer] | NDArray[np.floating]) -> NDArray[np.float64]:
    """Mutual information of rows and columns of a table of counts. Shapes: counts [..., A, B], result [...]."""
    joint = counts / np.maximum(counts.sum(axis=(-2, -1), keepdims=True), 1e-300)
    apart = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    ratio = np.divide(joint, apart, where=joint > 0, out=np.ones_like(joint))
    return np.asarray((joint * np.log2(ratio)).sum(axis=(-2, -1)))


def _blocks(count: int, each: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, each))
    for start in range(0, count, step):
        yield slice(start, start + step)
