"""Suite `kernels`: GB/s of packed weights through the back end's one-row product, beside what memory can stream.

Matrices rotate, so that none stays in the last-level cache. The bandwidth is that of summing a buffer larger than it.
"""

from __future__ import annotations

import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter_ns
from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.ops import Linear, open_ops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flashmoe_nb.lab.bench.options import Options
    from flashmoe_nb.ops import Ops

SHAPES = ((1024, 4096), (4096, 1024), (12288, 4096))
BITS = (2, 4, 8)
GROUP_SIZE = 64
ROTATED_BYTES = 400_000_000
"""Of each shape together: more than the last-level cache of any machine at hand."""
STREAM_BYTES = 1_000_000_000


def run(options: Options) -> Iterator[Table]:
    """The back end in use, on one core and on all, and MLX's own."""
    stream = _stream_gb_per_s()
    columns = ("back end", "threads", "shape", "bits", "ms", "GB/s", "of streaming", "million rows/s")
    table = Table("kernels", "One-row quantized products", columns)
    for name, n_threads in _back_ends(options):
        ops = open_ops(name, "float32", "float32", n_threads)
        for shape in SHAPES:
            for bits in BITS:
                seconds, nbytes = _one_row(ops, *shape, bits, options.rounds)
                gb_per_s, rows_per_s = nbytes / seconds / 1e9, shape[0] / seconds
                shown = "x".join(map(str, shape))
                row = (shown, bits, seconds * 1e3, gb_per_s, gb_per_s / stream, rows_per_s / 1e6)
                table.add(name, str(n_threads or "its own"), *row)
    table.notes.append(f"streaming read of {STREAM_BYTES / 1e9:.0f} GB, all cores: {stream:.1f} GB/s")
    yield table


def _back_ends(options: Options) -> list[tuple[str, int | None]]:
    """Name and threads; None where a back end picks its own."""
    name = open_ops(options.ops, None, "float32").name
    cores = os.cpu_count() or 1
    own: list[tuple[str, int | None]] = [("cpu", 1), ("cpu", cores)] if name == "cpu" else [(name, None)]
    return list(dict.fromkeys([*own, ("mlx", None)]))


def _one_row(ops: Ops, rows: int, columns: int, bits: int, rounds: int) -> tuple[float, int]:
    """Median seconds of a product and the bytes of one matrix."""
    rng = np.random.default_rng(0)
    weight_bytes = rows * columns * bits // 8
    count = max(2, ROTATED_BYTES // weight_bytes) if ops.name != "mlx" else 4
    linears = [_linear(ops, rng, rows, columns, bits) for _ in range(count)]
    x = ops.constant(rng.standard_normal((1, columns), np.float32))
    ops.evaluate(ops.linear(x, linears[0]))
    times = []
    for _ in range(rounds):
        for linear in linears:
            start_ns = perf_counter_ns()
            ops.evaluate(ops.linear(x, linear))
            times.append(perf_counter_ns() - start_ns)
    return statistics.median(times) / 1e9, weight_bytes + 2 * rows * columns // GROUP_SIZE * 4


def _linear(ops: Ops, rng: np.random.Generator, rows: int, columns: int, bits: int) -> Linear:
    words = rng.integers(0, 2**32, (rows, columns * bits // 32), np.uint32)
    scales, biases = (rng.standard_normal((rows, columns // GROUP_SIZE), np.float32) for _ in range(2))
    weight = ops.tensor("U32", words.shape, _writer(words))
    scales, biases = (ops.tensor("F32", values.shape, _writer(values)) for values in (scales, biases))
    return ops.prepare(Linear(weight, scales, biases, None, rows, columns, bits, GROUP_SIZE))


def _writer(values: np.ndarray) -> Callable[[memoryview], None]:
    def fill(view: memoryview) -> None:
        view.cast("B")[:] = values.reshape(-1).view(np.uint8).data

    return fill


def _stream_gb_per_s() -> float:
    """Best of five sums over a buffer, by as many threads as there are cores."""
    threads = os.cpu_count() or 1
    parts = np.array_split(np.ones(STREAM_BYTES // 8), threads)
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start_ns = perf_counter_ns()
            sum(pool.map(np.sum, parts))
            best = max(best, STREAM_BYTES / (perf_counter_ns() - start_ns))
    return best
