"""Expert slots in MLX memory: written by preadv, read by MLX's quantized products, without a copy between.

`memoryview` of an evaluated MLX array is writable and shared. That is documented for Metal and was seen on the CPU and
CUDA back ends, so it is tried when a bank is made: where a written byte does not show up, the bytes go through numpy
and `shared` is False. Knows shapes and bytes, not experts or files.

A lazy MLX array that uses a slot sees what is written to it *later*: whoever refills a slot evaluates first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import mlx.core as mx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from flashmoe_nb.ops.protocol import ComponentSpec

DTYPES = {"U32": mx.uint32, "F32": mx.float32, "BF16": mx.bfloat16, "F16": mx.float16}
PROJECTIONS = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class StackedLinear:
    """One projection of all slots. Shapes: weight [S, N, ...], scales and biases [S, N, groups] or None."""

    weight: mx.array
    scales: mx.array | None
    biases: mx.array | None
    bits: int
    group_size: int


def bytes_of(x: mx.array) -> memoryview:
    """The memory of an evaluated array. Shapes: [B], as numpy counts them: MLX's dimensions end at 2**31."""
    buffer = memoryview(cast("bytearray", x))  # the stubs do not say that an array is a buffer
    return np.frombuffer(buffer, np.uint8).data


def of_bytes(content: NDArray[np.uint8], kind: mx.Dtype, shape: tuple[int, ...]) -> mx.array:
    """A copy of bytes as an array of MLX; whole numbers on the way, numpy has no bfloat16. Shapes: content [B]."""
    numbers: NDArray[Any] = content.view(f"u{kind.size}").reshape(shape)
    copied = mx.array(numbers).view(kind)
    mx.eval(copied)
    return copied


class _Block:
    """The bytes of one component for all slots."""

    def __init__(self, spec: ComponentSpec, n_slots: int) -> None:
        self._dtype, self._shape = DTYPES[spec.dtype], (n_slots, *spec.shape)
        self._array = mx.zeros(self._shape, dtype=self._dtype)
        mx.eval(self._array)
        self._copy: NDArray[np.uint8] | None = None
        self.views = self._cut(bytes_of(self._array), spec.nbytes) if self._is_shared() else ()
        if not self.views:
            self._copy = np.zeros(n_slots * spec.nbytes, np.uint8)
            self.views = self._cut(self._copy.data, spec.nbytes)

    @property
    def shared(self) -> bool:
        return self._copy is None

    def array(self) -> mx.array:
        return self._array if self._copy is None else of_bytes(self._copy, self._dtype, self._shape)

    def _cut(self, view: memoryview, nbytes: int) -> tuple[memoryview, ...]:
        return tuple(view[start : start + nbytes] for start in range(0, len(view), nbytes))

    def _is_shared(self) -> bool:
        """Write one byte through the view and look for it in the array."""
        view = bytes_of(self._array)
        if view.readonly:
            return False
        view[0] = 1
        first = self._array[(slice(1),) * self._array.ndim]
        shown = first.reshape(1).view(mx.uint8)[0].item() == 1
        view[0] = 0
        return shown


class MlxSlotBank:
    """S slots of one record layout."""

    def __init__(self, components: Sequence[ComponentSpec], n_slots: int, in_dims: tuple[int, int, int]) -> None:
        self.n_slots = n_slots
        self.nbytes = n_slots * sum(component.nbytes for component in components)
        self._blocks = {component.name: _Block(component, n_slots) for component in components}
        self._by_slot = tuple(zip(*(block.views for block in self._blocks.values()), strict=True))
        self._in_dims = dict(zip(PROJECTIONS, in_dims, strict=True))
        self.shared = all(block.shared for block in self._blocks.values())
        self._fixed = {name: self._stack(name) for name in PROJECTIONS} if self.shared else None

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        """Writable bytes of one slot, one view per component."""
        return self._by_slot[slot]

    def projection(self, name: str) -> StackedLinear:
        """The weights of one projection for all slots, as they are in memory now."""
        return self._fixed[name] if self._fixed is not None else self._stack(name)

    def _stack(self, name: str) -> StackedLinear:
        weight = self._blocks[f"{name}.weight"].array()
        if f"{name}.scales" not in self._blocks:
            return StackedLinear(weight, None, None, 0, 0)
        scales, biases = self._blocks[f"{name}.scales"].array(), self._blocks[f"{name}.biases"].array()
        in_dim = self._in_dims[name]
        return StackedLinear(weight, scales, biases, 32 * weight.shape[-1] // in_dim, in_dim // scales.shape[-1])
