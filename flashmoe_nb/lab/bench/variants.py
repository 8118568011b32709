"""The original's two kernel comparisons on this machine: FMA against naive dequantisation, BLAS against a scalar loop.

It found 12 % for the one (on a GPU) and 64 % for the other (on a CPU). Variants take turns on rotated inputs. On a GPU
the Metal or CUDA forms of the first are compared with MLX's own kernel too.
"""

from __future__ import annotations

import statistics
from functools import partial
from importlib.util import find_spec
from time import perf_counter_ns
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.ops import open_ops
from flashmoe_nb.ops.metal import kernel_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flashmoe_nb.lab.bench.options import Options

    Calls = dict[str, list[Callable[[], object]]]
    """Forms by name, each as calls on inputs of their own."""

SHAPE, GROUP_SIZE = (1024, 4096), 64
HEADS, KEY_HEADS, WIDTH = 64, 16, 128
"""Of a gated delta net of the 397B model."""
ROTATED = 24
"""Matrices a form takes turns with, so that none stays in the processor's caches."""


def run(options: Options) -> Iterator[Table]:
    """Both on the CPU; the first on a GPU where there is one."""
    if find_spec("numba") is None:
        table = Table("fma", "Dequantisation and delta rule on the CPU", ("form",))
        table.notes.append("numba is not installed, so there are no CPU kernels to compare: pip install numba")
        yield table
    else:
        yield _products(options.rounds)
        yield _delta_rules(options.rounds)
    if mx.default_device().type == mx.DeviceType.gpu:
        yield _on_gpu(options.rounds)


def product_calls(bits: int) -> Calls:
    """Both forms on one thread, one row at a time: what differs is where scale and bias meet the activation."""
    from flashmoe_nb.ops.kernels import variants_matvec as forms_of  # noqa: PLC0415 - loads a compiler

    rows, columns = SHAPE
    rng = np.random.default_rng(0)
    x = rng.standard_normal(columns, np.float32)
    scales, biases = (rng.standard_normal((rows, columns // GROUP_SIZE), np.float32) for _ in range(2))
    weights = [rng.integers(0, 256, (rows, columns * bits // 8), np.uint8) for _ in range(ROTATED)]
    fields = forms_of.split_fields(x, bits)
    forms = {"(q*s + b) * x": forms_of.matvec_naive, "fma(q, s*x, b*x)": forms_of.matvec_fma}
    return {
        name: [partial(form, weight, scales, biases, fields, bits) for weight in weights]
        for name, form in forms.items()
    }


def delta_calls() -> Calls:
    """One token of a 397B delta net: 64 memories of 128 x 128, out of place."""
    from flashmoe_nb.ops.kernels.variants_delta import delta_blas, delta_scalar  # noqa: PLC0415 - as above

    rng = np.random.default_rng(0)
    query, key = (rng.standard_normal((KEY_HEADS, WIDTH), np.float32) for _ in range(2))
    value = rng.standard_normal((HEADS, WIDTH), np.float32)
    decay, beta = (rng.random(HEADS, np.float32) for _ in range(2))
    memories = [rng.standard_normal((HEADS, WIDTH, WIDTH), np.float32) for _ in range(8)]
    ops = open_ops("cpu", None, "float32")
    qkv = (query[None], key[None], value[None])
    return {
        "scalar loop": [partial(delta_scalar, query, key, value, decay, beta, memory) for memory in memories],
        "BLAS": [partial(delta_blas, query, key, value, decay, beta, memory) for memory in memories],
        "fused, all cores": [partial(ops.delta_update, qkv, decay[None], beta[None], memory) for memory in memories],
    }


def _products(rounds: int) -> Table:
    rows, columns = SHAPE
    table = Table("fma", f"Dequantisation, {rows} x {columns}, one thread", ("bits", "form", "ms", "against naive"))
    for bits in (4, 2):
        _add(table, _medians(product_calls(bits), rounds), bits)
    return table


def _delta_rules(rounds: int) -> Table:
    columns = ("heads", "form", "ms", "against scalar loop")
    table = Table("delta", "Gated delta rule, one token of a 397B layer", columns)
    _add(table, _medians(delta_calls(), rounds), HEADS)
    return table


def _on_gpu(rounds: int) -> Table:
    columns = ("shape", "bits", "form", "ms", "GB/s", "largest error")
    table = Table("gpu", f"Dequantisation on {mx.default_device()}, built in against ours", columns)
    for bits in (4, 2):
        for timing in kernel_variants(bits=bits, rounds=5 * rounds):
            shape = f"{timing.out_dim} x {timing.in_dim}"
            error = float(timing.max_error)
            table.add(shape, bits, timing.variant, timing.median_ns / 1e6, timing.gb_per_s, error)
    return table


def times_in_turns(calls: Calls, rounds: int) -> dict[str, list[int]]:
    """Nanoseconds of each call, after one of each form that compiles."""
    times: dict[str, list[int]] = {name: [] for name in calls}
    for ways in calls.values():
        ways[0]()
    for _ in range(rounds):
        for turn in zip(*calls.values(), strict=True):
            for name, call in zip(calls, turn, strict=True):
                start_ns = perf_counter_ns()
                call()
                times[name].append(perf_counter_ns() - start_ns)
    return times


def _medians(calls: Calls, rounds: int) -> dict[str, float]:
    """Milliseconds."""
    return {name: statistics.median(found) / 1e6 for name, found in times_in_turns(calls, rounds).items()}


def _add(table: Table, medians: dict[str, float], first: int) -> None:
    base = next(iter(medians.values()))
    for name, milliseconds in medians.items():
        table.add(first, name, milliseconds, f"{milliseconds / base - 1:+.0%}")
