"""One-token products as single compiled calls: activations prepared, rows shared out, the answer allocated.

Numba's dispatcher takes about a microsecond for a call with arrays; on a small model that is the cost of a product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.ops.kernels.address import call_at, keep, peek
from flashmoe_nb.ops.kernels.compiled import compiled
from flashmoe_nb.ops.kernels.crew import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@compiled()
def product_alone(matrix: int, prepare: int, kernel: int, vector_floats: int, x: Floats) -> Floats:
    """Y = W x on this thread. Shapes: x [1, in_dim], result [1, out_dim]."""
    out_dim, n_vectors = peek(matrix, 3), peek(matrix, 4)
    ready, y = np.empty(n_vectors * vector_floats, np.float32), np.empty((1, out_dim), np.float32)
    call_at(prepare, matrix, x.ctypes.data, ready.ctypes.data, 0, n_vectors)
    call_at(kernel, matrix, ready.ctypes.data, y.ctypes.data, 0, out_dim)
    keep(ready)
    return y


@compiled(nogil=True)
def product_shared(
    matrix: int, prepare: int, kernel: int, vector_floats: int, x: Floats, words: int, n_threads: int
) -> Floats:
    """The same on `n_threads` threads of a crew that is led."""
    out_dim, n_vectors = peek(matrix, 3), peek(matrix, 4)
    ready, y = np.empty(n_vectors * vector_floats, np.float32), np.empty((1, out_dim), np.float32)
    call_at(prepare, matrix, x.ctypes.data, ready.ctypes.data, 0, n_vectors)
    share(words, n_threads, kernel, matrix, ready.ctypes.data, y.ctypes.data, out_dim)
    keep(ready)
    return y


@compiled(nogil=True)
def products_shared(
    matrix: int, prepare: int, kernel: int, vector_floats: int, x: Floats, words: int, n_threads: int
) -> Floats:
    """Y = x W^T for as many tokens as the matrix's words say. Shapes: x [T, in_dim], result [T, out_dim]."""
    out_dim, n_vectors = peek(matrix, 3), x.shape[0] * peek(matrix, 4)
    ready, y = np.empty(n_vectors * vector_floats, np.float32), np.empty((x.shape[0], out_dim), np.float32)
    share(words, n_threads, prepare, matrix, x.ctypes.data, ready.ctypes.data, n_vectors)
    share(words, n_threads, kernel, matrix, ready.ctypes.data, y.ctypes.data, out_dim)
    keep(ready)
    return y
