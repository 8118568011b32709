"""Which back end runs: by name, or by what the machine has.

MLX is imported only when a back end is opened, so that importing the package stays light.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from flashmoe_nb.errors import UnsupportedError

if TYPE_CHECKING:
    from flashmoe_nb.ops.protocol import Ops

GPU_OPS = ("metal_fma", "metal_naive", "cuda_fma", "cuda_naive")
"""MLX with one-row products of our own, to compare: docs/kernels.md."""
OPS_NAMES = ("auto", "cpu", "mlx", *GPU_OPS)
DTYPES = ("float32", "bfloat16", "float16")


def open_ops(name: str, dtype: str | None, checkpoint_dtype: str, n_threads: int | None = None) -> Ops:
    """Open a back end.

    Args:
        name: one of OPS_NAMES; "auto" is "cpu" where there is no GPU, numba is installed and activations are float32,
            else "mlx".
        dtype: of activations; None takes the checkpoint's on a GPU and float32 on a CPU, where MLX's quantized kernels
            are several times slower in 16 bits.
        checkpoint_dtype: what the checkpoint's norms are stored in.
        n_threads: cores the "cpu" back end may use.

    Raises:
        UnsupportedError: an unknown name or dtype, no such GPU, or threads for a back end that picks its own.
    """
    if name not in OPS_NAMES:
        raise UnsupportedError(f'ops="{name}" is not known: give one of {", ".join(OPS_NAMES)}')
    if dtype is not None and dtype not in DTYPES:
        raise UnsupportedError(f'dtype="{dtype}" is not supported: give one of {", ".join(DTYPES)}, or leave it out')
    import mlx.core as mx  # noqa: PLC0415 - heavy, and only needed once something is opened

    from flashmoe_nb.ops.mlx import MlxOps  # noqa: PLC0415 - same

    on_gpu = mx.default_device().type == mx.DeviceType.gpu
    if name == "cpu" or (name == "auto" and not on_gpu and dtype in {None, "float32"} and find_spec("numba")):
        return _open_cpu(dtype, n_threads)
    if n_threads is not None:
        msg = f'compute_threads={n_threads} is for ops="cpu", here ops="{name}" runs MLX, which picks its own: '
        raise UnsupportedError(msg + "leave it out")
    chosen = dtype or (checkpoint_dtype if on_gpu else "float32")
    if name in GPU_OPS:
        from flashmoe_nb.ops.metal import open_gpu_ops  # noqa: PLC0415 - same

        return open_gpu_ops(name, chosen)
    return MlxOps(chosen)


def _open_cpu(dtype: str | None, n_threads: int | None) -> Ops:
    if dtype not in {None, "float32"}:
        raise UnsupportedError(f'ops="cpu" computes in float32, dtype is "{dtype}": leave it out, or give ops="mlx"')
    try:
        from flashmoe_nb.ops.cpu import CpuOps  # noqa: PLC0415 - loads a compiler
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise UnsupportedError('ops="cpu" needs numba, which is missing: pip install numba, or ops="mlx"') from None
    return CpuOps(n_threads)
