"""The back end on these kernels against the one on MLX's own, the emulator standing in for the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import UnsupportedError
from flashmoe_nb.ops.metal import ARITHMETIC, GPU_OPS, GpuKernels, GpuOps, Tiling, open_gpu_ops, platform_here
from flashmoe_nb.ops.mlx import MlxOps
from flashmoe_nb.ops.protocol import Linear, WavePlan
from flashmoe_nb.storage.record import Component
from flashmoe_nb.storage.synth import synthesize

if TYPE_CHECKING:
    from pathlib import Path

    from flashmoe_nb.ops.mlx_slots import MlxSlotBank
    from tests.ops.metal.emulation import Emulator, MakeEmulator

D, WIDTH, SLOTS, TOP_K = 128, 64, 5, 3
PROMPT = [3, 1, 4, 1, 5, 9]


def gpu_ops(emulator: Emulator, form: str = "fma", dtype: str = "float32") -> GpuOps:
    emulator.launches.clear()
    return GpuOps(f"metal_{form}", dtype, emulator, Tiling(2, 2, 64))


def linear(out_dim: int, in_dim: int, bits: int, group_size: int = 32, *, bias: bool = False) -> Linear:
    dense = mx.random.normal((out_dim, in_dim), key=mx.random.key(out_dim))
    packed, scales, biases = mx.quantize(dense, group_size=group_size, bits=bits)
    added = mx.random.normal((out_dim,), key=mx.random.key(5)) if bias else None
    return Linear(packed, scales, biases, added, out_dim, in_dim, bits, group_size)


def filled_bank(ops: MlxOps, bits: int) -> MlxSlotBank:
    """Slots whose bytes are written as a read from disk would write them."""
    components, contents = [], []
    for name, out_dim, in_dim in (("gate_proj", WIDTH, D), ("up_proj", WIDTH, D), ("down_proj", D, WIDTH)):
        dense = 0.1 * mx.random.normal((SLOTS, out_dim, in_dim), key=mx.random.key(len(components)))
        parts = mx.quantize(dense, group_size=32, bits=bits)
        for part, kind, array in zip(("weight", "scales", "biases"), ("U32", "F32", "F32"), parts, strict=True):
            components.append(Component(f"{name}.{part}", kind, array.shape[1:], 0))
            contents.append(np.array(array))
    bank = ops.slot_bank(components, SLOTS, (D, D, WIDTH))
    for slot in range(SLOTS):
        for view, content in zip(bank.buffers(slot), contents, strict=True):
            view[:] = content[slot].tobytes()
    return bank


def plan_of(slots: list[int], n_tokens: int = 1) -> WavePlan:
    order = np.argsort(slots, kind="stable").astype(np.int32)
    tokens, ranks = order // TOP_K, order % TOP_K
    gather = np.stack([np.flatnonzero(tokens == t) for t in range(n_tokens)]).astype(np.int32)
    return WavePlan(tokens, ranks, np.array(slots, np.uint32)[order], gather)


@pytest.mark.parametrize("form", ARITHMETIC)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bits", [4, 2])
def test_a_projection_of_one_row_equals_mlx(bits: int, bias: bool, form: str, emulator: Emulator):
    ops, w = gpu_ops(emulator, form), linear(37, 192, bits, bias=bias)
    x = mx.random.normal((1, 192), key=mx.random.key(3))
    np.testing.assert_allclose(ops.linear(x, w), MlxOps("float32").linear(x, w), rtol=1e-5, atol=1e-4)
    assert [launch.body for launch in emulator.launches] == ["matvec"]


def test_what_the_kernels_do_not_know_goes_to_mlx(emulator: Emulator):
    ops, reference = gpu_ops(emulator), MlxOps("float32")
    one, two = (mx.random.normal((rows, 192), key=mx.random.key(3)) for rows in (1, 2))
    dense = Linear(mx.random.normal((37, 192), key=mx.random.key(4)), None, None, None, 37, 192, 0, 0)
    for x, w in ((two, linear(37, 192, 4)), (one, linear(37, 192, 8)), (one, linear(37, 192, 6)), (one, dense)):
        assert np.array_equal(np.array(ops.linear(x, w)), np.array(reference.linear(x, w)))
    assert emulator.launches == []


@pytest.mark.parametrize("form", ARITHMETIC)
@pytest.mark.parametrize("bits", [4, 2])
def test_experts_of_one_token_equal_mlx(bits: int, form: str, emulator: Emulator):
    ops, reference = gpu_ops(emulator, form), MlxOps("float32")
    x, weights = mx.random.normal((1, D), key=mx.random.key(8)), mx.array([[0.5, 0.3, 0.2]])
    bank, plan = filled_bank(reference, bits), plan_of([4, 0, 2])
    ours, theirs = (back_end.run_experts(x, weights, bank, plan) for back_end in (ops, reference))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert [launch.body for launch in emulator.launches] == ["swiglu", "matvec"]


def test_slots_that_are_filled_again_are_read_again(emulator: Emulator):
    ops, x, weights = gpu_ops(emulator), mx.random.normal((1, D), key=mx.random.key(8)), mx.array([[0.5, 0.3, 0.2]])
    bank, plan = filled_bank(ops, 4), plan_of([4, 0, 2])
    before = np.array(ops.run_experts(x, weights, bank, plan))
    for source, target in zip(bank.buffers(1), bank.buffers(4), strict=True):
        target[:] = source
    after = np.array(ops.run_experts(x, weights, bank, plan))
    moved = np.array(MlxOps("float32").run_experts(x, weights, bank, plan_of([1, 0, 2])))
    np.testing.assert_allclose(after, moved, rtol=1e-5, atol=1e-5)
    assert np.abs(after - before).max() > 1e-3


def test_experts_of_several_tokens_and_of_other_widths_go_to_mlx(emulator: Emulator):
    ops, reference = gpu_ops(emulator), MlxOps("float32")
    two, weights = mx.random.normal((2, D), key=mx.random.key(8)), mx.full((2, TOP_K), 1 / 3)
    several = two, weights, filled_bank(ops, 4), plan_of([4, 0, 2, 1, 0, 3], n_tokens=2)
    wide = two[:1], weights[:1], filled_bank(ops, 8), plan_of([4, 0, 2])
    for arguments in (several, wide):
        assert np.array_equal(np.array(ops.run_experts(*arguments)), np.array(reference.run_experts(*arguments)))
    assert emulator.launches == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_activations_of_16_bits_stay_so(dtype: str, emulator: Emulator):
    ops, w = gpu_ops(emulator, dtype=dtype), linear(37, 192, 4)
    x = ops.cast(mx.random.normal((1, 192), key=mx.random.key(3)))
    y = ops.linear(x, w)
    assert str(y.dtype) == f"mlx.core.{dtype}"
    np.testing.assert_allclose(ops.to_numpy(y), MlxOps("float32").linear(x.astype(mx.float32), w), rtol=1e-2, atol=1e-2)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 layers, 16 experts of which 4 are active, 4 bits, float32."""
    folder = tmp_path_factory.mktemp("metal") / "tiny"
    synthesize("tiny", folder, dtype="float32", progress=False)
    return folder


@pytest.mark.parametrize("form", ARITHMETIC)
def test_a_model_decodes_the_same_tokens(form: str, emulator: Emulator, tiny: Path, monkeypatch: pytest.MonkeyPatch):
    expected = _greedy(tiny)
    assert _greedy_on(gpu_ops(emulator, form), tiny, monkeypatch) == expected
    assert {launch.body for launch in emulator.launches} == {"matvec", "swiglu"}


def test_a_model_with_a_wrong_kernel_decodes_others(
    make_emulator: MakeEmulator, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = _greedy(tiny)
    unsummed = make_emulator(lambda text: text.replace("simd_sum(", "("))
    assert _greedy_on(gpu_ops(unsummed), tiny, monkeypatch) != expected


def _greedy_on(ops: GpuOps, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr("flashmoe_nb.ops.mlx.MlxOps", lambda _: ops)  # what `open_ops` imports and makes
    return _greedy(folder)


def _greedy(folder: Path) -> list[int]:
    with fm.open(folder, ops="mlx") as engine:
        session, tokens = engine.session(), []
        logits = session.feed(PROMPT)
        for _ in range(5):
            tokens.append(int(np.argmax(logits)))
            logits = session.feed(tokens[-1:])
        return tokens


@pytest.mark.parametrize("name", GPU_OPS)
def test_a_back_end_without_its_gpu_is_refused(name: str):
    if platform_here() is not None:
        pytest.skip("there is a GPU here")
    with pytest.raises(
        UnsupportedError, match=rf'ops="{name}" needs MLX on (metal|cuda), .* is Device\(cpu.*ops="mlx"'
    ):
        open_gpu_ops(name, "float32")


def test_kernels_without_a_gpu_are_refused():
    if platform_here() is not None:
        pytest.skip("there is a GPU here")
    with pytest.raises(UnsupportedError, match=r'need Metal or CUDA, .* use ops="mlx"'):
        GpuKernels()
