"""What may be sent in place of a stage's value: arrays of numpy or of MLX, whatever the back end's own are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _run(session: fm.Session, change: Callable[[Any], Any]) -> np.ndarray:
    """Token 5 with the mixer of layer 1 halved and the routing of layer 2 turned around, as `change` makes arrays."""
    steps = session.steps([5])
    event: Any = next(steps)
    while True:
        sent = None
        if event.stage == "mixer" and event.layer == 1:
            sent = change(np.array(event.value) / 2)
        if event.stage == "router" and event.layer == 2:
            ids, weights = np.array(event.value.expert_ids)[:, ::-1].copy(), np.array(event.value.routing_weights)
            sent = event.value._replace(expert_ids=change(ids), routing_weights=change(weights))
        try:
            event = steps.send(sent)
        except StopIteration:
            return np.array(steps.logits)


@pytest.mark.parametrize("ops", ["cpu", "mlx"])
def test_arrays_of_any_kind_do_the_same(ops: str, tiny: Path) -> None:
    with fm.open(tiny, ops=ops) as engine:
        found = [_run(engine.session(), change) for change in (np.asarray, mx.array)]
        plain = np.array(engine.session().feed([5]))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], plain, atol=1e-3)


@pytest.mark.parametrize("ops", ["cpu", "mlx"])
@pytest.mark.parametrize("make", [np.array, mx.array])
def test_experts_are_whole_numbers(ops: str, make: Callable[[Any], Any], tiny: Path) -> None:
    with fm.open(tiny, ops=ops) as engine, engine.session().steps([5]) as steps:
        event: Any = next(event for event in steps if event.stage == "router")
        ids = make(np.array(event.value.expert_ids) + 0.5)
        with pytest.raises(OptionError, match=r"router of layer 0 (is|has)"):
            steps.send(event.value._replace(expert_ids=ids))
