"""Causal attention of the last T positions over keys and values, grouped heads, float32, in numpy.

Every key/value head serves its query heads in one product. Knows no layers and no state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_SCORE_BYTES = 16 * 2**20
"""Scores held at once; longer prefill chunks go through in tiles of rows."""


def attention(queries: Floats, keys: Floats, values: Floats, length: int, scale: float) -> Floats:
    """Shapes: queries [T, Hq, Dh], keys and values [Hkv, capacity, Dh], result [T, Hq*Dh]."""
    n_tokens, n_heads, head_dim = queries.shape
    n_shared = keys.shape[0]
    keys, values = np.asarray(keys), np.asarray(values)
    by_head = queries.reshape(n_tokens, n_shared, n_heads // n_shared, head_dim).transpose(1, 0, 2, 3) * np.float32(
        scale
    )
    out = np.empty((n_tokens, n_shared, n_heads // n_shared, head_dim), np.float32)
    step = max(1, _SCORE_BYTES // (4 * n_heads * length))
    for start in range(0, n_tokens, step):
        stop = min(start + step, n_tokens)
        seen = length - n_tokens + stop
        tile = by_head[:, start:stop].reshape(n_shared, -1, head_dim)  # [Hkv, t*r, Dh]
        scores = np.matmul(tile, keys[:, :seen].swapaxes(1, 2))
        if stop - start > 1:
            _hide_later(scores.reshape(n_shared, stop - start, -1, seen))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        total = scores.sum(axis=-1, keepdims=True)
        mixed = np.matmul(scores, values[:, :seen])
        mixed /= total
        out[start:stop] = mixed.reshape(n_shared, stop - start, -1, head_dim).transpose(1, 0, 2, 3)
    return out.reshape(n_tokens, n_heads * head_dim)


def _hide_later(scores: Floats) -> None:
    """A position sees itself and what is before. Shapes: scores [Hkv, t, r, seen], the last t of `seen` positions."""
    n_rows, seen = scores.shape[1], scores.shape[3]
    later = np.triu(np.ones((n_rows, n_rows), bool), 1)
    np.copyto(scores[..., seen - n_rows :], np.float32(-np.inf), where=later[:, None, :])
