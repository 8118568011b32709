import numpy as np
import pytest

from flashmoe_nb.ops.cpu import CpuOps
from flashmoe_nb.ops.cpu_attention import attention
from flashmoe_nb.ops.kernels.attention import BLOCK, attend, exponential

SCALE = 0.25


def inputs(heads: int, shared: int, width: int, length: int, capacity: int | None = None) -> tuple[np.ndarray, ...]:
    """Queries [Hq, Dh], keys and values [Hkv, capacity, Dh]; what lies beyond `length` is NaN."""
    rng = np.random.default_rng(length)
    queries = rng.standard_normal((heads, width), np.float32) * (8 / width**0.5)
    keys, values = (rng.standard_normal((shared, capacity or length + 3, width), np.float32) for _ in range(2))
    keys[:, length:], values[:, length:] = np.nan, np.nan
    return queries, keys, values


def exact(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, length: int) -> np.ndarray:
    """In float64, head by head."""
    each = []
    for head, query in enumerate(queries.astype(np.float64)):
        shared = head * len(keys) // len(queries)
        scores = keys[shared, :length].astype(np.float64) @ query * SCALE
        weights = np.exp(scores - scores.max())
        each.append(weights / weights.sum() @ values[shared, :length].astype(np.float64))
    return np.concatenate(each)


@pytest.mark.parametrize(("heads", "shared", "width"), [(8, 2, 64), (6, 2, 32), (5, 1, 24), (16, 16, 8), (32, 2, 256)])
@pytest.mark.parametrize("length", [1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 515, 1030])
def test_one_position_attends_as_in_numpy(heads: int, shared: int, width: int, length: int):
    queries, keys, values = inputs(heads, shared, width, length)
    found = attend(queries, keys, values, length, SCALE, n_threads=2)
    assert np.isfinite(found).all(), "what lies beyond the length was read"
    np.testing.assert_allclose(found, attention(queries[None], keys, values, length, SCALE)[0], atol=1e-5)
    np.testing.assert_allclose(found, exact(queries, keys, values, length), atol=1e-5)


def test_any_number_of_threads_and_parts_gives_the_same():
    queries, keys, values = inputs(8, 2, 64, 3000)
    alone = attend(queries, keys, values, 3000, SCALE, n_threads=1)
    for n_threads in (2, 3, 8):
        np.testing.assert_allclose(attend(queries, keys, values, 3000, SCALE, n_threads), alone, atol=5e-6)
    other = attend(queries, keys, values, 2999, SCALE, n_threads=1)
    assert np.abs(other - alone).max() > 2e-5, "the last position counts"


@pytest.mark.parametrize("order", [1, -1])
def test_scores_that_rise_or_fall_all_the_way_are_weighed_alike(order: int):
    """Rising scores make every block fade what came before; the last part may hold all the weight."""
    queries, keys, values = inputs(4, 1, 16, 1000)
    queries[:] = 1
    keys[0, :1000] = np.linspace(-40, 40, 1000, dtype=np.float32)[::order, None]
    found = attend(queries, keys, values, 1000, SCALE, n_threads=2)
    np.testing.assert_allclose(found, exact(queries, keys, values, 1000), atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["keys", "values", "queries"])
def test_damage_is_not_hidden(bad: float, where: str):
    queries, keys, values = inputs(4, 2, 16, 700)
    target = {"queries": queries, "keys": keys, "values": values}[where]
    target[1, 3 if where == "queries" else 600] = bad
    found = attend(queries, keys, values, 700, SCALE, n_threads=2).reshape(4, 16)
    harmed = [1] if where == "queries" else [2, 3]
    assert not np.isfinite(found[harmed]).all(axis=1).any()
    assert np.isfinite(np.delete(found, harmed, axis=0)).all()


def test_exponential_is_the_librarys():
    x = -np.random.default_rng(0).uniform(0, 86, 5000).astype(np.float32)
    found = np.array([exponential(value) for value in x])
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=3e-7)
    assert exponential(np.float32(0)) == 1
    assert 0 <= exponential(np.float32(-1e30)) < 1e-37
    assert np.isnan(exponential(np.float32(np.nan)))


def test_a_decode_step_of_the_back_end_takes_the_kernel_where_there_is_much_to_attend_to(
    monkeypatch: pytest.MonkeyPatch,
):
    queries, keys, values = inputs(8, 2, 256, 2048)
    seen: list[int] = []
    monkeypatch.setattr("flashmoe_nb.ops.cpu.attend", lambda *args: seen.append(args[3]) or attend(*args))
    ops = CpuOps(2)
    for length in (2048, 100):
        found = ops.attention(queries[None], keys, values, length, SCALE)
        assert found.shape == (1, 8 * 256)
        np.testing.assert_allclose(found[0], exact(queries, keys, values, length), atol=1e-5)
    assert seen == [2048]
