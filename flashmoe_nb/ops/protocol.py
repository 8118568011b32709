"""What a back end must be able to do for the layers to run on it.

The layers are written once over `Ops`; an array is whatever the back end's functions return, and only `to_numpy`,
`evaluate` and `dtype_name` look into it from outside. Knows no checkpoint names, no files and no model.
Dims: T tokens, D hidden, E experts, K active, I expert width, V vocabulary, Hq/Hkv attention heads, Dh their dim,
Hk/Hv delta heads, Dk/Dv their dims, S slots, P (token, expert) pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

Array = Any
"""An array of the back end in use."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A resident matrix [out_dim, in_dim], affine quantized where `scales` is there.

    Shapes: weight [out_dim, in_dim*bits/32] uint32, scales and quant_biases [out_dim, in_dim/group_size]; or weight
    [out_dim, in_dim] alone. bias [out_dim] or None is added to the product.
    """

    weight: Array
    scales: Array | None
    quant_biases: Array | None
    bias: Array | None
    out_dim: int
    in_dim: int
    bits: int
    """0 when not quantized."""
    group_size: int
    prepared: Any = None
    """What a back end made of it in `Ops.prepare`, for its own use."""


@dataclass(frozen=True, slots=True)
class WavePlan:
    """Which rows of the hidden state go through which slots, in one wave of expert reads.

    P pairs, sorted by slot. Shapes: tokens, ranks and slots [P]; gather [T, M] points from a token to its pairs of this
    wave, P where it has fewer than M.
    """

    tokens: NDArray[np.int32]
    ranks: NDArray[np.int32]
    """Column of the pair in `Routing.expert_ids`."""
    slots: NDArray[np.uint32]
    gather: NDArray[np.int32]


class ComponentSpec(Protocol):
    """One array of one expert, as `storage.record.Component` describes it."""

    @property
    def name(self) -> str:
        """E.g. "gate_proj.scales"."""

    @property
    def dtype(self) -> str:
        """Safetensors name."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one expert."""

    @property
    def nbytes(self) -> int:
        """Of one expert."""


class SlotBank(Protocol):
    """Memory for S experts of one layout, filled from disk and computed with where it lies."""

    @property
    def n_slots(self) -> int:
        """S."""

    @property
    def nbytes(self) -> int:
        """All slots together."""

    @property
    def shared(self) -> bool:
        """True when reads land in the very memory the arithmetic uses; False: each use copies."""

    def buffers(self, slot: int) -> tuple[memoryview, ...]:
        """Writable bytes of one slot, one view per component."""


class Ops(Protocol):
    """One back end at one activation dtype."""

    @property
    def name(self) -> str:
        """As `fm.open(ops=...)` takes it."""

    @property
    def device(self) -> str:
        """What it runs on, in words."""

    @property
    def dtype(self) -> str:
        """Activation dtype: "float32", "bfloat16" or "float16"."""

    @property
    def keeps_scales(self) -> bool:
        """True when quantization scales stay in the checkpoint's dtype; False: `prepare` casts them."""

    @property
    def lazy(self) -> bool:
        """True when functions return before anything is computed."""

    # -- memory ------------------------------------------------------------------------------------------------------
    def tensor(self, dtype: str, shape: tuple[int, ...], fill: Callable[[memoryview], None]) -> Array:
        """A new array of a safetensors dtype whose bytes `fill` writes."""

    def cast(self, x: Array, dtype: str | None = None) -> Array:
        """To the activation dtype, or the one named."""

    def constant(self, values: NDArray[np.float32]) -> Array:
        """A float32 array of the back end."""

    def zeros(self, shape: tuple[int, ...], dtype: str | None = None) -> Array:
        """Zeros of the activation dtype, or the one named."""

    def prepare(self, w: Linear) -> Linear:
        """A matrix as read from disk, made ready for `linear` and `embed`; the arrays given may be kept or replaced."""

    def slot_bank(self, components: Sequence[ComponentSpec], n_slots: int, in_dims: tuple[int, int, int]) -> SlotBank:
        """Slots for experts with these components; in_dims are those of gate_proj, up_proj and down_proj."""

    def evaluate(self, *values: object) -> None:
        """Compute every array found in the values (tuples are searched)."""

    def to_numpy(self, x: Array) -> NDArray[Any]:
        """A numpy array of the values, float32 for floating dtypes."""

    def release(self) -> None:
        """Give memory kept for reuse back to the system."""

    # -- elementwise and shape ---------------------------------------------------------------------------------------
    def add(self, x: Array, y: Array) -> Array:
        """Sum."""

    def gate(self, x: Array, gate: Array) -> Array:
        """X * sigmoid(gate)."""

    def swiglu(self, gate: Array, up: Array) -> Array:
        """silu(gate) * up."""

    def split(self, x: Array, sizes: Sequence[int]) -> tuple[Array, ...]:
        """Cut the last axis into pieces of these sizes."""

    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        """Same values in another shape."""

    def concat(self, parts: Sequence[Array]) -> Array:
        """Join along the last axis."""

    def last_row(self, x: Array) -> Array:
        """x[-1:], shape [1, D]."""

    # -- layers ------------------------------------------------------------------------------------------------------
    def embed(self, table: Linear, ids: NDArray[np.int32]) -> Array:
        """Rows of the table, [T, D]."""

    def linear(self, x: Array, w: Linear) -> Array:
        """X @ w.T, [T, out_dim]."""

    def rms_norm(self, x: Array, weight: Array, eps: float) -> Array:
        """Over the last axis."""

    def gated_rms_norm(self, x: Array, gate: Array, weight: Array, eps: float) -> Array:
        """rms_norm(x) * silu(gate), multiplied in float32."""

    def rope(self, x: Array, rotary_dim: int, theta: float, scale: float, offset: int) -> Array:
        """Rotate the first `rotary_dim` of each head, pairs (i, i + rotary_dim/2). Shapes: x [T, H, Dh]."""

    def kv_write(self, buffer: Array | None, new: Array, length: int, capacity: int) -> Array:
        """Put new [T, H, Dh] at position `length`; grows to `capacity`. Shapes: buffer and result [H, capacity, Dh].

        The buffer given may be written to, unless somebody else holds it too.
        """

    def attention(self, queries: Array, keys: Array, values: Array, length: int, scale: float) -> Array:
        """Causal attention of the last T of `length` positions. Shapes: queries [T, Hq, Dh], result [T, Hq*Dh]."""

    def causal_conv(self, x: Array, tail: Array, weight: Array) -> tuple[Array, Array]:
        """Depthwise causal convolution and SiLU; returns the result and the new tail.

        Shapes: x [T, C], tail [k-1, C] (the inputs before x), weight [C, k], tap k-1 on the current input.
        """

    def decay_beta(self, a: Array, b: Array, a_log: Array, dt_bias: Array) -> tuple[Array, Array]:
        """exp(-exp(a_log) * softplus(a + dt_bias)) and sigmoid(b), both [T, Hv] float32."""

    def l2_normalize(self, x: Array, scale: float) -> Array:
        """Scale * x / sqrt(sum(x^2) + 1e-6) over the last axis."""

    def delta_update(
        self, qkv: tuple[Array, Array, Array], decay: Array, beta: Array, memory: Array
    ) -> tuple[Array, Array]:
        """Gated delta rule over T tokens, in float32, out of place.

        S <- decay*S; S <- S + beta*(v - S k) k^T; o = S q.
        Shapes: q and k [T, Hk, Dk], v [T, Hv, Dv], decay and beta [T, Hv], memory [Hv, Dv, Dk]; result [T, Hv, Dv],
        memory.
        """

    def route(self, logits: Array, top_k: int, *, normalize: bool) -> tuple[Array, Array]:
        """Softmax over all experts, then the K likeliest by falling weight: ids [T, K] and weights [T, K]."""

    def run_experts(self, x: Array, weights: Array, bank: SlotBank, plan: WavePlan) -> Array:
        """Weighted sum over the pairs of a wave. Shapes: x [T, D], weights [T, K]; result [T, D]."""
