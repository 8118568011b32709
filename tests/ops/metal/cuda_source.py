"""The kernels as MLX completes them for CUDA, which it only does on a CUDA machine: written after its source.

Source: MLX 0.32, mlx/backend/cuda/custom_kernel.cpp, build_kernel.
"""

import mlx.core as mx

from flashmoe_nb.ops.metal import Launch
from flashmoe_nb.ops.metal.run import kernel_texts
from tests.ops.metal.emulation import Source, entry_of

TYPES = {mx.float32: "float", mx.bfloat16: "__nv_bfloat16", mx.float16: "__half", mx.uint32: "uint32_t"}


def cuda_sources(launches: list[Launch]) -> list[Source]:
    """One for each."""
    return [_cuda_source(launch, f"{launch.body}_{number}") for number, launch in enumerate(launches)]


def _cuda_source(launch: Launch, name: str) -> Source:
    kernel = kernel_texts()[launch.body]
    kinds: dict[str, str] = {}
    for key, array in launch.inputs:
        kinds[key] = f"const {TYPES[array.dtype]}*"
        if f"{key}_shape" in kernel.body:
            kinds[f"{key}_shape"] = "const __grid_constant__ Shape"
    kinds["y"] = f"{TYPES[launch.output_dtype]}*"
    signature = f"__global__ void {name}({', '.join(f'{kind} {key}' for key, kind in kinds.items())}) {{"
    text = "\n".join([kernel.header, signature, *_constants(launch), kernel.body, "}\n"])
    arguments = [
        f"*static_cast<const Shape*>(buffers[{number}])"
        if "Shape" in kind
        else f"static_cast<{kind}>(buffers[{number}])"
        for number, kind in enumerate(kinds.values())
    ]
    return Source(name, text, tuple(kinds), entry_of(name, f"{name}({', '.join(arguments)})"))


def _constants(launch: Launch) -> list[str]:
    """MLX makes the template's arguments constants inside the function."""
    return [
        f"using {key} = {TYPES[value]};"
        if isinstance(value, mx.Dtype)
        else f"constexpr {type(value).__name__} {key} = {str(value).lower()};"
        for key, value in launch.template
    ]
