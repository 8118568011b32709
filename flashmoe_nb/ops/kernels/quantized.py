"""Compiled products with quantized matrices: one set of kernels for each bit width, group size, scale dtype and lanes.

A kernel is a C function void(matrix, x, y, start, stop). `matrix` is the address of eight int64: addresses of weight,
scales and biases, out_dim, vectors in a row, the bytes of a row of weights and of scales, and the tokens. Kernels are
compiled the first time they are asked for and kept on disk. Knows addresses; who keeps the memory alive does not matter
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import carray

from flashmoe_nb.ops.kernels.address import float_pointer, peek
from flashmoe_nb.ops.kernels.compiled import kernel
from flashmoe_nb.ops.kernels.packing import lanes_for, packing
from flashmoe_nb.ops.kernels.tile import SCALE_KINDS, Form, row_values, tile_dot

ROWS = 4
"""Rows a tile takes at once, so that activations are loaded once for them."""
TOKENS = 4
MATRIX_WORDS = 8
BLOCK_ROWS = 64
"""Rows that stay in the nearest caches while all tokens go through them."""


@dataclass(frozen=True, slots=True)
class QuantizedKernels:
    """The compiled functions of one form."""

    form: Form

    @property
    def prepare(self) -> int:
        """Address: x [in_dim] float32 at `x` into the order of the vectors at `y`; start and stop count vectors."""
        address: int = _prepare(self.form.bits, self.form.lanes).address
        return address

    @property
    def one_token(self) -> int:
        """Address: rows start to stop of y = W x, x prepared."""
        return self._product(ROWS, 1)

    @property
    def few_tokens(self) -> int:
        """Address: the same for a multiple of TOKENS prepared activations, y [tokens, out_dim]."""
        return self._product(ROWS // 2, TOKENS)

    @property
    def values(self) -> int:
        """Address: rows start to stop as float32 at `y`, in the order of the vectors."""
        form = self.form
        address: int = _values(form.bits, form.lanes, form.group_size, form.scale_kind).address
        return address

    def _product(self, n_rows: int, n_tokens: int) -> int:
        form = self.form
        compiled = _product(form.bits, form.lanes, form.group_size, form.scale_kind, n_rows, n_tokens)
        address: int = compiled.address
        return address


def kernels_for(bits: int, in_dim: int, group_size: int, scale_dtype: str) -> QuantizedKernels:
    """The kernels of a matrix."""
    return QuantizedKernels(Form(bits, lanes_for(bits, in_dim), group_size, SCALE_KINDS[scale_dtype]))


@cache
def _prepare(bits: int, lanes: int) -> Any:
    """Activations times the factors of the fields, and the units' sums."""
    unit, factors = packing(bits).unit_weights, tuple(field.factor for field in packing(bits).fields)

    @kernel()
    def prepare(_matrix: int, x_address: int, y_address: int, start: int, stop: int) -> None:
        x = carray(float_pointer(x_address), (stop, lanes, unit))
        y = carray(float_pointer(y_address), (stop, unit + 1, lanes))
        for vector in range(start, stop):
            y[vector, unit] = 0.0
            for field in range(unit):
                factor = np.float32(factors[field])
                for lane in range(lanes):
                    value = x[vector, lane, field]
                    y[vector, field, lane] = value * factor
                    y[vector, unit, lane] += value

    return prepare


@cache
def _product(bits: int, lanes: int, group_size: int, scale_kind: int, n_rows: int, n_tokens: int) -> Any:
    floats = 4 * Form(bits, lanes, group_size, scale_kind).vector_floats

    @kernel()
    def product(matrix: int, x: int, y: int, start: int, stop: int) -> None:
        weight, scales, biases = peek(matrix, 0), peek(matrix, 1), peek(matrix, 2)
        out_bytes, n_vectors = 4 * peek(matrix, 3), peek(matrix, 4)
        weight_row, scale_row = peek(matrix, 5), peek(matrix, 6)
        for first in range(start, stop, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, stop)
            for token in range(0, peek(matrix, 7), n_tokens):
                x_at, y_at = x + token * n_vectors * floats, y + token * out_bytes
                row = first
                while row + n_rows <= last:
                    tile_dot(
                        bits, lanes, group_size, scale_kind, n_rows, n_tokens,
                        weight + row * weight_row, scales + row * scale_row, biases + row * scale_row,
                        x_at, y_at + 4 * row, n_vectors, weight_row, scale_row, n_vectors * floats, out_bytes,
                    )  # fmt: skip
                    row += n_rows
                while row < last:
                    tile_dot(
                        bits, lanes, group_size, scale_kind, 1, n_tokens,
                        weight + row * weight_row, scales + row * scale_row, biases + row * scale_row,
                        x_at, y_at + 4 * row, n_vectors, weight_row, scale_row, n_vectors * floats, out_bytes,
                    )  # fmt: skip
                    row += 1

    return product


@cache
def _values(bits: int, lanes: int, group_size: int, scale_kind: int) -> Any:
    row_floats = Form(bits, lanes, group_size, scale_kind).vector_weights

    @kernel()
    def values(matrix: int, _x: int, y: int, start: int, stop: int) -> None:
        weight, scales, biases, n_vectors = peek(matrix, 0), peek(matrix, 1), peek(matrix, 2), peek(matrix, 4)
        weight_row, scale_row = peek(matrix, 5), peek(matrix, 6)
        for row in range(start, stop):
            row_values(
                bits, lanes, group_size, scale_kind,
                weight + row * weight_row, scales + row * scale_row, biases + row * scale_row,
                y + 4 * row * n_vectors * row_floats, n_vectors,
            )  # fmt: skip

    return values
