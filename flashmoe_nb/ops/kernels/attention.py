"""Attention of one new position over all before it: softmax as it goes, in one pass over keys and values.

A *part* is some positions of one key/value head, for all query heads that share it; parts are shared out over threads
and their sums joined at the end. Scores of 64 positions stay in the first-level cache, keys and values are read from
memory once. Source: arXiv 2205.14135 (online softmax), arXiv 2311.01282 (parts along the positions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray

from flashmoe_nb.ops.cpu_arrays import address_of
from flashmoe_nb.ops.kernels.address import float_pointer, peek, power_of_two
from flashmoe_nb.ops.kernels.compiled import compiled, kernel
from flashmoe_nb.ops.kernels.crew import crew, share
from flashmoe_nb.ops.kernels.layers import SAFE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

BLOCK = 64
"""Positions whose scores are kept at once."""
_QUERIES, _KEYS = 4, 2
"""Of a tile of scores: eight sums that stay in registers."""
_LEAST_POSITIONS = 256
"""Of a part."""
_PARTS_PER_THREAD = 2
_NOTHING = np.float32(-1e30)
"""The largest score of no positions; finite, so that differences are."""


@compiled(fastmath=SAFE)
def exponential(x: float) -> Any:
    """e^x of a float32 that is not above 0, to 2 units in the last place; unlike the library's it becomes vectors."""
    low = np.float32(-87.0) if x < np.float32(-87.0) else np.float32(x)  # so that NaN goes on
    n = np.floor(low * np.float32(1.44269504) + np.float32(0.5))
    r = low - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4) * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    return (p * r * r + r + np.float32(1.0)) * power_of_two(np.int32(n))


@compiled(fastmath=SAFE)
def _score(queries: Floats, keys: Floats, scores: Floats) -> None:
    """Shapes: queries [R, Dh], keys [n, Dh], scores [R, BLOCK]; R a multiple of 4."""
    count, width = keys.shape
    for first in range(0, count, _KEYS):
        one, other = keys[first], keys[min(first + 1, count - 1)]
        for head in range(0, queries.shape[0], _QUERIES):
            a, b, c, d = queries[head], queries[head + 1], queries[head + 2], queries[head + 3]
            a1 = b1 = c1 = d1 = a2 = b2 = c2 = d2 = np.float32(0.0)
            for i in range(width):
                a1 += a[i] * one[i]
                b1 += b[i] * one[i]
                c1 += c[i] * one[i]
                d1 += d[i] * one[i]
                a2 += a[i] * other[i]
                b2 += b[i] * other[i]
                c2 += c[i] * other[i]
                d2 += d[i] * other[i]
            scores[head, first], scores[head + 1, first] = a1, b1
            scores[head + 2, first], scores[head + 3, first] = c1, d1
            scores[head, first + 1], scores[head + 1, first + 1] = a2, b2
            scores[head + 2, first + 1], scores[head + 3, first + 1] = c2, d2


@compiled(fastmath=SAFE)
def _weigh(scores: Floats, count: int, sums: Floats, mixed: Floats) -> None:
    """Scores to weights; what was mixed before fades where a larger score came.

    Shapes: scores [R, BLOCK], sums [R, 2] the largest score and the total, mixed [R, Dh].
    """
    for head in range(scores.shape[0]):
        row, before = scores[head], sums[head, 0]
        largest, total = before, np.float32(0.0)
        for i in range(count):
            largest = max(largest, row[i])
        for i in range(count):
            row[i] = exponential(row[i] - largest)
            total += row[i]
        row[count:] = np.float32(0.0)
        if largest > before:
            fade = exponential(before - largest)
            total += sums[head, 1] * fade
            for i in range(mixed.shape[1]):
                mixed[head, i] *= fade
        else:
            total += sums[head, 1]
        sums[head, 0], sums[head, 1] = largest, total


@compiled(fastmath=SAFE)
def _mix(weights: Floats, values: Floats, mixed: Floats) -> None:
    """Add weights @ values. Shapes: weights [R, BLOCK], values [n, Dh], mixed [R, Dh]."""
    last = values.shape[0] - 1
    for first in range(0, values.shape[0], 4):
        one, two = values[first], values[min(first + 1, last)]
        three, four = values[min(first + 2, last)], values[min(first + 3, last)]  # beyond the last they weigh nothing
        for head in range(0, weights.shape[0], 2):
            a, b = mixed[head], mixed[head + 1]
            a1, a2, a3, a4 = weights[head, first : first + 4]
            b1, b2, b3, b4 = weights[head + 1, first : first + 4]
            for i in range(mixed.shape[1]):
                a[i] += a1 * one[i] + a2 * two[i] + a3 * three[i] + a4 * four[i]
                b[i] += b1 * one[i] + b2 * two[i] + b3 * three[i] + b4 * four[i]


@kernel(fastmath=SAFE)
def _attend(task: int, _x: int, _y: int, start: int, stop: int) -> None:
    """Parts start to stop.

    `task`: addresses of queries, keys, values, scores, sums, mixed; Hkv, R, Dh, length, capacity, parts of a head.
    """
    n_shared, n_heads, width = peek(task, 6), peek(task, 7), peek(task, 8)
    length, capacity, n_parts = peek(task, 9), peek(task, 10), peek(task, 11)
    queries = carray(float_pointer(peek(task, 0)), (n_shared, n_heads, width))
    keys = carray(float_pointer(peek(task, 1)), (n_shared, capacity, width))
    values = carray(float_pointer(peek(task, 2)), (n_shared, capacity, width))
    scores = carray(float_pointer(peek(task, 3)), (n_shared * n_parts, n_heads, BLOCK))
    sums = carray(float_pointer(peek(task, 4)), (n_shared * n_parts, n_heads, 2))
    mixed = carray(float_pointer(peek(task, 5)), (n_shared * n_parts, n_heads, width))
    for part in range(start, stop):
        shared, number = part // n_parts, part % n_parts
        end = (number + 1) * length // n_parts
        for first in range(number * length // n_parts, end, BLOCK):
            last = min(first + BLOCK, end)
            _score(queries[shared], keys[shared, first:last], scores[part])
            _weigh(scores[part], last - first, sums[part], mixed[part])
            _mix(scores[part], values[shared, first:last], mixed[part])


def attend(queries: Floats, keys: Floats, values: Floats, length: int, scale: float, n_threads: int) -> Floats:
    """Attention of the last position. Shapes: queries [Hq, Dh], keys and values [Hkv, capacity, Dh], result [Hq*Dh]."""
    n_shared, capacity, width = keys.shape
    n_sharing = queries.shape[0] // n_shared
    padded = _padded(queries.reshape(n_shared, n_sharing, width), scale)
    n_heads = padded.shape[1]
    n_parts = max(1, min(length // _LEAST_POSITIONS, -(-_PARTS_PER_THREAD * n_threads // n_shared)))
    scores = np.empty((n_shared * n_parts, n_heads, BLOCK), np.float32)
    sums = np.zeros((n_shared * n_parts, n_heads, 2), np.float32)
    sums[..., 0] = _NOTHING
    mixed = np.zeros((n_shared * n_parts, n_heads, width), np.float32)
    addresses = [address_of(array) for array in (padded, keys, values, scores, sums, mixed)]
    task = np.array([*addresses, n_shared, n_heads, width, length, capacity, n_parts], np.int64)
    team, nbytes = crew(), 8 * n_shared * length * width
    n_threads = team.lead(n_threads if n_shared * n_parts > 1 else 1, nbytes)
    try:
        share(team.words, n_threads, _attend.address, address_of(task), 0, 0, n_shared * n_parts)
    finally:
        if n_threads > 1:
            team.leave()
    joined = _joined(sums.reshape(n_shared, n_parts, n_heads, 2), mixed.reshape(n_shared, n_parts, n_heads, width))
    return joined[:, :n_sharing].reshape(-1)


def _padded(queries: Floats, scale: float) -> Floats:
    """A whole number of tiles of heads; those added are zero. Shapes: queries [Hkv, r, Dh], result [Hkv, R, Dh]."""
    n_shared, n_sharing, width = queries.shape
    padded = np.zeros((n_shared, -(-n_sharing // _QUERIES) * _QUERIES, width), np.float32)
    np.multiply(queries, np.float32(scale), out=padded[:, :n_sharing])
    return padded


def _joined(sums: Floats, mixed: Floats) -> Floats:
    """The parts of a head as one. Shapes: sums [Hkv, parts, R, 2], mixed [Hkv, parts, R, Dh], result [Hkv, R, Dh]."""
    largest, totals = sums[..., 0], sums[..., 1]
    with np.errstate(invalid="ignore"):  # an infinite score makes NaN, by which damage is noticed
        fades = np.exp(largest - largest.max(axis=1, keepdims=True))
    result: Floats = (mixed * fades[..., None]).sum(axis=1) / (totals * fades).sum(axis=1)[..., None]
    return result
