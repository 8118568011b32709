"""MLX arrays filled with bytes of a checkpoint: of every dtype, with and without shared memory, and beyond 2 GiB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
import pytest

from flashmoe_nb.ops import mlx, mlx_slots
from flashmoe_nb.ops.mlx import MlxOps
from flashmoe_nb.ops.mlx_slots import DTYPES, PROJECTIONS, MlxSlotBank, bytes_of
from flashmoe_nb.storage.record import Component

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (3, 8, 16)
BEYOND = (2**15 + 1, 2**15)
"""More than 2**31 bytes of 16-bit numbers; BF16 [248320, 5120], the embeddings of a published model, are more."""


def _read_only(x: mx.array) -> memoryview:
    return bytes_of(x).toreadonly()


def _content(dtype: str) -> bytes:
    values = mx.array(np.random.default_rng(0).integers(0, 2**14, SHAPE)).astype(DTYPES[dtype])
    mx.eval(values)
    return bytes(bytes_of(values))


@pytest.fixture(params=["shared", "copied"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """On every machine also what happens where MLX lets nobody write into its memory."""
    if request.param == "copied":
        for module in (mlx, mlx_slots):
            monkeypatch.setattr(module, "bytes_of", _read_only)
    return str(request.param)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensor_holds_the_bytes_it_was_filled_with(dtype: str, how: str) -> None:
    content = _content(dtype)
    made = MlxOps("float32").tensor(dtype, SHAPE, _filling(content))
    assert (made.shape, made.dtype) == (SHAPE, DTYPES[dtype])
    assert bytes(bytes_of(made)) == content


@pytest.mark.parametrize("dtype", DTYPES)
def test_slots_hold_the_bytes_that_were_written(dtype: str, how: str) -> None:
    """Slot by slot, each component in its own place."""
    content, nbytes = _content(dtype), len(_content(dtype)) // SHAPE[0]
    parts = [Component(f"{name}.weight", dtype, SHAPE[1:], at * nbytes) for at, name in enumerate(PROJECTIONS)]
    bank = MlxSlotBank(parts, SHAPE[0], (SHAPE[2],) * 3)
    assert bank.shared == (how == "shared")
    assert all(not any(part) for part in bank.buffers(0))
    for slot in range(SHAPE[0]):
        bank.buffers(slot)[1][:] = content[slot * nbytes : (slot + 1) * nbytes]
    gate, up = (bank.projection(name).weight for name in PROJECTIONS[:2])
    assert (up.shape, up.dtype) == (SHAPE, DTYPES[dtype])
    assert bytes(bytes_of(up)) == content
    assert not any(bytes(bytes_of(gate)))


def test_tensor_may_have_more_bytes_than_a_dimension_counts() -> None:
    def fill(view: memoryview) -> None:
        assert len(view) == 2 * BEYOND[0] * BEYOND[1] > 2**31
        view[-1] = 64

    made = MlxOps("bfloat16").tensor("BF16", BEYOND, fill)
    assert made[-1, -1].item() == 2


def test_slots_may_have_more_bytes_than_a_dimension_counts() -> None:
    small = Component("up_proj.weight", "BF16", (1, 32), 0)
    parts = [small, Component("gate_proj.weight", "BF16", BEYOND, 64), Component("down_proj.weight", "BF16", (1, 1), 0)]
    bank = MlxSlotBank(parts, 1, (32, 32, 1))
    assert len(bank.buffers(0)[1]) > 2**31
    bank.buffers(0)[1][-1] = 64
    assert bank.projection("gate_proj").weight[0, -1, -1].item() == 2


def _filling(content: bytes) -> Callable[[memoryview], Any]:
    def fill(view: memoryview) -> None:
        view[:] = content

    return fill
