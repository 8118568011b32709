"""The same kernels as CUDA: compiled where nvcc is, run where a GPU is."""

import re
import shutil
import subprocess
from pathlib import Path

import mlx.core as mx
import pytest

from flashmoe_nb.ops.metal import ARITHMETIC, GpuKernels, Launch
from flashmoe_nb.ops.metal.run import kernel_texts, platform_here
from tests.ops.metal.cases import Case, every_case, matvec_launch, swiglu_launch, worst

MAKERS = {"matvec": matvec_launch, "swiglu": swiglu_launch}
CUDA_TYPES = {
    mx.float32: "float",
    mx.bfloat16: "__nv_bfloat16",
    mx.float16: "__half",
    mx.uint32: "uint32_t",
}
# What MLX puts before a kernel, cut down to what ours use. Source: mlx/backend/cuda/device/utils.cuh.
PRELUDE = """
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cstdint>
namespace mlx::core::cu {
namespace cg = cooperative_groups;
struct Shape {
  int32_t sizes[8];
  __device__ int32_t operator[](int i) const { return sizes[i]; }
};
}
"""


def cuda_source(launch: Launch, name: str) -> str:
    """The kernel as MLX 0.32 completes it for CUDA, which it only does on a CUDA machine.

    Source: mlx/backend/cuda/custom_kernel.cpp, build_kernel.
    """
    text = kernel_texts()[launch.body]
    parameters = []
    for key, array in launch.inputs:
        parameters.append(f"const {CUDA_TYPES[array.dtype]}* {key}")
        if f"{key}_shape" in text.body:
            parameters.append(f"const __grid_constant__ Shape {key}_shape")
    parameters.append(f"{CUDA_TYPES[launch.output_dtype]}* y")
    constants = []
    for key, value in launch.template:
        if isinstance(value, mx.Dtype):
            constants.append(f"using {key} = {CUDA_TYPES[value]};")
        else:
            constants.append(f"constexpr {type(value).__name__} {key} = {str(value).lower()};")
    signature = f"__global__ void {name}({', '.join(parameters)}) {{"
    inside = "\n".join([signature, *constants, text.body, "}"])
    return f"{text.header}namespace mlx::core::cu {{\n{inside}\n}}\n"


@pytest.mark.parametrize("form", ARITHMETIC)
def test_cuda_compiles_the_same_bodies(form: str, tmp_path: Path):
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not here")
    cases = [Case(4, 64, mx.bfloat16, mx.bfloat16, form), Case(2, 32, mx.float16, mx.float32, form)]
    sources = [
        cuda_source(make(case, 13, 384), f"{body}_{number}")
        for body, make in MAKERS.items()
        for number, case in enumerate(cases)
    ]
    source = tmp_path / "twin.cu"
    source.write_text("".join([PRELUDE, *sources]), "utf-8")
    command = ["nvcc", "-std=c++17", "-arch=sm_90", "-ptx", str(source), "-o", str(tmp_path / "twin.ptx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ptx = (tmp_path / "twin.ptx").read_text("utf-8")
    assert len(re.findall(r"\.entry", ptx)) == 4
    assert "shfl.sync.bfly" in ptx
    assert "bar.sync" in ptx


@pytest.mark.cuda
@pytest.mark.parametrize("form", ARITHMETIC)
@pytest.mark.parametrize("body", MAKERS)
def test_cuda_gives_the_product_of_dequantized_weights(body: str, form: str):
    _check_on_the_gpu("cuda", body, form)


@pytest.mark.metal
@pytest.mark.parametrize("form", ARITHMETIC)
@pytest.mark.parametrize("body", MAKERS)
def test_metal_gives_the_product_of_dequantized_weights(body: str, form: str):
    _check_on_the_gpu("metal", body, form)


def _check_on_the_gpu(platform: str, body: str, form: str):
    if platform_here() != platform:
        pytest.skip(f"MLX has no {platform} GPU here")
    kernels = GpuKernels()
    for case in every_case(form):
        launch = MAKERS[body](case, 97, 384)
        assert worst(kernels.run(launch), launch) <= 1, str(case)
