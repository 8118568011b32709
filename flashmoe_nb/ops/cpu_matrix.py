"""Matrices the `cpu` back end multiplies with, where their bytes lie: resident, or in an expert slot.

One row goes through the compiled kernels alone, several in fours; numpy's BLAS multiplies only what is not quantized.
Knows arrays, not experts or layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from flashmoe_nb.ops.cpu_arrays import BFLOAT16, address_of, to_float32
from flashmoe_nb.ops.kernels.crew import crew, share
from flashmoe_nb.ops.kernels.products import product_alone, product_shared, products_shared
from flashmoe_nb.ops.kernels.quantized import TOKENS, QuantizedKernels, kernels_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_SHARED_BYTES = 128 * 1024
"""Matrices smaller than this are multiplied on the calling thread."""
_WORK_BITS = 4
"""Fewer bits a weight are fewer bytes but not less work: to the choice of threads such a matrix counts as one of 4."""
_SCALES = {np.dtype(np.float32): "F32", BFLOAT16: "BF16", np.dtype(np.float16): "F16"}


class Matrix(Protocol):
    """Something that multiplies."""

    def product(self, x: Floats, n_threads: int) -> Floats:
        """X @ W.T. Shapes: x [T, in_dim] contiguous, result [T, out_dim]."""

    def rows(self, ids: NDArray[np.integer]) -> Floats:
        """Some rows of W as float32. Shapes: ids [T], result [T, in_dim]."""


@dataclass(frozen=True, slots=True)
class PlainMatrix:
    """Not quantized; 16-bit weights are widened when they are used."""

    weight: NDArray[np.generic]

    def rows(self, ids: NDArray[np.integer]) -> Floats:
        """Shapes: ids [T], result [T, in_dim]."""
        return to_float32(self.weight[ids])

    def product(self, x: Floats, n_threads: int) -> Floats:  # noqa: ARG002 - BLAS has its own threads
        """See `Matrix`."""
        result: Floats = x @ to_float32(self.weight).T
        return result


class QuantizedMatrix:
    """Affine quantized. Shapes as `protocol.Linear`; scales and biases of one dtype and layout."""

    __slots__ = ("_address", "_arrays", "_fixed", "_in_dim", "_shared", "_words", "_work_bytes", "kernels", "out_dim")

    def __init__(
        self,
        weight: NDArray[np.uint32],
        scales: NDArray[np.generic],
        biases: NDArray[np.generic],
        in_dim: int,
        bits: int,
        group_size: int,
    ) -> None:
        alike = (scales.dtype, scales.shape, scales.strides) == (biases.dtype, biases.shape, biases.strides)
        assert alike, (scales.dtype, scales.strides, biases.dtype, biases.strides)  # one stride and one kind for both
        self._arrays = weight, scales, biases  # the kernels know their addresses only
        self.out_dim, self._in_dim = weight.shape[0], in_dim
        self.kernels: QuantizedKernels = kernels_for(bits, in_dim, group_size, _SCALES[scales.dtype])
        form = self.kernels.form
        addresses = [address_of(array) for array in self._arrays]
        strides = weight.strides[0], scales.strides[0]
        words = [*addresses, self.out_dim, in_dim // form.vector_weights, *strides, 1]
        self._words = np.array(words, np.int64)
        self._address = address_of(self._words)
        self._fixed = self._address, self.kernels.prepare, self.kernels.one_token, form.vector_floats
        self._work_bytes = max(weight.nbytes, self.out_dim * in_dim * _WORK_BITS // 8)
        self._shared = self._work_bytes >= _SHARED_BYTES

    @property
    def words(self) -> list[int]:
        """What the kernels are told, `kernels.quantized`."""
        words: list[int] = self._words.tolist()
        return words

    def product(self, x: Floats, n_threads: int) -> Floats:
        """See `Matrix`."""
        n_tokens = x.shape[0]
        if n_tokens == 1 and not (self._shared and n_threads > 1):
            alone: Floats = product_alone(*self._fixed, x)
            return alone
        team = crew()
        n_threads = team.lead(n_threads, n_tokens * self._work_bytes)
        try:
            if n_tokens == 1:
                shared: Floats = product_shared(*self._fixed, x, team.words, n_threads)
                return shared
            return self._several(x, team.words, n_threads)
        finally:
            if n_threads > 1:
                team.leave()

    def rows(self, ids: NDArray[np.integer]) -> Floats:
        """Dequantized rows. Shapes: ids [T], result [T, in_dim]."""
        form, values = self.kernels.form, np.empty((len(ids), self._in_dim), np.float32)
        for row, out in zip(ids.tolist(), values, strict=True):
            moved = self._from(row)  # kept until the call returns
            share(0, 1, self.kernels.values, address_of(moved), 0, address_of(out), 1)
        by_vector = values.reshape(len(ids), -1, form.packing.unit_weights, form.lanes)
        return np.ascontiguousarray(by_vector.swapaxes(2, 3)).reshape(values.shape)

    def _from(self, row: int) -> NDArray[np.int64]:
        """The words of the matrix that begins at a row."""
        words = self._words.copy()
        words[:3] += row * words[[5, 6, 6]]
        return words

    def _several(self, x: Floats, words: int, n_threads: int) -> Floats:
        n_tokens = x.shape[0]
        rest = -n_tokens % TOKENS
        if rest:
            x = np.concatenate([x, np.zeros((rest, x.shape[1]), np.float32)])
        kernels, matrix = self.kernels, self._words.copy()  # kept until the call returns
        matrix[7] = len(x)
        fixed = address_of(matrix), kernels.prepare, kernels.few_tokens, kernels.form.vector_floats
        y: Floats = products_shared(*fixed, x, words, n_threads)
        return y[:n_tokens]
