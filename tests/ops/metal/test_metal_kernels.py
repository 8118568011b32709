"""The kernels, emulated, against products of dequantized weights: every width, group, dtype and form; odd sizes."""

from collections.abc import Callable
from dataclasses import replace

import mlx.core as mx
import numpy as np
import pytest

from flashmoe_nb.ops.metal import ARITHMETIC, Launch, Tiling
from tests.ops.metal.cases import Case, every_case, matvec_launch, swiglu_launch, worst
from tests.ops.metal.emulation import Emulator, MakeEmulator

PLAIN = Case(4, 64, mx.bfloat16, mx.float32, "fma")
MAKERS = {"matvec": matvec_launch, "swiglu": swiglu_launch}
Maker = Callable[..., Launch]


@pytest.mark.parametrize("form", ARITHMETIC)
@pytest.mark.parametrize("body", MAKERS)
def test_a_kernel_gives_the_product_of_dequantized_weights(body: str, form: str, emulator: Emulator):
    launches = {case: MAKERS[body](case, 13, 384) for case in every_case(form)}
    emulator.prepare(list(launches.values()))
    shares = {str(case): worst(emulator.run(launch), launch) for case, launch in launches.items()}
    assert len(shares) == 54
    name, share = max(shares.items(), key=lambda item: item[1])
    print(f"{body} {form}: worst {share:.2f} of what is allowed, {name}")
    assert share <= 1, shares


@pytest.mark.parametrize("body", MAKERS)
@pytest.mark.parametrize(("out_dim", "in_dim"), [(1, 64), (2, 192), (5, 320), (31, 64), (64, 448), (97, 128)])
def test_sizes_that_fill_no_tile_and_no_simdgroup_come_out_right(
    body: str, out_dim: int, in_dim: int, emulator: Emulator
):
    launch = MAKERS[body](PLAIN, out_dim, in_dim)
    assert worst(emulator.run(launch), launch) <= 1


@pytest.mark.parametrize("body", MAKERS)
@pytest.mark.parametrize("bits", [4, 2])
def test_the_tiling_a_user_gets_comes_out_right(body: str, bits: int, emulator: Emulator):
    launch = MAKERS[body](replace(PLAIN, bits=bits), 40, 4096 + 64, Tiling())
    assert worst(emulator.run(launch), launch) <= 1


@pytest.mark.parametrize("body", MAKERS)
@pytest.mark.parametrize("tiling", [Tiling(1, 1, 32), Tiling(1, 8, 4096), Tiling(8, 2, 256), Tiling(2, 4, 1024)])
def test_any_tiling_comes_out_right(body: str, tiling: Tiling, emulator: Emulator):
    launch = MAKERS[body](PLAIN, 21, 320, tiling)
    assert worst(emulator.run(launch), launch) <= 1


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_order_of_the_threads_changes_no_bit(order: int, emulator: Emulator, make_emulator: MakeEmulator):
    launch = matvec_launch(PLAIN, 13, 384)
    again = make_emulator(order=order).run(launch)
    assert np.array_equal(np.array(emulator.run(launch)), np.array(again))


def test_the_two_forms_are_two_arithmetics(emulator: Emulator):
    results = [np.array(emulator.run(matvec_launch(replace(PLAIN, form=form), 64, 256))) for form in ARITHMETIC]
    assert not np.array_equal(*results)


def test_a_matrix_of_a_few_groups_is_passed_as_a_constant(emulator: Emulator):
    """The demo's shared-expert gate has 6 scales; MLX passes fewer than 8 elements in another address space."""
    case = replace(PLAIN, group_size=32)
    launch = matvec_launch(case, 1, 64)
    few = tuple((name, array[:1] if name in ("weight", "scales", "biases") else array) for name, array in launch.inputs)
    launch = replace(launch, inputs=tuple((n, mx.zeros_like(a) if n == "slots" else a) for n, a in few))
    assert dict(launch.inputs)["scales"].size < 8
    assert worst(emulator.run(launch), launch) <= 1
