from collections.abc import Callable

import numpy as np
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.events import Routing, Stage, StageEvent
from flashmoe_nb.figures import layer_choices

Make = Callable[..., list[StageEvent]]


def test_layer_choices_pair_each_router_with_its_reads(one_token: Make):
    first, second = layer_choices(one_token())
    assert (first.layer, first.position, first.expert_ids) == (4, 7, (5, 2, 11))
    assert first.routing_weights == (0.5, 0.3, 0.2)
    assert [read.expert for read in first.reads] == [2, 5, 11]
    assert (first.nbytes, first.wall_ns) == (3000, 5_000_000)  # starts at 0, 1 and 2 ms, the last takes 3 ms
    assert first.slowest.expert == 11
    assert [read.expert for read in second.reads] == [0, 3, 15]


def test_layer_choices_tell_not_read_yet_from_nothing_to_read(one_token: Make):
    events = one_token()
    stopped = events[: next(n for n, event in enumerate(events) if event.layer == 9) + 1]
    assert layer_choices(stopped)[-1].reads is None
    for event in events:
        if event.stage is Stage.EXPERT_READ:
            event.value = ()
    kept = layer_choices(events)[-1]
    assert (kept.reads, kept.nbytes, kept.wall_ns, kept.slowest) == ((), 0, 0, None)


def test_layer_choices_of_a_prefill_have_one_row_a_token():
    routing = Routing(np.zeros((2, 4)), np.array([[1, 2], [3, 0]]), np.array([[0.6, 0.4], [0.9, 0.1]]))
    event = StageEvent(Stage.ROUTER, 0, 5, 2, "prefill", 0, 0, 0, 1, synced=True, value=routing)
    assert [(row.position, row.expert_ids) for row in layer_choices([event])] == [(5, (1, 2)), (6, (3, 0))]


def test_layer_choices_without_a_router_are_refused(one_token: Make):
    events = [event for event in one_token() if event.stage is not Stage.ROUTER]
    with pytest.raises(OptionError, match="no router decision in 5 events"):
        layer_choices(events)
