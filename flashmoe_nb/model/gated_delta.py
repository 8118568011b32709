"""Gated delta net: linear attention whose memory decays, and is corrected towards each new value instead of summed up.

Source: "Gated Delta Networks" (arXiv 2412.06464); transformers modeling_qwen3_next.py `Qwen3NextGatedDeltaNet`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashmoe_nb.events import Stage
from flashmoe_nb.model.stage_values import DecayBeta, DeltaProjections

if TYPE_CHECKING:
    from flashmoe_nb.config import DeltaConfig
    from flashmoe_nb.model.layer import Steps
    from flashmoe_nb.model.loader import ResidentLoader
    from flashmoe_nb.model.state import DeltaState
    from flashmoe_nb.ops import Array, Linear, Ops

_SEPARATE = ("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a")
_FUSED = ("in_proj_qkvz", "in_proj_ba")


@dataclass(frozen=True, slots=True)
class GatedDeltaNet:
    """Weights of one gated delta net mixer."""

    config: DeltaConfig
    eps: float
    projections: tuple[Linear, ...]
    """qkv, z, b, a; or, fused, qkvz and ba."""
    conv: Array
    """[conv_dim, k]."""
    a_log: Array
    dt_bias: Array
    norm: Array
    out_proj: Linear

    @classmethod
    def load(cls, loader: ResidentLoader, path: str, config: DeltaConfig, hidden: int, eps: float) -> GatedDeltaNet:
        """Read `path.in_proj_*` and the rest."""
        heads, values, mixed = config.num_v_heads, config.value_dim, config.conv_dim
        out_dims = dict(zip(_SEPARATE, (mixed, values, heads, heads), strict=True))
        if config.fused_projections:
            out_dims = dict(zip(_FUSED, (mixed + values, 2 * heads), strict=True))
        return cls(
            config,
            eps,
            projections=tuple(loader.linear(f"{path}.{name}", size, hidden) for name, size in out_dims.items()),
            conv=loader.vector(f"{path}.conv1d.weight", (mixed, config.conv_kernel)),
            a_log=loader.vector(f"{path}.A_log", (heads,), dtype="float32"),
            dt_bias=loader.vector(f"{path}.dt_bias", (heads,)),
            norm=loader.vector(f"{path}.norm.weight", (config.v_head_dim,)),
            out_proj=loader.linear(f"{path}.out_proj", hidden, values),
        )

    def steps(self, ops: Ops, h: Array, state: DeltaState) -> Steps:
        """Mix T positions into the memory. Shapes: h [T, D], returns [T, D]."""
        config, n_tokens = self.config, h.shape[0]
        mixed, z, b, a = yield Stage.PROJECT, self._project(ops, h)  # names are reused, so that memory is freed early
        mixed, state.conv_tail = ops.causal_conv(mixed, state.conv_tail, self.conv)
        mixed = yield Stage.CONV, mixed
        written = yield Stage.DECAY, DecayBeta(*ops.decay_beta(a, b, self.a_log, self.dt_bias))
        queries, keys, values = ops.split(mixed, (config.key_dim, config.key_dim, config.value_dim))
        by_head = (n_tokens, config.num_k_heads, config.k_head_dim)
        qkv = (
            ops.l2_normalize(ops.reshape(queries, by_head), config.k_head_dim**-0.5),
            ops.l2_normalize(ops.reshape(keys, by_head), 1.0),
            ops.reshape(values, (n_tokens, config.num_v_heads, config.v_head_dim)),
        )
        out, state.memory = ops.delta_update(qkv, written.decay, written.beta, state.memory)
        out = yield Stage.DELTA, out
        gated = ops.gated_rms_norm(out, z, self.norm, self.eps)
        gated = yield Stage.GATED, ops.reshape(gated, (n_tokens, config.value_dim))
        return ops.linear(gated, self.out_proj)

    def _project(self, ops: Ops, h: Array) -> DeltaProjections:
        outputs = [ops.linear(h, projection) for projection in self.projections]
        mixed, z, b, a = self._unfuse(ops, *outputs) if self.config.fused_projections else outputs
        z = ops.reshape(z, (h.shape[0], self.config.num_v_heads, self.config.v_head_dim))
        return DeltaProjections(mixed, z, b, a)

    def _unfuse(self, ops: Ops, qkvz: Array, ba: Array) -> tuple[Array, Array, Array, Array]:
        """Fused rows lie per key head, r value heads with each: [q Dk | k Dk | v r*Dv | z r*Dv] and [b r | a r]."""
        config, n_tokens = self.config, qkvz.shape[0]
        per_key = config.num_v_heads // config.num_k_heads
        width = per_key * config.v_head_dim
        grouped = ops.reshape(qkvz, (n_tokens, config.num_k_heads, 2 * config.k_head_dim + 2 * width))
        parts = ops.split(grouped, (config.k_head_dim, config.k_head_dim, width, width))
        q, k, v, z = (ops.reshape(part, (n_tokens, config.num_k_heads * part.shape[-1])) for part in parts)
        b, a = ops.split(ops.reshape(ba, (n_tokens, config.num_k_heads, 2 * per_key)), (per_key, per_key))
        return ops.concat((q, k, v)), z, *(ops.reshape(x, (n_tokens, config.num_v_heads)) for x in (b, a))
