"""Launches through `mx.fast.metal_kernel` on an Apple GPU and `mx.fast.cuda_kernel` on an NVIDIA one.

The bodies are the same text on both: MLX writes the signature, dialect.h translates the few words that differ.
Making a `GpuKernels` compiles nothing; MLX compiles at the first call of each dtype and template, and keeps the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, Protocol

import mlx.core as mx

from flashmoe_nb.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flashmoe_nb.ops.metal.launch import Launch

Platform = Literal["metal", "cuda"]


@dataclass(frozen=True, slots=True)
class KernelText:
    """A kernel as written, and the names of its inputs in the order it takes them."""

    inputs: tuple[str, ...]
    header: str
    body: str


class Kernels(Protocol):
    """Whatever runs launches: a GPU, or the tests' emulator."""

    def run(self, launch: Launch) -> mx.array:
        """The output array."""


def platform_here() -> Platform | None:
    """The kind of GPU that MLX's default device is, None for a CPU."""
    if mx.default_device().type != mx.DeviceType.gpu:
        return None
    return "metal" if mx.metal.is_available() else "cuda"


def kernel_texts() -> dict[str, KernelText]:
    """Every kernel by the name of its file."""
    folder = files("flashmoe_nb.ops.metal")
    header = "".join(folder.joinpath(name).read_text("utf-8") for name in ("dialect.h", "quantized.h"))
    rest = ("x", "x_rows", "slots")
    inputs = {
        "matvec": ("weight", "scales", "biases", *rest),
        "swiglu": (*(f"{half}_{part}" for half in ("gate", "up") for part in ("weight", "scales", "biases")), *rest),
    }
    return {
        name: KernelText(names, header, folder.joinpath(f"{name}.metal").read_text("utf-8"))
        for name, names in inputs.items()
    }


class GpuKernels:
    """The kernels on one platform.

    Args:
        platform: where `run` will be called; None takes what is here.
        texts: other sources than the package's, for experiments.
        verbose: print each source as MLX completes it.

    Raises:
        UnsupportedError: MLX has no GPU of this kind here.
    """

    def __init__(
        self,
        platform: Platform | None = None,
        texts: Mapping[str, KernelText] | None = None,
        *,
        verbose: bool = False,
    ) -> None:
        chosen = platform or platform_here()
        if chosen is None:
            raise UnsupportedError(
                f'own GPU kernels need Metal or CUDA, MLX runs on {mx.default_device()} here: use ops="mlx"'
            )
        self.platform = chosen
        self._verbose = verbose
        self._kernels = {name: self._make(name, text) for name, text in (texts or kernel_texts()).items()}

    def __repr__(self) -> str:
        return f"<GpuKernels {self.platform}: {', '.join(self._kernels)}>"

    def run(self, launch: Launch) -> mx.array:
        """Lazy, as every MLX operation."""
        result: list[mx.array] = self._kernels[launch.body](
            inputs=[array for _, array in launch.inputs],
            template=list(launch.template),
            grid=launch.grid,
            threadgroup=launch.threadgroup,
            output_shapes=[launch.output_shape],
            output_dtypes=[launch.output_dtype],
            verbose=self._verbose,
        )
        return result[0]

    def _make(self, name: str, text: KernelText) -> Any:
        make = mx.fast.metal_kernel if self.platform == "metal" else mx.fast.cuda_kernel
        return make(
            name=f"flashmoe_{name}",
            input_names=list(text.inputs),
            output_names=["y"],
            header=text.header,
            source=text.body,
        )
