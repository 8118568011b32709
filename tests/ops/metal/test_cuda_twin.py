"""The same kernels as CUDA: emulated, compiled where nvcc is, and run where a GPU is."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
import pytest

from flashmoe_nb.ops.metal import ARITHMETIC, GpuKernels, Launch
from flashmoe_nb.ops.metal.run import platform_here
from tests.ops.metal.cases import Case, every_case, matvec_launch, swiglu_launch, worst
from tests.ops.metal.cuda_source import cuda_sources
from tests.ops.metal.emulation import MakeEmulator, Source

MAKERS = {"matvec": matvec_launch, "swiglu": swiglu_launch}
# What MLX puts before a kernel, cut down to what ours use. Source: mlx/backend/cuda/device/utils.cuh.
PRELUDE = """
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cstdint>
struct Shape {
  int32_t sizes[8];
  __device__ int32_t operator[](int i) const { return sizes[i]; }
};
"""


@pytest.mark.parametrize("order", [0, 1, 5])
@pytest.mark.parametrize("body", MAKERS)
def test_the_cuda_dialect_gives_the_product_too(body: str, order: int, make_emulator: MakeEmulator):
    emulator = make_emulator(order=order, complete=cuda_sources, defines=("EMULATE_CUDA",))
    launches = [MAKERS[body](case, 13, 384) for form in ARITHMETIC for case in every_case(form)[::5]]
    emulator.prepare(launches)
    assert max(worst(emulator.run(launch), launch) for launch in launches) <= 1


@pytest.mark.parametrize(
    ("lost", "instead"),
    [("distance /= 2", "distance /= 4"), ("threadIdx.x % 32", "threadIdx.x / 32"), ("blockIdx", "threadIdx")],
)
def test_a_wrong_word_of_the_dialect_gives_a_wrong_product(lost: str, instead: str, make_emulator: MakeEmulator):
    def wrong(launches: list[Launch]) -> list[Source]:
        sources = cuda_sources(launches)
        assert all(lost in source.text for source in sources)
        return [replace(source, text=source.text.replace(lost, instead)) for source in sources]

    launch = matvec_launch(every_case("fma")[0], 13, 384)
    assert worst(make_emulator(complete=wrong, defines=("EMULATE_CUDA",)).run(launch), launch) > 10


@pytest.mark.parametrize("form", ARITHMETIC)
def test_cuda_compiles_the_same_bodies(form: str, tmp_path: Path):
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not here")
    cases = [Case(4, 64, mx.bfloat16, mx.bfloat16, form), Case(2, 32, mx.float16, mx.float32, form)]
    sources = cuda_sources([make(case, 13, 384) for make in MAKERS.values() for case in cases])
    source = tmp_path / "twin.cu"
    source.write_text("".join([PRELUDE, *(twin.text for twin in sources)]), "utf-8")
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
