"""How much memory an open model takes, before anything is loaded, and whether a budget can hold it.

Arithmetic over headers and config; knows no arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.errors import BudgetError
from flashmoe_nb.model.state import KV_STEP

if TYPE_CHECKING:
    from flashmoe_nb.config import ModelConfig
    from flashmoe_nb.ops import Ops
    from flashmoe_nb.storage import CheckpointIndex, NameMap

_ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_WORK_BYTES = 176 * 2**20
"""Activations of a prefill chunk and MLX's buffer cache, rounded up: 151 to 159 MB measured for 512 tokens of the true
397B shape, `flashmoe bench memory --ops mlx`."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes an engine needs."""

    resident_bytes: int
    """Weights that stay in memory, in the dtypes they are kept in."""
    slot_bytes: int
    state_bytes: int
    """Delta-net memories of one session."""
    kv_bytes_per_token: int
    work_bytes: int
    """Set aside for activations."""
    budget: int | None
    max_context: int
    """Positions that fit the model and the budget."""

    @property
    def fixed_bytes(self) -> int:
        """Everything but the KV cache."""
        return self.resident_bytes + self.slot_bytes + self.state_bytes + self.work_bytes

    def limit_reason(self, config: ModelConfig) -> str:
        """Why `max_context` is what it is."""
        if self.max_context < config.max_position_embeddings:
            return f"what memory_budget={self.budget:,} leaves for keys and values"
        return "max_position_embeddings of config.json"


def plan_memory(
    config: ModelConfig, resident_bytes: int, slot_bytes: int, dtype: str, budget: int | None
) -> MemoryPlan:
    """Add everything up.

    Raises:
        BudgetError: the budget cannot hold weights, slots and the smallest KV cache; the message has the numbers.
    """
    item = _ITEM_BYTES[dtype]
    attention = config.attention
    kv = 2 * attention.num_kv_heads * attention.head_dim * item * config.num_full_attention
    state = _delta_bytes(config, item) * config.mixer_kinds.count("linear_attention")
    fixed = resident_bytes + slot_bytes + state + _WORK_BYTES
    longest = config.max_position_embeddings
    if budget is not None:
        smallest = KV_STEP  # the cache grows by it, however short the model's context
        if budget < fixed + smallest * kv:
            msg = (
                f"memory_budget is {budget:,} bytes, this model needs {fixed + smallest * kv:,}: resident weights "
                f"{resident_bytes:,} + expert slots {slot_bytes:,} + delta-net state {state:,} + keys and values for "
                f"{smallest} positions {smallest * kv:,} + working memory {_WORK_BYTES:,}: give more, or fewer slots"
            )
            raise BudgetError(msg)
        if kv:
            longest = min(longest, (budget - fixed) // kv // KV_STEP * KV_STEP)
    return MemoryPlan(resident_bytes, slot_bytes, state, kv, _WORK_BYTES, budget, longest)


def resident_bytes(index: CheckpointIndex, names: NameMap, config: ModelConfig, ops: Ops, *, stream_dense: bool) -> int:
    """Bytes of the resident tensors once their floating values are in the dtypes the back end keeps them in."""
    dense = (
        {f"layers.{n}.mlp." for n, sparse in enumerate(config.sparse_layers) if not sparse} if stream_dense else set()
    )
    total = 0
    for name, tensor in names.resident.items():
        if name.startswith(tuple(dense)) or (config.tie_word_embeddings and name.startswith("lm_head.")):
            continue
        entry = index.entries[tensor.key]
        as_stored = entry.dtype == "U32" or (ops.keeps_scales and name.endswith((".scales", ".biases")))
        kept = "float32" if name.endswith(".A_log") else ops.dtype
        total += entry.nbytes if as_stored else math.prod(entry.shape) * _ITEM_BYTES[kept]
    return total


def _delta_bytes(config: ModelConfig, item: int) -> int:
    """Of one layer."""
    delta = config.delta
    if delta is None:
        return 0
    memory = delta.num_v_heads * delta.v_head_dim * delta.k_head_dim * 4
    return memory + (delta.conv_kernel - 1) * delta.conv_dim * item
