"""Negative controls: a kernel that lost one thing each, and that the emulation sees it.

The lost barriers are the point: their results can be right by luck of the order, so the emulator watches who touches
what between two barriers instead of looking at results.
"""

from __future__ import annotations

from dataclasses import replace

import mlx.core as mx
import pytest

from flashmoe_nb.ops.metal import Launch, Tiling
from tests.ops.metal.cases import Case, matvec_launch, swiglu_launch, worst
from tests.ops.metal.emulation import Edit, EmulationError, MakeEmulator

CASE = Case(4, 64, mx.bfloat16, mx.float32, "fma")
BEFORE_FILL = "  threadgroup_barrier(mem_flags::mem_threadgroup);  // nobody still reads the last tile\n"
AFTER_FILL = "  threadgroup_barrier(mem_flags::mem_threadgroup);  // the new tile is whole\n"


def without(lost: str, instead: str = "") -> Edit:
    """Replaces `lost` in the kernels' text; `Emulator` refuses an edit that changes nothing."""
    return lambda text: text.replace(lost, instead)


def launches() -> list[Launch]:
    return [matvec_launch(CASE, 13, 384), swiglu_launch(CASE, 13, 384)]


@pytest.mark.parametrize("launch", launches(), ids=lambda launch: launch.body)
@pytest.mark.parametrize("order", [0, 1, 5])
@pytest.mark.parametrize("lost", [BEFORE_FILL, AFTER_FILL], ids=["before", "after"])
def test_a_missing_barrier_is_found_in_any_order(launch: Launch, lost: str, order: int, make_emulator: MakeEmulator):
    race = "before it was written|with no barrier since another thread (read|wrote) it"
    with pytest.raises(EmulationError, match=f"tile was (read|written) ({race})"):
        make_emulator(without(lost), order).run(launch)


def test_one_barrier_is_enough_for_one_tile(make_emulator: MakeEmulator):
    """The watch does not cry wolf: with a single tile the first barrier guards nothing."""
    launch = matvec_launch(CASE, 13, 384, Tiling(3, 2, 384))
    assert worst(make_emulator(without(BEFORE_FILL)).run(launch), launch) <= 1


@pytest.mark.parametrize("launch", launches(), ids=lambda launch: launch.body)
def test_a_barrier_that_some_threads_miss_is_found(launch: Launch, make_emulator: MakeEmulator):
    early = without("THREADGROUP_ARRAY(", "if (first >= out_dim) return;\nTHREADGROUP_ARRAY(")
    with pytest.raises(EmulationError, match="a barrier was not reached by every thread"):
        make_emulator(early).run(launch)


@pytest.mark.parametrize("launch", launches(), ids=lambda launch: launch.body)
def test_a_sum_that_some_lanes_miss_is_found(launch: Launch, make_emulator: MakeEmulator):
    sums = "for (int r = 0; r < ROWS; ++r) {\n  const float"
    leaving = without(sums, f"if (lane > 9) return;\n{sums}")
    with pytest.raises(EmulationError, match="simd_sum was not reached by every lane"):
        make_emulator(leaving).run(launch)


@pytest.mark.parametrize("launch", launches(), ids=lambda launch: launch.body)
def test_a_write_beyond_the_output_is_found(launch: Launch, make_emulator: MakeEmulator):
    with pytest.raises(EmulationError, match="y was written beyond its end"):
        make_emulator(without(" && first + r < out_dim) y[", ") y[")).run(launch)


@pytest.mark.parametrize("launch", launches(), ids=lambda launch: launch.body)
def test_an_index_beyond_the_tile_is_found(launch: Launch, make_emulator: MakeEmulator):
    with pytest.raises(EmulationError, match="tile has no element 288"):
        make_emulator(without("i < count; i +=", "i <= count; i +=")).run(launch)


@pytest.mark.parametrize("launch", launches(), ids=lambda launch: launch.body)
@pytest.mark.parametrize(
    ("lost", "instead"),
    [
        ("simd_sum(", "("),
        ("packed >> (BITS * i)", "packed >> (32 - BITS - BITS * i)"),
        ("size_t(word / WORDS_PER_GROUP)", "size_t((word + 1) / WORDS_PER_GROUP)"),
        ("bias * x)", "scale * x)"),
        ("size_t(slots[pair])", "size_t(pair)"),
        ("size_t(x_rows[pair])", "size_t(pair)"),
        ("start / PER_WORD + word", "word"),
        ("word += 32", "word += 33"),
        ("in_dim - start < TILE ? in_dim - start : TILE", "TILE"),
    ],
    ids=["sum", "order of values", "group", "bias", "slot", "row of x", "column", "stride", "last tile"],
)
def test_a_wrong_index_or_term_gives_a_wrong_result(
    launch: Launch, lost: str, instead: str, make_emulator: MakeEmulator
):
    assert worst(make_emulator(without(lost, instead)).run(launch), launch) > 10


def test_an_edit_that_changes_nothing_is_refused(make_emulator: MakeEmulator):
    with pytest.raises(ValueError, match="changes nothing"):
        make_emulator(without("not there")).run(launches()[0])


def test_a_grid_of_part_threadgroups_is_refused(make_emulator: MakeEmulator):
    """Metal would cut the last threadgroup short and CUDA would not."""
    launch = matvec_launch(CASE, 13, 384)
    with pytest.raises(EmulationError, match="not whole threadgroups"):
        make_emulator().run(replace(launch, grid=(launch.grid[0] - 1, *launch.grid[1:])))
