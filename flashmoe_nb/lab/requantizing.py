"""A model opened again with coarser experts: `with fm.lab.requantize(engine, bits=2) as coarse: ...`.

As the original did, from the values the present bits stand for: at 2 bits scale (max - min) / 3 a group and the
minimum; other widths by MLX's own quantiser. Whole layers become smaller on disk and are read as such; single experts
keep their place and get coarser values. From unquantized weights: `flashmoe pack SOURCE OUTPUT --bits 2`, then open it.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from flashmoe_nb.engine import open_engine
from flashmoe_nb.engine.options import whole
from flashmoe_nb.errors import ClosedError, OptionError, UnsupportedError
from flashmoe_nb.lab.rerun.requantized import write_requantized

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flashmoe_nb.engine import Engine

WIDTHS = (2, 3, 4, 5, 6)


def requantize(
    engine: Engine,
    bits: int = 2,
    *,
    layers: Iterable[int] | None = None,
    experts: Iterable[int] | None = None,
    folder: Path | str | None = None,
) -> Engine:
    """Another engine of the same model whose experts have fewer bits; the given one stays as it is.

    Args:
        engine: an open model with quantized experts.
        bits: 2, 3, 4, 5 or 6, fewer than there are; with `experts` up to 4.
        layers: only these; None for all.
        experts: only these of each layer.
        folder: where to write the checkpoint, to keep it; None writes to a temporary folder that goes with the engine.

    Raises:
        OptionError: bits, a layer or an expert that cannot be had; a folder that is not empty.
        UnsupportedError: no experts, experts that are not quantized, or of so few bits already.
        PackError: too little disk.
    """
    if engine.closed:
        raise ClosedError("this engine is closed: open the model again")
    if engine.checkpoint.routed is None:
        raise UnsupportedError(f"{engine.config.model_type} has no routed experts here: open a model with experts")
    if whole("bits", bits) not in WIDTHS:
        raise OptionError(f"bits is {bits}: give one of {', '.join(map(str, WIDTHS))}")
    chosen = _checked(engine, layers), _checked_experts(engine, experts)
    kept = None if folder is None else _empty(Path(folder))
    written = Path(tempfile.mkdtemp(prefix="flashmoe-requantized-")) if kept is None else kept
    try:
        write_requantized(engine.checkpoint, written, bits, *chosen)
        coarse = open_engine(written, top_k=engine.top_k or None, ops=engine.ops.name, dtype=engine.ops.dtype)
    except BaseException:
        if kept is None:
            shutil.rmtree(written, ignore_errors=True)
        raise
    if kept is None:
        weakref.finalize(coarse, shutil.rmtree, written, ignore_errors=True)
    return coarse


def _checked(engine: Engine, layers: Iterable[int] | None) -> frozenset[int] | None:
    if layers is None:
        return None
    assert engine.checkpoint.routed is not None
    there, asked = engine.checkpoint.routed.layers, frozenset(whole("a layer", layer) for layer in layers)
    if unknown := sorted(asked - set(there)):
        raise OptionError(f"layer {unknown[0]} has no routed experts: give some of {there[0]} to {there[-1]}")
    return asked


def _checked_experts(engine: Engine, experts: Iterable[int] | None) -> frozenset[int] | None:
    if experts is None:
        return None
    assert engine.config.moe is not None
    asked = frozenset(whole("an expert", expert) for expert in experts)
    if unknown := [expert for expert in asked if not 0 <= expert < engine.config.moe.num_experts]:
        raise OptionError(f"expert {unknown[0]} does not exist: give 0 to {engine.config.moe.num_experts - 1}")
    return asked


def _empty(folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OptionError(f"{folder} is not empty: give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
