"""All layers times all experts on one canvas: which the routers choose now, and which they chose before."""

from __future__ import annotations

from flashmoe_nb.widgets.view import STATIC, View


class RouterView(View):
    """The experts chosen for each token, layer by layer."""

    _esm = STATIC / "router_view.js"
