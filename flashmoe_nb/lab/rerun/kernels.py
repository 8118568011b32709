"""The original's two kernel comparisons as experiments: FMA against naive dequantisation, BLAS and fused delta rules.

The forms and how they take turns are those of `flashmoe bench variants`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flashmoe_nb.lab.bench.variants import delta_calls, product_calls, times_in_turns
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.experiment import Experiment, Found
from flashmoe_nb.lab.rerun.result import Arm

if TYPE_CHECKING:
    from flashmoe_nb.lab.bench.variants import Calls
    from flashmoe_nb.lab.rerun.setting import Setting

_ROUNDS = 5
"""Times a repetition goes through the inputs of each form; the median call is its time."""


def _products(setting: Setting) -> Found:
    return _compare(
        setting, product_calls(4), "one thread, 4 bits, 1024 x 4096; the GPU forms: flashmoe bench variants"
    )


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
