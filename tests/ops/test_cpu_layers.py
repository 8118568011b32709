"""Every function of `cpu` against the one of `mlx` on the same numbers, for one row and for several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
import pytest

from flashmoe_nb.ops.cpu import CpuOps
from flashmoe_nb.ops.mlx import MlxOps

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from flashmoe_nb.ops import Ops

    Floats = NDArray[np.float32]

TOLERANCE = 1e-5
"""Of the largest value."""
ROWS = [1, 2, 7, 70]


def _normal(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def _flat(ops: Ops, value: Any) -> list[NDArray[Any]]:
    parts = value if isinstance(value, tuple) else (value,)
    ops.evaluate(*parts)
    return [ops.to_numpy(part) for part in parts]


def _worst(call: Callable[[Ops, Callable[[Floats], Any]], Any]) -> float:
    """Largest relative difference of what both back ends make of the same inputs."""
    cpu, reference = CpuOps(n_threads=2), MlxOps("float32")
    found = _flat(cpu, call(cpu, lambda x: x))
    expected = _flat(reference, call(reference, mx.array))
    assert [part.shape for part in found] == [part.shape for part in expected]
    return max(float(np.abs(f - e).max() / np.abs(e).max()) for f, e in zip(found, expected, strict=True))


LAYERS: dict[str, Callable[[Ops, Callable[[Floats], Any], int], Any]] = {
    "add": lambda ops, make, t: ops.add(make(_normal(t, 96)), make(_normal(t, 96, seed=1))),
    "gate": lambda ops, make, t: ops.gate(make(_normal(t, 96)), make(_normal(t, 96, seed=1))),
    "gate of one value": lambda ops, make, t: ops.gate(make(_normal(t, 96)), make(_normal(t, 1, seed=1))),
    "swiglu": lambda ops, make, t: ops.swiglu(make(_normal(t, 96)), make(_normal(t, 96, seed=1))),
    "split": lambda ops, make, t: ops.split(make(_normal(t, 4, 96)), (32, 48, 16)),
    "concat": lambda ops, make, t: ops.concat((make(_normal(t, 32)), make(_normal(t, 5, seed=1)))),
    "last row": lambda ops, make, t: ops.last_row(make(_normal(t, 32))),
    "rms_norm": lambda ops, make, t: ops.rms_norm(make(_normal(t, 96)), make(_normal(96, seed=1)), 1e-6),
    "rms_norm of heads": lambda ops, make, t: ops.rms_norm(make(_normal(t, 4, 32)), make(_normal(32, seed=1)), 1e-6),
    "gated_rms_norm": lambda ops, make, t: ops.gated_rms_norm(
        make(_normal(t, 4, 32)), make(_normal(t, 4, 32, seed=1)), make(_normal(32, seed=2)), 1e-6
    ),
    "rope": lambda ops, make, t: ops.rope(make(_normal(t, 4, 64)), 16, 1e7, 1.0, 37),
    "rope of whole heads, scaled": lambda ops, make, t: ops.rope(make(_normal(t, 4, 32)), 32, 1e6, 0.25, 5),
    "causal_conv": lambda ops, make, t: ops.causal_conv(
        make(_normal(t, 96)), make(_normal(3, 96, seed=1)), make(_normal(96, 4, seed=2))
    ),
    "decay_beta": lambda ops, make, t: ops.decay_beta(
        make(_normal(t, 6) * 4), make(_normal(t, 6, seed=1)), make(_normal(6, seed=2)), make(_normal(6, seed=3))
    ),
    "l2_normalize": lambda ops, make, t: ops.l2_normalize(make(_normal(t, 4, 32)), 0.25),
    "delta_update": lambda ops, make, t: ops.delta_update(
        (
            ops.l2_normalize(make(_normal(t, 2, 32)), 32**-0.5),
            ops.l2_normalize(make(_normal(t, 2, 32, seed=1)), 1.0),
            make(_normal(t, 6, 24, seed=2)),
        ),
        make(np.random.default_rng(3).uniform(0.2, 1, (t, 6)).astype(np.float32)),
        make(np.random.default_rng(4).uniform(0, 1, (t, 6)).astype(np.float32)),
        make(_normal(6, 24, 32, seed=5)),
    ),
    "route": lambda ops, make, t: ops.route(make(_normal(t, 512)), 10, normalize=True),
    "route, not normalized": lambda ops, make, t: ops.route(make(_normal(t, 24)), 4, normalize=False),
    "route to all": lambda ops, make, t: ops.route(make(_normal(t, 8)), 8, normalize=True),
}


@pytest.mark.parametrize("n_tokens", ROWS)
@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_mlx(name: str, n_tokens: int) -> None:
    assert _worst(lambda ops, make: LAYERS[name](ops, make, n_tokens)) <= TOLERANCE


def test_layer_of_other_inputs_would_be_seen() -> None:
    """Negative control."""
    seeds = iter((0, 1))
    assert _worst(lambda ops, make: ops.rms_norm(make(_normal(3, 96, seed=next(seeds))), make(_normal(96)), 1e-6)) > 0.1


@pytest.mark.parametrize(("before", "n_tokens"), [(0, 1), (0, 70), (300, 1), (300, 70), (511, 2)])
@pytest.mark.parametrize(("n_heads", "n_shared"), [(4, 2), (6, 2), (8, 8)])
def test_attention_equals_mlx(before: int, n_tokens: int, n_heads: int, n_shared: int) -> None:
    """Keys and values written in two pieces, across the step the cache grows by."""

    def attend(ops: Ops, make: Callable[[Floats], Any]) -> Any:
        held = {}
        for seed, name in enumerate(("keys", "values")):
            new, buffer = _normal(before + n_tokens, n_shared, 32, seed=seed), None
            for start, stop in ((0, before), (before, before + n_tokens)):
                if stop > start:
                    buffer = ops.kv_write(buffer, make(new[start:stop]), start, -(-stop // 256) * 256)
            held[name] = buffer
        queries = make(_normal(n_tokens, n_heads, 32, seed=9))
        return ops.attention(queries, held["keys"], held["values"], before + n_tokens, 32**-0.5)

    assert _worst(attend) <= TOLERANCE


def test_forks_of_a_kv_buffer_do_not_see_each_other() -> None:
    """Both go on from position 2; the one that comes second writes into a copy."""
    ops = CpuOps(n_threads=1)
    past = ops.kv_write(None, _normal(2, 1, 4), 0, 256)
    first = ops.kv_write(past, _normal(1, 1, 4, seed=1), 2, 256)
    second = ops.kv_write(past, _normal(1, 1, 4, seed=2), 2, 256)
    assert first is past  # nobody had written there yet
    np.testing.assert_array_equal(first[0, 2], _normal(1, 1, 4, seed=1)[0, 0])
    np.testing.assert_array_equal(second[0, 2], _normal(1, 1, 4, seed=2)[0, 0])
    np.testing.assert_array_equal(first[:, :2], second[:, :2])


def test_delta_update_leaves_the_memory_it_was_given() -> None:
    ops = CpuOps(n_threads=2)
    memory = _normal(6, 24, 32)
    before = memory.copy()
    q, k, v = _normal(3, 2, 32), _normal(3, 2, 32, seed=1), _normal(3, 6, 24)
    ops.delta_update((q, k, v), np.full((3, 6), 0.5, np.float32), np.full((3, 6), 0.5, np.float32), memory)
    np.testing.assert_array_equal(memory, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_damage_stays_visible(bad: float) -> None:
    """Compiled with relaxed sums, but never so that a value that is not finite could vanish."""
    ops = CpuOps(n_threads=1)
    x = _normal(1, 96)
    x[0, 5] = bad
    for y in (
        ops.rms_norm(x, np.ones(96, np.float32), 1e-6),
        ops.l2_normalize(x, 1.0),
        ops.swiglu(_normal(1, 96, seed=1), x),
        ops.gate(x, _normal(1, 96, seed=1)),
        ops.causal_conv(x, _normal(3, 96, seed=1), _normal(96, 4))[0] if bad != -np.inf else x,  # silu(-inf) is nan
    ):
        assert not np.isfinite(y).all()


def test_values_of_another_dtype_are_taken_as_numbers() -> None:
    """A patch may send float64; kernels that go by addresses must not read its bytes as float32."""
    ops = CpuOps(n_threads=1)
    x = _normal(2, 96)
    wide = x.astype(np.float64)
    ones = np.ones(96, np.float32)
    np.testing.assert_allclose(ops.rms_norm(wide, ones, 1e-6), ops.rms_norm(x, ones, 1e-6), rtol=1e-6)
    decay = np.full((2, 6), 0.5)
    parts = tuple(part.astype(np.float64) for part in (_normal(2, 2, 32), _normal(2, 2, 32, seed=1), _normal(2, 6, 24)))
    narrow = tuple(part.astype(np.float32) for part in parts)
    memory = _normal(6, 24, 32)
    found = ops.delta_update(parts, decay, decay, memory)
    expected = ops.delta_update(narrow, decay.astype(np.float32), decay.astype(np.float32), memory)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
