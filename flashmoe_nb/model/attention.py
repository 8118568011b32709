"""Full attention: grouped key/value heads, per-head q/k norms, partial RoPE, and in Qwen3-Next and 3.5 an output gate.

Source: transformers modeling_qwen3_next.py `Qwen3NextAttention`, modeling_qwen3_moe.py `Qwen3MoeAttention`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.events import Stage
from flashmoe_nb.model.stage_values import AttentionProjections, QueryKey

if TYPE_CHECKING:
    from flashmoe_nb.config import AttentionConfig
    from flashmoe_nb.model.layer import Steps
    from flashmoe_nb.model.loader import ResidentLoader
    from flashmoe_nb.model.state import KVCache
    from flashmoe_nb.ops import Array, Linear, Ops


@dataclass(frozen=True, slots=True)
class Attention:
    """Weights of one full-attention mixer."""

    config: AttentionConfig
    eps: float
    q_proj: Linear
    k_proj: Linear
    v_proj: Linear
    o_proj: Linear
    q_norm: Array
    k_norm: Array

    @classmethod
    def load(cls, loader: ResidentLoader, path: str, config: AttentionConfig, hidden: int, eps: float) -> Attention:
        """Read `path.q_proj` and the rest."""
        q_dim, kv_dim = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        return cls(
            config,
            eps,
            q_proj=loader.linear(f"{path}.q_proj", q_dim * (1 + config.output_gate), hidden, bias=config.bias),
            k_proj=loader.linear(f"{path}.k_proj", kv_dim, hidden, bias=config.bias),
            v_proj=loader.linear(f"{path}.v_proj", kv_dim, hidden, bias=config.bias),
            o_proj=loader.linear(f"{path}.o_proj", hidden, q_dim, bias=config.bias),
            q_norm=loader.vector(f"{path}.q_norm.weight", (config.head_dim,)),
            k_norm=loader.vector(f"{path}.k_norm.weight", (config.head_dim,)),
        )

    def steps(self, ops: Ops, h: Array, cache: KVCache) -> Steps:
        """Mix T positions into the cache. Shapes: h [T, D], returns [T, D]."""
        config = self.config
        # Names are reused, so that memory is freed early.
        queries, keys, values, gate = yield Stage.PROJECT, self._project(ops, h)
        queries, keys = yield Stage.QK_NORM, self._norm(ops, queries, keys)
        queries, keys = yield Stage.ROPE, self._turn(ops, queries, keys, cache.length)
        cache.append(ops, keys, values)
        scale = config.head_dim**-0.5
        mixed = yield Stage.ATTENTION, ops.attention(queries, cache.keys, cache.values, cache.length, scale)
        if gate is not None:
            mixed = yield Stage.GATED, ops.gate(mixed, gate)
        return ops.linear(mixed, self.o_proj)

    def _norm(self, ops: Ops, queries: Array, keys: Array) -> QueryKey:
        return QueryKey(ops.rms_norm(queries, self.q_norm, self.eps), ops.rms_norm(keys, self.k_norm, self.eps))

    def _turn(self, ops: Ops, queries: Array, keys: Array, offset: int) -> QueryKey:
        rotary_dim, theta, scale = self.config.rotary_dim, self.config.rope_theta, self.config.rope_scale
        return QueryKey(*(ops.rope(x, rotary_dim, theta, scale, offset) for x in (queries, keys)))

    def _project(self, ops: Ops, h: Array) -> AttentionProjections:
        """A gated q_proj lies per head as [query Dh | gate Dh]."""
        config, n_tokens = self.config, h.shape[0]
        queries, gate = ops.linear(h, self.q_proj), None
        if config.output_gate:
            by_head = ops.reshape(queries, (n_tokens, config.num_heads, 2 * config.head_dim))
            queries, gate = ops.split(by_head, (config.head_dim, config.head_dim))
            gate = ops.reshape(gate, (n_tokens, config.num_heads * config.head_dim))
        kv_shape = (n_tokens, config.num_kv_heads, config.head_dim)
        return AttentionProjections(
            ops.reshape(queries, (n_tokens, config.num_heads, config.head_dim)),
            ops.reshape(ops.linear(h, self.k_proj), kv_shape),
            ops.reshape(ops.linear(h, self.v_proj), kv_shape),
            gate,
        )
