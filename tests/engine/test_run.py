"""A feed that fails, and fails again on its way back: the session stands on the last whole token all the same.

As when memory runs out: MLX raises for the arrays of the token, and again for those that are left when it is undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine.run import Run
from flashmoe_nb.model.state import KVCache
from flashmoe_nb.ops.mlx import MlxOps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PAST, TOKEN, NEXT = [3, 1, 4, 1, 5], 9, [26, 53]


class Exhausted(MlxOps):
    """Out of memory after so many evaluations, until it is told otherwise."""

    left: int | None = None
    """Evaluations that go well; None for all."""
    n_failed = 0

    def evaluate(self, *values: object) -> None:
        if self.left == 0:
            self.n_failed += 1
            msg = f"[malloc] Unable to allocate, failure {self.n_failed}"
            raise RuntimeError(msg)
        if self.left is not None:
            self.left -= 1
        super().evaluate(*values)


@pytest.fixture
def exhausted(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fm.Engine]:
    monkeypatch.setattr("flashmoe_nb.engine.opening.open_ops", lambda *_: Exhausted("float32"))
    with fm.open(tiny) as engine:
        yield engine


def _ops(engine: fm.Engine) -> Exhausted:
    assert isinstance(engine.ops, Exhausted)
    return engine.ops


def _n_evaluations(engine: fm.Engine) -> int:
    """Of one token."""
    session, ops = engine.session(), _ops(engine)
    session.feed(PAST)
    ops.left = 1000
    session.feed([TOKEN])
    n_evaluations, ops.left = 1000 - ops.left, None
    return n_evaluations


def _failed(engine: fm.Engine, n_evaluations: int) -> fm.Session:
    """A session with a past, and a token more that memory was too little for after so many evaluations."""
    session, ops = engine.session(), _ops(engine)
    session.feed(PAST)
    ops.left, ops.n_failed = n_evaluations, 0
    with pytest.raises(RuntimeError, match=r"failure 1$"):
        session.feed([TOKEN])
    ops.left = None
    assert ops.n_failed > 1
    return session


def test_failure_on_the_way_back_still_leads_back(exhausted: fm.Engine) -> None:
    """Whichever evaluation is the first that fails, its error is raised, and the session can be fed again."""
    untouched = exhausted.session()
    untouched.feed(PAST)
    expected = [np.array(untouched.feed([token])) for token in NEXT]
    for n_evaluations in range(_n_evaluations(exhausted)):
        session = _failed(exhausted, n_evaluations)
        assert session.position == len(PAST)
        np.testing.assert_array_equal([np.array(session.feed([token])) for token in NEXT], expected)


def _keys_undone(engine: fm.Engine, n_evaluations: int) -> list[NDArray[np.float32]]:
    """Of a token that failed, what each full-attention layer makes of it when another session has been fed since."""
    session = _failed(engine, n_evaluations)
    engine.session().feed(NEXT)
    caches = [state for state in session._memory.state if isinstance(state, KVCache)]
    return engine.owner_call(lambda: [np.array(cache.keys)[:, len(PAST)] for cache in caches])


def test_slots_that_something_lazy_looks_at_are_not_filled_again(
    exhausted: fm.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that could not be evaluated are still those of their token later. Negative control: slots given back."""
    whole = exhausted.session()
    whole.feed([*PAST, TOKEN])
    caches = [state for state in whole._memory.state if isinstance(state, KVCache)]
    expected = [np.array(cache.keys)[:, len(PAST)] for cache in caches]

    def n_wrong() -> int:
        """Keys of the token that are neither its own nor, in a layer it did not reach, none yet."""
        found = [_keys_undone(exhausted, n) for n in range(_n_evaluations(exhausted))]
        pairs = ((one, other) for keys in found for one, other in zip(keys, expected, strict=True))
        return sum(one.any() and not np.allclose(one, other, rtol=1e-3, atol=1e-4) for one, other in pairs)

    settled = Run._settled
    assert n_wrong() == 0
    monkeypatch.setattr(Run, "_settled", lambda run: settled(run) or True)
    assert n_wrong() > 0


def test_recorder_that_fails_when_a_unit_is_undone_does_not_keep_it(engine: fm.Engine) -> None:
    class Broken:
        measure_residency = False

        def pass_done(self, tape: object) -> None:
            raise RuntimeError("first")

        def unit_done(self, logits: object) -> None:
            """Never reached."""

        def unit_undone(self) -> None:
            raise RuntimeError("second")

    untouched, session = engine.session(), engine.session()
    for one in (untouched, session):
        one.feed(PAST)
    with session.tape(Broken()), pytest.raises(RuntimeError, match="second"):
        session.feed([TOKEN])
    assert session.position == len(PAST)
    np.testing.assert_array_equal(np.array(session.feed(NEXT)), np.array(untouched.feed(NEXT)))
