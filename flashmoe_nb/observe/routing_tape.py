"""Which experts each layer chose in the tokens fed while it listens; evaluates nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.engine.tape import PassTape
    from flashmoe_nb.events import Routing


class RoutingTape:
    """A `Recorder` of one token."""

    measure_residency = False

    def __init__(self) -> None:
        self._routing: list[Routing] = []

    def pass_done(self, tape: PassTape) -> None:
        """Keep it."""
        self._routing += tape.routing

    def unit_done(self, logits: NDArray[np.float32]) -> None:
        """Nothing to do."""

    def unit_undone(self) -> None:
        """Nothing stays."""
        self._routing.clear()

    def experts(self, engine: Engine) -> dict[int, set[int]]:
        """Experts by layer."""
        layers = [n for n, sparse in enumerate(engine.config.sparse_layers) if sparse]
        chosen = engine.owner_call(lambda: [engine.ops.to_numpy(one.expert_ids) for one in self._routing])
        return {layer: set(ids.ravel().tolist()) for layer, ids in zip(layers, chosen, strict=True)}
