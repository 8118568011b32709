"""numpy arrays of the `cpu` back end: safetensors dtypes, addresses, and buffers for keys and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])
"""numpy has none: the upper half of a float32, kept as bits."""
DTYPES: dict[str, np.dtype[Any]] = {
    "U32": np.dtype(np.uint32),
    "F32": np.dtype(np.float32),
    "BF16": BFLOAT16,
    "F16": np.dtype(np.float16),
}


def to_float32(x: NDArray[Any]) -> NDArray[np.float32]:
    """The same values; `x` itself where it is float32."""
    if x.dtype == BFLOAT16:
        return (x.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return x.astype(np.float32, copy=False)


def address_of(x: NDArray[Any]) -> int:
    """Of its first byte."""
    address: int = x.__array_interface__["data"][0]
    return address


class KVBuffer(np.ndarray[Any, Any]):
    """Keys or values with room to grow. Shapes: [H, capacity, Dh].

    Whoever writes where nobody has written yet may do so in place, a fork's positions end before; others copy.
    """

    written: int

    @classmethod
    def with_room(cls, old: KVBuffer | None, length: int, shape: tuple[int, int, int]) -> KVBuffer:
        """A new one that starts with the first `length` positions of an old one."""
        made = np.zeros(shape, np.float32).view(cls)
        if old is not None:
            made[:, :length] = old[:, :length]
        made.written = length
        return made
