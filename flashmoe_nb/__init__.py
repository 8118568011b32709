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
    from flashmoe_nb import lab
    from flashmoe_nb.chat import Chat, tool
    from flashmoe_nb.engine import Engine, MemoryLimit, Player, Session, Steps, Token, memory_limit
    from flashmoe_nb.engine import open_engine as open  # noqa: A004 - fm.open reads as what it does
    from flashmoe_nb.events import ExpertRead, Routing, Stage, StageEvent
    from flashmoe_nb.lab.forecasting import forecast
    from flashmoe_nb.observe import (
        Debugger,
        Patches,
        Trace,
        attention_pattern,
        compare,
        contributions,
        delta_view,
        hook_names,
        load_trace,
        logit_lens,
        record,
        router_view,
        run_with_cache,
    )
    from flashmoe_nb.widgets import (
        CacheSim,
        ChatView,
        Dashboard,
        LayerDebugger,
        PageCacheView,
        PlayerControls,
        ReadTimeline,
        RouterView,
        TokenStrip,
    )
    from flashmoe_nb.widgets.dashboard import dashboard

__version__ = "0.1.0"

__all__ = [
    "CacheSim",
    "Chat",
    "ChatView",
    "Dashboard",
    "Debugger",
    "Engine",
    "ExpertRead",
    "LayerDebugger",
    "MemoryLimit",
    "PageCacheView",
    "Patches",
    "Player",
    "PlayerControls",
    "ReadTimeline",
    "RouterView",
    "Routing",
    "Session",
    "Stage",
    "StageEvent",
    "Steps",
    "Token",
    "TokenStrip",
    "Trace",
    "attention_pattern",
    "compare",
    "contributions",
    "dashboard",
    "delta_view",
    "errors",
    "forecast",
    "hook_names",
    "lab",
    "load_trace",
    "logit_lens",
    "memory_limit",
    "open",
    "record",
    "router_view",
    "run_with_cache",
    "tool",
]

_CHAT = ("Chat", "tool")
_ENGINE = ("Engine", "MemoryLimit", "Player", "Session", "Steps", "Token", "memory_limit")
_EVENTS = ("ExpertRead", "Routing", "Stage", "StageEvent")
_WIDGETS = (
    "CacheSim",
    "ChatView",
    "Dashboard",
    "LayerDebugger",
    "PageCacheView",
    "PlayerControls",
    "ReadTimeline",
    "RouterView",
    "TokenStrip",
)
_ELSEWHERE = (*_CHAT, *_ENGINE, *_EVENTS, *_WIDGETS, "dashboard", "errors", "forecast", "lab", "open")
_HOMES = {
    "open": ("flashmoe_nb.engine", "open_engine"),
    "dashboard": ("flashmoe_nb.widgets.dashboard", "dashboard"),
    "forecast": ("flashmoe_nb.lab.forecasting", "forecast"),
    **{name: ("flashmoe_nb.chat", name) for name in _CHAT},
    **{name: ("flashmoe_nb.engine", name) for name in _ENGINE},
    **{name: ("flashmoe_nb.events", name) for name in _EVENTS},
    **{name: ("flashmoe_nb.widgets", name) for name in _WIDGETS},
    **{name: ("flashmoe_nb.observe", name) for name in __all__ if name not in _ELSEWHERE},
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name == "lab":
        return import_module("flashmoe_nb.lab")
    if name not in _HOMES:
        msg = f"module 'flashmoe_nb' has no attribute {name!r}"
        raise AttributeError(msg)
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
