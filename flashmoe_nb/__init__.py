"""flashmoe_nb: watch a Mixture-of-Experts model far larger than memory think, step by step.

    import flashmoe_nb as fm

    with fm.open() as engine:
        session = engine.session()
        for token in session.generate("Once upon a time"):
            print(token.text, end="")

Names load on first use, so that importing the package is quick and needs neither widgets nor MLX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flashmoe_nb import errors

if TYPE_CHECKING:
    from flashmoe_nb.engine import Engine, MemoryLimit, Session, Steps, Token, memory_limit
    from flashmoe_nb.engine import open_engine as open  # noqa: A004 - fm.open reads as what it does
    from flashmoe_nb.events import ExpertRead, Routing, Stage, StageEvent
    from flashmoe_nb.observe import Debugger, Patches, Trace, load_trace, record

__version__ = "0.1.0"

__all__ = [
    "Debugger",
    "Engine",
    "ExpertRead",
    "MemoryLimit",
    "Patches",
    "Routing",
    "Session",
    "Stage",
    "StageEvent",
    "Steps",
    "Token",
    "Trace",
    "errors",
    "load_trace",
    "memory_limit",
    "open",
    "record",
]

_HOMES = {
    "Engine": ("flashmoe_nb.engine", "Engine"),
    "MemoryLimit": ("flashmoe_nb.engine", "MemoryLimit"),
    "Session": ("flashmoe_nb.engine", "Session"),
    "Steps": ("flashmoe_nb.engine", "Steps"),
    "Token": ("flashmoe_nb.engine", "Token"),
    "memory_limit": ("flashmoe_nb.engine", "memory_limit"),
    "open": ("flashmoe_nb.engine", "open_engine"),
    "Debugger": ("flashmoe_nb.observe", "Debugger"),
    "Patches": ("flashmoe_nb.observe", "Patches"),
    "Trace": ("flashmoe_nb.observe", "Trace"),
    "load_trace": ("flashmoe_nb.observe", "load_trace"),
    "record": ("flashmoe_nb.observe", "record"),
    "ExpertRead": ("flashmoe_nb.events", "ExpertRead"),
    "Routing": ("flashmoe_nb.events", "Routing"),
    "Stage": ("flashmoe_nb.events", "Stage"),
    "StageEvent": ("flashmoe_nb.events", "StageEvent"),
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        msg = f"module 'flashmoe_nb' has no attribute {name!r}"
        raise AttributeError(msg)
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
