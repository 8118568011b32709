"""What mixer stages carry when it is more than one array. Tuples, so that back ends can evaluate what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flashmoe_nb.ops import Array


class AttentionProjections(NamedTuple):
    """Shapes: queries [T, Hq, Dh]; keys and values [T, Hkv, Dh]; output_gate [T, Hq*Dh] or None."""

    queries: Array
    keys: Array
    values: Array
    output_gate: Array | None


class QueryKey(NamedTuple):
    """Shapes: queries [T, Hq, Dh], keys [T, Hkv, Dh]."""

    queries: Array
    keys: Array


class DeltaProjections(NamedTuple):
    """Queries, keys and values before the convolution, and the gates.

    Shapes: mixed [T, 2*Hk*Dk + Hv*Dv], z [T, Hv, Dv], b and a [T, Hv].
    """

    mixed: Array
    z: Array
    b: Array
    a: Array


class DecayBeta(NamedTuple):
    """How much each head forgets and how strongly it writes. Shapes: both [T, Hv], float32."""

    decay: Array
    beta: Array
