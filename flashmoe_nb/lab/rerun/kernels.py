"""The original's two kernel comparisons as experiments: FMA against naive dequantisation, BLAS and fused delta rules.

The forms and how they take turns are those of `flashmoe bench variants`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from flashmoe_nb.lab.bench.variants import GROUP_SIZE, ROTATED, SHAPE, delta_calls, product_calls, times_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.result import Arm
from flashmoe_nb.ops import Linear, open_ops

if TYPE_CHECKING:
    from flashmoe_nb.lab.bench.variants import Calls
    from flashmoe_nb.lab.rerun.setting import Setting

_ROUNDS = 3
"""Times a repetition goes through the inputs of each form; the median call is its time."""


def _products(setting: Setting) -> Found:
    """The two forms, and for comparison what is built in: MLX's kernel, and the one this engine uses."""
    note = "4 bits, 1024 x 4096, the first two on one thread; the GPU forms: flashmoe bench variants"
    found = _compare(setting, product_calls(4) | _built_in(), note)
    found.judged = ("fma(q, s*x, b*x)",)
    return found


def _built_in() -> Calls:
    """As many calls as the other forms have, on the CPU."""
    rows, columns = SHAPE
    rng, ops = np.random.default_rng(0), open_ops("cpu", None, "float32")
    x = rng.standard_normal((1, columns), np.float32)
    with mx.stream(mx.cpu):
        row = mx.array(x)
        packed = [mx.quantize(mx.array(rng.standard_normal(SHAPE, np.float32)), GROUP_SIZE, 4) for _ in range(ROTATED)]
    own = [
        ops.prepare(Linear(np.array(words), np.array(scales), np.array(biases), None, rows, columns, 4, GROUP_SIZE))
        for words, scales, biases in packed
    ]

    def mlx_call(number: int) -> None:
        words, scales, biases = packed[number]
        mx.eval(mx.quantized_matmul(row, words, scales, biases, group_size=GROUP_SIZE, bits=4, stream=mx.cpu))

    return {
        "MLX's own, CPU": [partial(mlx_call, number) for number in range(ROTATED)],
        "this engine's, all cores": [partial(ops.linear, x, matrix) for matrix in own],
    }


def _delta(setting: Setting) -> Found:
    return _compare(setting, delta_calls(), "64 memories of 128 x 128, one token")


def _compare(setting: Setting, calls: Calls, note: str) -> Found:
    arms = {name: Arm() for name in calls}
    for _ in range(setting.repetitions):
        for name, times in times_in_turns(calls, _ROUNDS).items():
            arms[name].times_ns.append(sorted(times)[len(times) // 2])
    return Found(arms, None, per="call", notes=(note,))


KERNELS = (
    Experiment(
        "dequant-kernels",
        "Dequantisation: (q*s + b) * x against fma(q, s*x, b*x)",
        _products,
        "3.90 to 4.36 tok/s (+12 %), GPU time -5 to -11 %",
        Verdict.FASTER,
        "A compiler that vectorises either form hides the difference behind loads; the original's GPU was bound by "
        "arithmetic.",
        needs_streaming=False,
    ),
    Experiment(
        "delta-kernels",
        "Gated delta rule: a scalar loop, BLAS calls, one fused pass",
        _delta,
        "BLAS 0.28 ms a layer, scalar 0.78 (64 % less); fused on the GPU 3.90 against 4.15 ms",
        Verdict.FASTER,
        "A compiled loop is vectorised already, and numpy's BLAS is called once a head.",
        needs_streaming=False,
    ),
)
