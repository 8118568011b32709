"""Events of a made-up token, plain data alone: no model, no arrays but numpy's."""

from collections.abc import Callable

import numpy as np
import pytest

from flashmoe_nb.events import ExpertRead, Routing, Stage, StageEvent
from flashmoe_nb.figures import Subject

MS = 1_000_000


def event(
    stage: Stage, layer: int | None, value: object, start_ns: int, position: int = 7, n_tokens: int = 1
) -> StageEvent:
    times = (start_ns, start_ns + MS)
    return StageEvent(stage, layer, position, n_tokens, "decode", 0, 0, *times, synced=True, value=value)


def read(layer: int, expert: int, start_ns: int, took_ns: int, fraction: float | None = None) -> ExpertRead:
    return ExpertRead(layer, expert, 0, 1000, start_ns, start_ns + took_ns, 0, 1, fraction)


@pytest.fixture
def subject() -> Subject:
    return Subject(model="made-up", top_k=3, own_top_k=3, num_experts=16, residency_per_expert=True)


@pytest.fixture
def one_token() -> Callable[..., list[StageEvent]]:
    """Two layers of three experts; layer 4 is read cold, layer 9 partly from the page cache and partly unmeasured."""

    def make(position: int = 7, at_ns: int = 50 * MS) -> list[StageEvent]:
        chosen = {4: ((5, 2, 11), (0.5, 0.3, 0.2)), 9: ((0, 15, 3), (0.8, 0.15, 0.05))}
        fractions = {4: (0.0, 0.0, 0.0), 9: (1.0, 0.4, None)}
        events = [event(Stage.EMBED, None, np.zeros((1, 8)), at_ns, position)]
        for number, (layer, (ids, weights)) in enumerate(chosen.items()):
            start_ns = at_ns + (number + 1) * 10 * MS
            routing = Routing(np.zeros((1, 16)), np.array([ids]), np.array([weights]))
            reads = tuple(
                read(layer, expert, start_ns + MS * n, MS * (n + 1), fractions[layer][n])
                for n, expert in enumerate(sorted(ids))
            )
            events += [
                event(Stage.ROUTER, layer, routing, start_ns - MS, position),
                event(Stage.EXPERT_READ, layer, reads, start_ns, position),
                event(Stage.COMBINE, layer, np.zeros((1, 8)), start_ns + 8 * MS, position),
            ]
        return events

    return make
