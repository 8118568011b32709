"""An expert's bytes rewritten in their slot, so that they hold what fewer bits would hold.

From the values there are, group by group: scale (max - min) / (2^bits - 1), codes rounded, as the original engine made
its 2-bit experts (repack_experts_2bit.py of danveloper/flash-moe). Fewer bits fit into the codes of more, so the record
keeps its layout; scales are rounded to their own dtype. Knows bytes, no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from flashmoe_nb.storage import RecordLayout

_PROJECTIONS = ("gate_proj", "up_proj", "down_proj")


def requantize_slot(bits: int) -> Callable[[RecordLayout, tuple[memoryview, ...]], None]:
    """What rewrites a slot after a read.

    Raises:
        UnsupportedError: not 1 to 4 bits; when called: the record is unquantized, or its codes are not 4 or 8 bits.
    """
    if not 1 <= bits <= 4:  # noqa: PLR2004 - what 4-bit codes can hold
        raise UnsupportedError(f"{bits} bits do not fit into the codes of a 4-bit expert: give 1 to 4")

    def rewrite(layout: RecordLayout, buffers: tuple[memoryview, ...]) -> None:
        views = {part.name: (part, buffer) for part, buffer in zip(layout.components, buffers, strict=True)}
        in_dims = _in_dims(layout)
        for name in _PROJECTIONS:
            if f"{name}.scales" not in views:
                raise UnsupportedError(
                    "the expert is not quantized, so there are no codes to make coarser: pack it first"
                )
            parts = (views[f"{name}.{part}"] for part in ("weight", "scales", "biases"))
            _rewrite_projection(bits, in_dims[name], *((part.dtype, part.shape, buffer) for part, buffer in parts))

    return rewrite


def _in_dims(layout: RecordLayout) -> dict[str, int]:
    rows = {part.name: part.shape[0] for part in layout.components}
    hidden, width = rows["down_proj.weight"], rows["gate_proj.weight"]
    return {"gate_proj": hidden, "up_proj": hidden, "down_proj": width}


def _rewrite_projection(
    bits: int,
    in_dim: int,
    weight: tuple[str, tuple[int, ...], memoryview],
    scales: tuple[str, tuple[int, ...], memoryview],
    biases: tuple[str, tuple[int, ...], memoryview],
) -> None:
    rows, words = weight[1]
    own_bits = 32 * words // in_dim
    if own_bits not in (4, 8):
        raise UnsupportedError(f"codes of {own_bits} bits cannot be rewritten in place: use an expert of 4 or 8 bits")
    codes = _codes(np.frombuffer(weight[2].cast("B"), np.uint8), own_bits).reshape(rows, scales[1][1], -1)
    scale, bias = (_floats(*part)[..., None] for part in (scales, biases))
    values = codes * scale + bias
    low, high = values.min(axis=2, keepdims=True), values.max(axis=2, keepdims=True)
    step = (high - low) / (2**bits - 1)
    coarse = np.rint(np.divide(values - low, step, out=np.zeros_like(values), where=step > 0)).astype(np.uint8)
    weight[2].cast("B")[:] = _packed(coarse.reshape(rows, -1), own_bits).tobytes()
    scales[2].cast("B")[:] = _bytes(step[..., 0], scales[0])
    biases[2].cast("B")[:] = _bytes(low[..., 0], biases[0])


def _codes(raw: NDArray[np.uint8], bits: int) -> NDArray[np.float32]:
    """Little end first, as MLX packs them."""
    if bits == 8:  # noqa: PLR2004 - a code a byte
        return raw.astype(np.float32)
    return np.stack([raw & 15, raw >> 4], axis=-1).reshape(-1).astype(np.float32)


def _packed(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    if bits == 8:  # noqa: PLR2004 - as above
        return codes
    return np.bitwise_or(codes[:, 0::2], np.left_shift(codes[:, 1::2], 4), dtype=np.uint8)


def _floats(dtype: str, shape: tuple[int, ...], buffer: memoryview) -> NDArray[np.float32]:
    raw = buffer.cast("B")
    if dtype == "BF16":
        return (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    kind = np.float16 if dtype == "F16" else np.float32
    return np.frombuffer(raw, kind).astype(np.float32).reshape(shape)


def _bytes(values: NDArray[np.float32], dtype: str) -> bytes:
    if dtype == "BF16":  # to nearest, ties to even
        whole = np.ascontiguousarray(values, np.float32).view(np.uint32)
        return ((whole + 0x7FFF + ((whole >> 16) & 1)) >> 16).astype(np.uint16).tobytes()
    return values.astype(np.float16 if dtype == "F16" else np.float32).tobytes()
