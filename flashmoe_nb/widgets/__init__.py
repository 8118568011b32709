"""Notebook widgets: live views of a session, or of a recorded trace."""

from flashmoe_nb.widgets.cache_sim import CacheSim
from flashmoe_nb.widgets.chat_view import ChatView
from flashmoe_nb.widgets.dashboard import Dashboard
from flashmoe_nb.widgets.layer_debugger import LayerDebugger
from flashmoe_nb.widgets.page_cache_view import PageCacheView
from flashmoe_nb.widgets.player_controls import PlayerControls
from flashmoe_nb.widgets.read_timeline import ReadTimeline
from flashmoe_nb.widgets.router_view import RouterView
from flashmoe_nb.widgets.token_strip import TokenStrip
from flashmoe_nb.widgets.view import View

__all__ = [
    "CacheSim",
    "ChatView",
    "Dashboard",
    "LayerDebugger",
    "PageCacheView",
    "PlayerControls",
    "ReadTimeline",
    "RouterView",
    "TokenStrip",
    "View",
]
