"""Experiments and measurements on models; imports what it needs, is imported by nothing left of it.

Names load when they are first asked for: training the demo model needs no MLX, and looking at claims no engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flashmoe_nb.lab.audit import claims, ledger
    from flashmoe_nb.lab.forecasting import dense_against_moe, forecast
    from flashmoe_nb.lab.requantizing import requantize
    from flashmoe_nb.lab.rerun import Result, experiments, run

__all__ = ["Result", "claims", "dense_against_moe", "experiments", "forecast", "ledger", "requantize", "run"]

_HOMES = {
    "claims": "flashmoe_nb.lab.audit",
    "ledger": "flashmoe_nb.lab.audit",
    "requantize": "flashmoe_nb.lab.requantizing",
    "Result": "flashmoe_nb.lab.rerun",
    "experiments": "flashmoe_nb.lab.rerun",
    "run": "flashmoe_nb.lab.rerun",
    "dense_against_moe": "flashmoe_nb.lab.forecasting",
    "forecast": "flashmoe_nb.lab.forecasting",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module 'flashmoe_nb.lab' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
