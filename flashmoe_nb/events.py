"""What happens while a token is decoded, as plain data: stages, reads and routing.

Standard library only. Knows nothing of arrays, files or models; the values it carries belong to whoever put them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple

Phase = Literal["prefill", "decode"]


class Stage(StrEnum):
    """Where in the forward pass a value was produced, in the order it happens."""

    EMBED = "embed"  # [T, D]
    INPUT_NORM = "input_norm"  # [T, D]
    PROJECT = "project"  # mixer inputs: QKVGate or DeltaProjections
    CONV = "conv"  # delta net: [T, 2*Hk*Dk + Hv*Dv] after the causal convolution and SiLU
    DECAY = "decay"  # delta net: DecayBeta, each [T, Hv]
    DELTA = "delta"  # delta net: [T, Hv, Dv] read from the updated state
    QK_NORM = "qk_norm"  # attention: QueryKey before rotation
    ROPE = "rope"  # attention: QueryKey after rotation
    ATTENTION = "attention"  # attention: [T, Hq*Dh] before the output gate
    GATED = "gated"  # mixer output before its last projection
    MIXER = "mixer"  # [T, D]
    RESID_MID = "resid_mid"  # [T, D] residual stream after the mixer
    POST_NORM = "post_norm"  # [T, D]
    ROUTER = "router"  # Routing
    EXPERT_READ = "expert_read"  # tuple[ExpertRead, ...]
    EXPERT_COMPUTE = "expert_compute"  # [T, D], weighted sum over the routed experts of one wave
    SHARED_EXPERT = "shared_expert"  # [T, D], after its sigmoid gate
    COMBINE = "combine"  # [T, D] residual stream after the layer
    FINAL_NORM = "final_norm"  # [1, D], last position only
    LOGITS = "logits"  # [V], last position only


class Routing(NamedTuple):
    """The router's decision for T tokens.

    Shapes: logits [T, E]; expert_ids [T, K], by falling weight; routing_weights [T, K].
    """

    logits: Any
    expert_ids: Any
    routing_weights: Any


class ExpertRead(NamedTuple):
    """One expert brought from disk into a slot; times are `time.perf_counter_ns`.

    A tuple, because a token of a small model makes eighty: a frozen dataclass takes four times as long to make.
    """

    layer: int
    expert: int
    slot: int
    nbytes: int
    start_ns: int
    end_ns: int
    thread: int
    """Index of the reading thread, 0 <= thread < read_threads."""
    n_calls: int
    """System calls it took: 1 for a packed record, more in place or after a short count."""
    resident_fraction_before: float | None = None
    """Share of the record's pages the page cache held before the read; None when it was not measured."""

    @property
    def duration_ns(self) -> int:
        """Wall time of the read."""
        return self.end_ns - self.start_ns


@dataclass(slots=True)
class StageEvent:
    """One stage of one layer, seen after its value was evaluated.

    `value` is what the next stage goes on with; sending another value into the generator replaces it.
    """

    stage: Stage
    layer: int | None
    """None outside the layers: EMBED, FINAL_NORM, LOGITS."""
    position: int
    """Position in the context of the first token this value covers."""
    n_tokens: int
    phase: Phase
    chunk: int
    """Prefill chunk, from 0; always 0 in decode."""
    wave: int
    """Which wave of expert slots, from 0; 0 outside EXPERT_READ and EXPERT_COMPUTE."""
    start_ns: int
    end_ns: int
    synced: bool
    """False: `end_ns - start_ns` is the time to build a lazy graph, not to compute it."""
    value: Any
    patched: bool = False
    """True once a value was sent back in place of the one produced."""

    def __repr__(self) -> str:
        where = f"layer {self.layer} " if self.layer is not None else ""
        took = f"{(self.end_ns - self.start_ns) / 1e6:.3f} ms" + ("" if self.synced else " (not synced)")
        return f"<StageEvent {where}{self.stage} at {self.position}+{self.n_tokens} {self.phase} {took}>"
