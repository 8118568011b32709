"""What a session remembers of each layer: keys and values for every position, or one delta-net memory.

Both can be forked cheaply and put back: a `KVCache` by its length, since positions beyond it are never read; a
`DeltaState` by its arrays, since updates are out of place. Knows no layer and no maths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flashmoe_nb.ops import Array, Ops

KV_STEP = 256
"""Positions a KVCache grows by."""


@dataclass(slots=True)
class KVCache:
    """Keys and values of one full-attention layer. Shapes: keys and values [Hkv, capacity, Dh]."""

    keys: Array | None = None
    values: Array | None = None
    length: int = 0

    def append(self, ops: Ops, keys: Array, values: Array) -> None:
        """Write T new positions after the last. Shapes: both [T, Hkv, Dh]."""
        end = self.length + keys.shape[0]
        capacity = -(-end // KV_STEP) * KV_STEP
        self.keys = ops.kv_write(self.keys, keys, self.length, capacity)
        self.values = ops.kv_write(self.values, values, self.length, capacity)
        self.length = end

    def fork(self) -> KVCache:
        """Share the buffers; the back end copies them when one side writes."""
        return KVCache(self.keys, self.values, self.length)

    def snapshot(self) -> KVCache:
        """What `restore` needs: the length alone, so that the buffers can still be written in place."""
        return KVCache(length=self.length)

    def restore(self, saved: KVCache) -> None:
        """Forget the positions after the snapshot."""
        self.length = saved.length

    def arrays(self) -> tuple[Array, ...]:
        """What must be evaluated before slots are refilled or another thread looks."""
        return () if self.keys is None else (self.keys, self.values)

    def to_numpy(self, ops: Ops) -> dict[str, NDArray[np.float32]]:
        """Copies of the positions there are. Shapes: [Hkv, length, Dh]."""
        if self.keys is None:
            return {}
        return {
            name: ops.to_numpy(array)[:, : self.length].copy()
            for name, array in (("keys", self.keys), ("values", self.values))
        }


@dataclass(slots=True)
class DeltaState:
    """Memory of one gated delta net. Shapes: conv_tail [k-1, conv_dim], memory [Hv, Dv, Dk] float32."""

    conv_tail: Array
    memory: Array

    def fork(self) -> DeltaState:
        """Share the arrays: updates replace them."""
        return DeltaState(self.conv_tail, self.memory)

    def snapshot(self) -> DeltaState:
        """The arrays as they are."""
        return self.fork()

    def restore(self, saved: DeltaState) -> None:
        """Take the arrays of the snapshot back."""
        self.conv_tail, self.memory = saved.conv_tail, saved.memory

    def arrays(self) -> tuple[Array, ...]:
        """What must be evaluated before slots are refilled or another thread looks."""
        return self.conv_tail, self.memory

    def to_numpy(self, ops: Ops) -> dict[str, NDArray[np.float32]]:
        """Copies. Shapes: as the fields."""
        named = (("conv_tail", self.conv_tail), ("memory", self.memory))
        return {name: ops.to_numpy(array).copy() for name, array in named}


class LayerState(Protocol):
    """Memory of one layer, of either kind."""

    def fork(self) -> LayerState:
        """A second state with the same past."""

    def snapshot(self) -> LayerState:
        """What `restore` needs to come back here."""

    def restore(self, saved: Any) -> None:  # its own kind of snapshot
        """Come back."""

    def arrays(self) -> tuple[Array, ...]:
        """What must be evaluated before slots are refilled or another thread looks."""

    def to_numpy(self, ops: Ops) -> dict[str, NDArray[np.float32]]:
        """Copies by name."""
