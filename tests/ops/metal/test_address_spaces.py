"""Metal's address spaces, which g++ does not know, checked by a clang that compiles OpenCL C++, where it is installed.

Metal passes an array of fewer than 8 elements in `constant` memory and a longer one in `device` memory; `threadgroup`
and `thread` memory are two more. Pointers do not convert between the four, in OpenCL as in Metal.
"""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest

from flashmoe_nb.ops.metal import Launch
from tests.ops.metal.cases import Case, matvec_launch, swiglu_launch
from tests.ops.metal.emulation import Edit, sources_of

CASE = Case(4, 64, mx.float16, mx.float16, "fma")
GENERIC = ("generic_address_space", "pipes", "device_enqueue", "program_scope_global_variables")
"""Features to switch off: with them a pointer without address space could point anywhere, which Metal forbids."""
FLAGS = (
    *("-cc1", "-x", "clcpp", "-cl-std=clc++2021", "-triple", "spir64", "-fsyntax-only", "-fdeclare-opencl-builtins"),
    "-cl-ext=" + ",".join(f"-__opencl_c_{feature}" for feature in GENERIC),
    "-Wno-unknown-attributes",
)
PRELUDE = """
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define device __global
#define constant __constant
#define threadgroup __local
#define thread __private
typedef unsigned int uint;
typedef unsigned int uint32_t;
typedef unsigned long size_t;
typedef half float16_t;
struct uint3 { uint x, y, z; };
enum class mem_flags { mem_threadgroup };
void threadgroup_barrier(mem_flags);
float simd_sum(float);
float fma(float, float, float);
float exp(float);
threadgroup float* somewhere();
#define THREADGROUP_ARRAY(type, name, count) threadgroup type* name = somewhere()
"""


def with_few_scales(launch: Launch) -> Launch:
    """The same, of a matrix of one row in one slot, whose scales MLX passes as a constant."""
    few = tuple((name, array[:1, :1] if name in {"scales", "biases"} else array) for name, array in launch.inputs)
    assert dict(few)["scales"].size < 8
    return replace(launch, inputs=few)


def complaints(launches: list[Launch], folder: Path, edit: Edit | None = None) -> str:
    """What clang says about the sources that MLX would give Metal."""
    if shutil.which("clang") is None:
        pytest.skip("clang is not here")
    texts = [source.text for source in sources_of(launches, edit)]
    # OpenCL C++ takes no attributes on an instantiation.
    plain = [re.sub(r"^template \[\[.*?\]\] \[\[kernel\]\] ", "template ", text, flags=re.MULTILINE) for text in texts]
    source = folder / "kernels.clcpp"
    source.write_text("".join([PRELUDE, *plain]), "utf-8")
    return subprocess.run(["clang", *FLAGS, str(source)], capture_output=True, text=True, check=False).stderr


def both() -> list[Launch]:
    launch = matvec_launch(CASE, 13, 384)
    return [launch, with_few_scales(launch), swiglu_launch(CASE, 13, 384)]


def test_the_kernels_keep_the_address_spaces_apart(tmp_path: Path):
    assert complaints(both(), tmp_path) == ""


@pytest.mark.parametrize(
    ("lost", "instead"),
    [
        ("float sums[ROWS]", "const device T* few = scales; float sums[ROWS]"),
        ("thread const float (&x)[32 / BITS]", "threadgroup const float* x"),
    ],
    ids=["device pointer to constant", "threadgroup pointer to thread"],
)
def test_a_pointer_into_the_wrong_space_is_found(lost: str, instead: str, tmp_path: Path):
    few = with_few_scales(matvec_launch(CASE, 13, 384))
    assert "error: " in complaints([few], tmp_path, lambda text: text.replace(lost, instead))
