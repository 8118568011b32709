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


@pytest.mark.parametrize("ops", ["cpu", "mlx"])
def test_array_sent_may_be_written_to_afterwards(ops: str, tiny: Path) -> None:
    """One buffer, filled anew for each stage, does what an array for each of them does."""

    def run(session: fm.Session, *, one_buffer: bool) -> np.ndarray:
        steps, buffer = session.steps([5]), None
        event: Any = next(steps)
        while True:
            sent = None
            if event.layer == 0 and event.stage in ("resid_mid", "post_norm"):
                values = np.array(event.value, np.float32)
                buffer = buffer if one_buffer and buffer is not None else np.empty_like(values)
                buffer[:] = 1.5 * values
                sent = buffer
            try:
                event = steps.send(sent)
            except StopIteration:
                return np.array(steps.logits)

    with fm.open(tiny, ops=ops) as engine:
        found, expected = (run(engine.session(), one_buffer=one) for one in (True, False))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("ops", ["cpu", "mlx"])
def test_whole_numbers_sent_for_fractions_count_as_fractions(ops: str, tiny: Path) -> None:
    with fm.open(tiny, ops=ops) as engine, engine.session().steps([5]) as steps:
        event: Any = next(event for event in steps if event.stage == "mixer")
        dtype, ones = event.value.dtype, np.ones(event.value.shape, np.int64)
        steps.send(ones)
        assert event.value.dtype == dtype
        assert event.value is not ones


@pytest.mark.parametrize("ops", ["cpu", "mlx"])
@pytest.mark.parametrize("ids", [[5], [5, 6, 7]], ids=["decode", "prefill"])
def test_expert_named_twice_counts_twice(ops: str, ids: list[int], tiny: Path) -> None:
    """With both its weights, as once with their sum; which is not what one of them alone gives."""

    def run(session: fm.Session, columns: tuple[int, int], spread: list[float]) -> np.ndarray:
        steps = session.steps(ids, prefill=len(ids) > 1)
        event: Any = next(steps)
        while True:
            sent = None
            if event.stage == "router" and event.layer == 0:
                experts, weights = np.array(event.value.expert_ids), np.array(event.value.routing_weights)
                experts[:, :2], weights[:, :2] = experts[:, columns], spread
                sent = event.value._replace(expert_ids=experts, routing_weights=weights)
            try:
                event = steps.send(sent)
            except StopIteration:
                return np.array(steps.logits)

    with fm.open(tiny, ops=ops) as engine:
        twice = run(engine.session(), (0, 0), [0.5, 0.25])
        summed, once = (run(engine.session(), (0, 1), [first, 0.0]) for first in (0.75, 0.25))
    np.testing.assert_allclose(twice, summed, rtol=1e-4, atol=1e-5)
    assert np.abs(twice - once).max() > 1e-3
