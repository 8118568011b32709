"""Notebook widgets: live views of a session, or of a recorded trace."""

from flashmoe_nb.widgets.router_view import RouterView
from flashmoe_nb.widgets.view import View

__all__ = ["RouterView", "View"]
