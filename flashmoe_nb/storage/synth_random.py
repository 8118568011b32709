"""Seeded random bytes at the speed of a disk: pools drawn once, and every expert reads them from another offset.

Drawing 200 GB afresh would take longer than writing it. Two experts may share stretches of bits, but hardly a place:
shifted against each other they are as good as independent. The same seed gives the same bytes whatever the shard size.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.storage.synth_tensors import Fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from flashmoe_nb.storage.synth_tensors import SynthTensor

_POOL_WORDS = 8 * 2**20
_POOL_FLOATS = 2**20
_CHUNK_ELEMENTS = 2**19


class RandomPools:
    """Chunks of any `SynthTensor`, in order; holds at most a few dozen MB."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._words = self._generator("words").integers(0, 2**32, _POOL_WORDS, dtype=np.uint32)
        self._pools: dict[tuple[Fill, str, float, int], NDArray[np.generic]] = {}

    def chunks(self, tensor: SynthTensor) -> Iterator[memoryview]:
        """Yield the elements of `tensor`: a chunk an expert where it is stacked, tiles of it where it is large."""
        pool = self._pool(tensor)
        shape = tensor.spec.shape
        stacked = shape[0] if len(shape) == 3 and shape[-1] > 1 else 1  # noqa: PLR2004 - [E, rows, columns]
        offsets = self._generator(tensor.module + (".weight" if tensor.fill is Fill.PACKED else ""))
        part_elements = math.prod(shape) // stacked
        for _ in range(stacked):
            for start in range(0, part_elements, _CHUNK_ELEMENTS):
                size = min(_CHUNK_ELEMENTS, part_elements - start)
                offset = int(offsets.integers(0, pool.size - size + 1))
                yield pool[offset : offset + size].data

    def _generator(self, name: str) -> np.random.Generator:
        digest = hashlib.sha256(f"{self._seed}:{name}".encode()).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))

    def _pool(self, tensor: SynthTensor) -> NDArray[np.generic]:
        if tensor.fill is Fill.PACKED:
            return self._words
        key = (tensor.fill, tensor.spec.dtype, tensor.std, tensor.bits)
        if key not in self._pools:
            self._pools[key] = self._draw(tensor)
        return self._pools[key]

    def _draw(self, tensor: SynthTensor) -> NDArray[np.generic]:
        dtype = tensor.spec.dtype
        if tensor.fill in (Fill.SCALES, Fill.BIASES):
            # Both pools come from one stream, so that equal offsets give the bias that belongs to the scale.
            spread = self._generator("scales").uniform(0.75, 1.25, _POOL_FLOATS).astype(np.float32)
            top = 2**tensor.bits - 1
            scales = _store(spread * (tensor.std / math.sqrt((top * top + 2 * top) / 12)), dtype)
            return scales if tensor.fill is Fill.SCALES else _store(_load(scales, dtype) * (-top / 2), dtype)
        generator = self._generator(tensor.fill)
        if tensor.fill is Fill.NORMAL:
            values = generator.standard_normal(_POOL_FLOATS, dtype=np.float32) * np.float32(tensor.std)
        elif tensor.fill is Fill.ONES:
            values = np.ones(_POOL_FLOATS, np.float32)
        elif tensor.fill is Fill.A_LOG:
            values = np.log(generator.uniform(1, 16, _POOL_FLOATS)).astype(np.float32)
        else:
            step = np.exp(generator.uniform(math.log(0.001), math.log(0.1), _POOL_FLOATS))
            values = np.log(np.expm1(step)).astype(np.float32)  # the inverse of softplus
        return _store(values, dtype)


def _store(values: NDArray[np.float32], dtype: str) -> NDArray[np.generic]:
    """Round to the stored dtype; bfloat16, which numpy lacks, as its 16 bits (round to nearest even)."""
    if dtype == "BF16":
        bits = values.astype(np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return values.astype(np.float16 if dtype == "F16" else np.float32)


def _load(stored: NDArray[np.generic], dtype: str) -> NDArray[np.float32]:
    if dtype == "BF16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32)
