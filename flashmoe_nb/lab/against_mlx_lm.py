"""Stage by stage against mlx-lm: the first stage that differs is where a port of an architecture went wrong.

mlx-lm runs with float32 activations and all weights resident; its modules are tapped, not changed. Knows mlx-lm's
module names, which equal checkpoint keys, and nothing of how either computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from flashmoe_nb.engine import open_engine
from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Stage
from flashmoe_nb.observe.values import named_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TOLERANCE = 1e-3
"""Of the largest value of a stage; two float32 engines stay below 1e-5."""


@dataclass(frozen=True, slots=True)
class StageDifference:
    """One stage in both."""

    layer: int | None
    name: str
    relative: float
    """Largest difference by mlx-lm's largest value; infinite where the shapes differ or a value is not finite."""

    def __str__(self) -> str:
        where = "" if self.layer is None else f"layer {self.layer}, "
        return f"{where}{self.name}: {self.relative:.2e}"


class _Tap:
    """Stands in for a module and keeps what went in and came out."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.seen: list[tuple[Any, Any]] = []

    def __call__(self, x: Any, *arguments: Any, **options: Any) -> Any:
        out = self.module(x, *arguments, **options)
        self.seen.append((x, out))
        return out

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    @property
    def given(self) -> NDArray[np.float32]:
        given: NDArray[np.float32] = np.array(self.seen[-1][0].astype(mx.float32))
        return np.asarray(given[0])

    @property
    def made(self) -> NDArray[np.float32]:
        made: NDArray[np.float32] = np.array(self.seen[-1][1].astype(mx.float32))
        return np.asarray(made[0])


def compare_stages(folder: Path, token_ids: Sequence[int], *, ops: str = "auto") -> list[StageDifference]:
    """Feed the same tokens to both, together, and compare every stage that both have, in order.

    Raises:
        OptionError: mlx-lm is not installed.
    """
    theirs = _mlx_lm_stages(folder, token_ids)
    found = []
    with open_engine(folder, ops=ops, dtype="float32") as engine:
        steps = engine.session().steps(token_ids, prefill=True)
        for event in steps:
            for name, ours in named_values(engine, [event]).items():
                reference = theirs.get((event.layer, name))
                if reference is not None:
                    found.append(StageDifference(event.layer, name, _relative(ours, reference)))
    return found


def first_beyond(differences: Sequence[StageDifference], tolerance: float = TOLERANCE) -> StageDifference | None:
    """The first stage that differs; whatever comes after it may differ because of it."""
    return next((one for one in differences if not one.relative <= tolerance), None)


def _mlx_lm_stages(folder: Path, token_ids: Sequence[int]) -> dict[tuple[int | None, str], NDArray[np.float32]]:
    try:
        from mlx_lm.utils import load_model  # noqa: PLC0415 - a development tool, not a dependency
    except ImportError:
        raise OptionError("mlx-lm is not installed, so there is nothing to compare with: pip install mlx-lm") from None
    model, _ = load_model(folder, lazy=True)
    model.set_dtype(mx.float32)
    taps = [_tap_layer(layer) for layer in model.layers]
    logits = model(mx.array([list(token_ids)]))
    mx.eval(logits)
    stages: dict[tuple[int | None, str], NDArray[np.float32]] = {}
    for layer, found in enumerate(taps):
        stages |= {(layer, name): value for name, value in _stages(found).items()}
    stages[None, str(Stage.LOGITS)] = np.array(logits.astype(mx.float32))[0, -1]
    return stages


def _tap_layer(layer: Any) -> dict[str, _Tap]:
    """Put taps in; by the part of the layer they stand in for."""
    mixer = "linear_attn" if "linear_attn" in layer else "self_attn"
    last = "out_proj" if mixer == "linear_attn" else "o_proj"
    taps = {"mixer": _Tap(layer[mixer]), "gated": _Tap(layer[mixer][last])}
    setattr(layer[mixer], last, taps["gated"])
    setattr(layer, mixer, taps["mixer"])
    if "gate" in layer.mlp:
        taps["router"] = _Tap(layer.mlp.gate)
        layer.mlp.gate = taps["router"]
    for name in ("input_layernorm", "post_attention_layernorm", "mlp"):
        taps[name] = _Tap(layer[name])
        setattr(layer, name, taps[name])
    return taps


def _stages(taps: dict[str, _Tap]) -> dict[str, NDArray[np.float32]]:
    mid = taps["post_attention_layernorm"].given
    gated = taps["gated"].given
    stages = {
        "input_norm": taps["input_layernorm"].made,
        "gated": gated.reshape(len(gated), -1),
        "mixer": taps["mixer"].made,
        "resid_mid": mid,
        "post_norm": taps["post_attention_layernorm"].made,
        "combine": mid + taps["mlp"].made,
    }
    if "router" in taps:
        stages["router.logits"] = taps["router"].made
    return stages


def _relative(ours: NDArray[Any], theirs: NDArray[np.float32]) -> float:
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(float(np.abs(theirs).max()), 1e-30))
